package detect

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// assignment finds PASSWORD=value, secret: value and the like in files of
// settings.
type assignment struct{}

func (assignment) Name() string { return "assignment" }

// settings are name endings of files that hold settings.
var settings = map[string]bool{
	".env": true, ".properties": true, ".ini": true, ".conf": true, ".cfg": true, ".cnf": true, ".yml": true, ".yaml": true,
	".toml": true, ".tfvars": true, ".json": true, ".sh": true, ".bashrc": true, ".profile": true,
}

func (assignment) Wants(f File) int64 {
	base := strings.ToLower(path.Base(f.Path))
	if !textual(f) || strings.HasSuffix(base, ".lock") || base == "package-lock.json" {
		return 0
	}
	if strings.HasPrefix(base, ".env") || base == "environment" || strings.HasPrefix(base, "env.") || settings[path.Ext(base)] {
		return upTo(f, textLimit)
	}
	return 0
}

const secretName = `[A-Za-z0-9_.-]{0,60}(?:password|passwd|secret|token|api_?key|access_?key|private_?key|credential)[A-Za-z0-9_.-]{0,20}`

var (
	// Groups: name, value.
	lineAssign = regexp.MustCompile(`(?im)^[ \t]*(?:-[ \t]+)?(?:export[ \t]+)?["']?(` + secretName + `)["']?[ \t]*[=:][ \t]*("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|[^\s"'#;,]+)[ \t]*(?:[#;,].*)?\r?$`)
	jsonAssign = regexp.MustCompile(`(?i)"(` + secretName + `)"[ \t]*:[ \t]*("(?:[^"\\\r\n]|\\.)*")`)
)

func (assignment) Detect(f File, data []byte) []Hit {
	if bytes.IndexByte(data, 0) >= 0 {
		return nil
	}
	re := lineAssign
	if strings.EqualFold(path.Ext(f.Path), ".json") {
		re = jsonAssign
	}
	return assigned(re, data)
}

// assigned gives a hit for each value that a secret's name is given.
func assigned(re *regexp.Regexp, data []byte) []Hit {
	low := bytes.ToLower(data)
	if !containsAny(low, "passw", "secret", "token", "key", "credential") {
		return nil
	}
	var out []Hit
	for _, m := range re.FindAllSubmatchIndex(data, -1) {
		start, end := unquote(data, m[4], m[5])
		name, v := strings.ToLower(string(data[m[2]:m[3]])), data[start:end]
		if !secretValue(name, v) {
			continue
		}
		h := Hit{
			Type: "secret_assignment", Class: Secret, Severity: Medium, Start: start, End: end, Public: public(data[m[2]:m[3]]),
			TitleEn: "secret in a file of settings", TitleZh: "配置文件中的密钥",
		}
		if strings.Contains(name, "passw") {
			h.Type, h.TitleEn, h.TitleZh = "password_assignment", "password in a file of settings", "配置文件中的密码"
		}
		out = append(out, h)
	}
	return out
}

// about are ends of names that speak about a secret without holding it.
var about = []string{
	"_file", "_path", "_url", "_uri", "_min", "_max", "_length", "_len", "_ttl", "_expiry", "_expires", "_expiration", "_type", "_name", "_id",
	"_timeout", "_lifetime", "_policy", "_field", "_header", "_prompt", "_algorithm", "_count", "_enabled", "_required", "-file", "-path",
	"file", "path", "_env", "_arn", "_ref", "_version", "_endpoint", "authentication",
}

func secretValue(name string, v []byte) bool {
	for _, end := range about {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	switch {
	case strings.Contains(name, "public"), len(v) < 6, len(v) > 4096, placeholder(v):
		return false
	case v[0] == '/', v[0] == '~', v[0] == '&', v[0] == '*', v[0] == '[', v[0] == '{', v[0] == '(', v[0] == '|', v[0] == '>', v[0] == '!':
		return false // a path, a reference, a structure
	case bytes.Contains(v, []byte("://")), bytes.HasPrefix(v, []byte("arn:")), bytes.HasPrefix(v, []byte("vault:")):
		return false
	case bytes.ContainsAny(v, "()") && bytes.IndexByte(v, '(') > 0:
		return false // a call
	}
	if strings.Contains(name, "passw") {
		return true
	}
	// What is named a secret or a token is random; words are something else.
	return len(v) >= 12 && entropy(v) > 3 && bytes.ContainsAny(v, "0123456789")
}
