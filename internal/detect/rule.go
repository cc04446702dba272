package detect

// Text is a text for people in both languages.
type Text struct {
	En string `yaml:"en" json:"en"`
	Zh string `yaml:"zh" json:"zh"`
}

// Rule is one record of rules/detect. It finds text by Keywords and Pattern
// anywhere, or by Paths and Format in files of one kind, or both: a Pattern that
// counts in files of certain Paths only.
type Rule struct {
	ID       string   `yaml:"id" json:"id"`     // lower case with hyphens, the file's name
	Type     string   `yaml:"type" json:"type"` // of the items: lower case with underscores
	Class    Class    `yaml:"class" json:"class"`
	Severity Severity `yaml:"severity" json:"severity"`
	Title    Text     `yaml:"title" json:"title"`   // what it is, without an article
	Reason   Text     `yaml:"reason" json:"reason"` // what a stranger can do with it
	Remedy   Text     `yaml:"remedy" json:"remedy"` // what its owner is to do

	// Keywords are words of at least three bytes, one of which is in
	// every match, compared without regard to case.
	Keywords []string `yaml:"keywords,omitempty" json:"keywords,omitempty"`
	// Pattern is an RE2 expression. The group (?P<value>…) bounds the value, else
	// it is the whole match; (?P<public>…) is a part that is no secret.
	Pattern string `yaml:"pattern,omitempty" json:"pattern,omitempty"`
	// Before and After are how many bytes around a keyword Pattern may need; 0
	// means 64 and 256.
	Before int `yaml:"before,omitempty" json:"before,omitempty"`
	After  int `yaml:"after,omitempty" json:"after,omitempty"`
	// Entropy is the least of a value, in bits a byte; 0 asks for none.
	Entropy float64 `yaml:"entropy,omitempty" json:"entropy,omitempty"`
	// Check names an offline check of the value. What fails it is no hit; what
	// holds is marked as checked.
	Check string `yaml:"check,omitempty" json:"check,omitempty"`
	// Near are words, one of which must stand within the window, in any case.
	Near []string `yaml:"near,omitempty" json:"near,omitempty"`

	// Paths are globs over absolute paths, compared without regard to case: * is
	// anything but a slash, ** anything, ? one byte; a ! before one leaves out.
	Paths []string `yaml:"paths,omitempty" json:"paths,omitempty"`
	// Format names how such a file is read: presence (the file itself is the
	// hit), ini, env, json, yaml, toml, xml …: docs/add-a-detector.md lists them.
	// Then Pattern narrows a value, and Check is one of those for values.
	Format string `yaml:"format,omitempty" json:"format,omitempty"`
	// Magic is what such a file starts with, in hex; with an offset: 257:7573746172;
	// all of several: 7f454c46+16:0400. One of the list is enough.
	Magic []string `yaml:"magic,omitempty" json:"magic,omitempty"`
	// Keys are globs over the names of values in a structured Format, joined by
	// dots: auths.*.auth. * is anything, dots too; a ! before one leaves out.
	Keys []string `yaml:"keys,omitempty" json:"keys,omitempty"`
	// PublicKeys name values beside the found one that are no secret: user, host.
	PublicKeys []string `yaml:"public_keys,omitempty" json:"public_keys,omitempty"`

	Examples RuleExamples `yaml:"examples" json:"examples"`

	Source string `yaml:"-" json:"-"` // the file it came from
}

// RuleExamples are run as tests: For must be found, Against must not.
type RuleExamples struct {
	For     []RuleExample `yaml:"for" json:"for"`
	Against []RuleExample `yaml:"against" json:"against"`
}

// RuleExample is a file's text and the values to find in it.
type RuleExample struct {
	Path   string   `yaml:"path,omitempty" json:"path,omitempty"` // empty: /srv/app/config
	Text   string   `yaml:"text,omitempty" json:"text,omitempty"`
	Base64 string   `yaml:"base64,omitempty" json:"base64,omitempty"` // instead of Text, for bytes
	Values []string `yaml:"values,omitempty" json:"values,omitempty"` // none for a file that is itself the hit
	Why    string   `yaml:"why,omitempty" json:"why,omitempty"`       // why a look-alike is none
}
