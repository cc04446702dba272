// Package rules holds the rules as data, one record a file, and reads them
// strictly: an unknown field, a wrong word or a missing text is an error with
// file, line and field.
package rules

import "github.com/lenscap/lenscap"

// Rule is one record of rules/exposure.
type Rule struct {
	ID    string       `yaml:"id" json:"id"` // lower case with hyphens, the file's name
	Title lenscap.Text `yaml:"title" json:"title"`
	// Text says what is wrong, Reason why it matters, Remedy what to do; each
	// may be several sentences.
	Text   lenscap.Text `yaml:"text" json:"text"`
	Reason lenscap.Text `yaml:"reason" json:"reason"`
	Remedy lenscap.Text `yaml:"remedy" json:"remedy"`

	Class lenscap.Class     `yaml:"class" json:"class"`
	Cause lenscap.RootCause `yaml:"cause" json:"cause"`

	// Match is the cheap, indexed part. Empty lists match everything.
	Match Match `yaml:"match" json:"match"`
	// When is an optional CEL expression over asset, exposure and evidence; it
	// runs only on what Match chose.
	When string `yaml:"when,omitempty" json:"when,omitempty"`

	Severity Severity `yaml:"severity" json:"severity"`
	Mappings Mappings `yaml:"mappings" json:"mappings"`
	Examples Examples `yaml:"examples" json:"examples"`

	Source string `yaml:"-" json:"-"` // the file it came from
}

// Match chooses assets by what is indexed.
type Match struct {
	Providers []string              `yaml:"providers,omitempty" json:"providers,omitempty"`
	Kinds     []lenscap.Kind        `yaml:"kinds,omitempty" json:"kinds,omitempty"`
	Verdicts  []lenscap.Verdict     `yaml:"verdicts,omitempty" json:"verdicts,omitempty"`
	Causes    []lenscap.RootCause   `yaml:"causes,omitempty" json:"causes,omitempty"`
	Encrypted []lenscap.Tri         `yaml:"encrypted,omitempty" json:"encrypted,omitempty"`
	Residues  []lenscap.ResidueKind `yaml:"residues,omitempty" json:"residues,omitempty"` // any of them
}

// Severity is a base and the steps that change it, in order; the last step that
// holds wins and its reason is shown.
type Severity struct {
	Base   lenscap.Severity `yaml:"base" json:"base"`
	Reason lenscap.Text     `yaml:"reason" json:"reason"`
	Steps  []SeverityStep   `yaml:"steps,omitempty" json:"steps,omitempty"`
}

// SeverityStep sets the severity when its CEL expression holds.
type SeverityStep struct {
	When   string           `yaml:"when" json:"when"`
	To     lenscap.Severity `yaml:"to" json:"to"`
	Reason lenscap.Text     `yaml:"reason" json:"reason"`
}

// Mappings names the controls of published frameworks that the rule serves,
// by their own identifiers; empty where none fits.
type Mappings struct {
	CISAWS   []string `yaml:"cis_aws,omitempty" json:"cis_aws,omitempty"`
	NIST     []string `yaml:"nist_800_53r5,omitempty" json:"nist_800_53r5,omitempty"`
	PCI      []string `yaml:"pci_dss_4,omitempty" json:"pci_dss_4,omitempty"`
	ISO27001 []string `yaml:"iso_27001_2022,omitempty" json:"iso_27001_2022,omitempty"`
	SOC2     []string `yaml:"soc2,omitempty" json:"soc2,omitempty"`
	MLPS     []string `yaml:"mlps_2,omitempty" json:"mlps_2,omitempty"` // GB/T 22239-2019 clauses
	ATTACK   []string `yaml:"attack,omitempty" json:"attack,omitempty"`
}

// Examples are run as tests: For must match, Against must not.
type Examples struct {
	For     []Example `yaml:"for" json:"for"`
	Against []Example `yaml:"against" json:"against"`
}

// Example is one asset with what it is judged by.
type Example struct {
	Name     string               `yaml:"name" json:"name"`
	Asset    lenscap.Asset        `yaml:"asset" json:"asset"`
	Guards   []lenscap.Guard      `yaml:"guards,omitempty" json:"guards,omitempty"`
	Keys     []lenscap.Key        `yaml:"keys,omitempty" json:"keys,omitempty"`
	Members  []lenscap.Membership `yaml:"members,omitempty" json:"members,omitempty"`
	Evidence *lenscap.Evidence    `yaml:"evidence,omitempty" json:"evidence,omitempty"`
	Severity lenscap.Severity     `yaml:"severity,omitempty" json:"severity,omitempty"` // the one expected, when told
}
