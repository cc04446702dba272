package detect

import (
	"bytes"
	"strings"
)

// shadow finds accounts whose password's hash is there to be guessed. "*", "!"
// and what starts with "!" can't log in with a password and is clean.
type shadow struct{}

func (shadow) Name() string { return "password_hash" }

func (shadow) Wants(f File) int64 {
	if named(f, "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/master.passwd",
		"/var/backups/shadow.bak", "/var/backups/gshadow.bak") {
		return upTo(f, 4<<20)
	}
	return 0
}

// cryptKinds are the prefixes of crypt(5).
var cryptKinds = []struct{ prefix, name string }{
	{"$y$", "yescrypt"},
	{"$gy$", "gost-yescrypt"},
	{"$7$", "scrypt"},
	{"$2a$", "bcrypt"},
	{"$2b$", "bcrypt"},
	{"$2y$", "bcrypt"},
	{"$6$", "sha512crypt"},
	{"$5$", "sha256crypt"},
	{"$sha1$", "sha1crypt"},
	{"$1$", "md5crypt"},
	{"$md5", "SunMD5"},
	{"$3$", "NTHASH"},
	{"_", "bsdicrypt"},
}

func cryptKind(hash string) (name string, ok bool) {
	for _, k := range cryptKinds {
		if strings.HasPrefix(hash, k.prefix) && len(hash) > len(k.prefix)+10 {
			return k.name, true
		}
	}
	return "descrypt", len(hash) == 13 && strings.Trim(hash, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

func (shadow) Detect(f File, data []byte) []Hit {
	var out []Hit
	for at, line := range lines(data) {
		name, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isAccount(name) {
			continue
		}
		hash, rest, ok := bytes.Cut(rest, []byte(":"))
		start := at + len(name) + 1
		h := Hit{Class: Secret, Start: start, End: start + len(hash), Public: public(name)}
		if !printable(hash) {
			continue
		}
		kind, usable := cryptKind(string(hash))
		switch {
		case usable:
			h.Type, h.Severity, h.Detail, h.Checked = "password_hash", High, kind, "yes"
			h.TitleEn, h.TitleZh = "password hash of an account", "账户的密码哈希"
		case len(hash) == 0 && ok && bytes.Count(rest, []byte(":")) == 6 && !strings.Contains(f.Path, "gshadow"):
			h.Type, h.Severity = "empty_password", High
			h.TitleEn, h.TitleZh = "account without a password", "无密码账户"
		default:
			continue
		}
		out = append(out, h)
	}
	return out
}

// isAccount tells whether a field can be a user's name.
func isAccount(name []byte) bool {
	for _, c := range name {
		if !printable([]byte{c}) || c == '#' || c == '/' || c == ',' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 64
}

// printable tells whether a field holds visible ASCII only.
func printable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
