package detect

import (
	"bytes"
	"regexp"
	"strings"
)

const secretName = `[A-Za-z0-9_.-]{0,60}(?:password|passwd|secret|token|api_?key|access_?key|private_?key|credential)[A-Za-z0-9_.-]{0,20}`

// lineAssign has the groups name and value.
var lineAssign = regexp.MustCompile(`(?im)^[ \t]*(?:-[ \t]+)?(?:export[ \t]+)?["']?(` + secretName + `)["']?[ \t]*[=:][ \t]*("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|[^\s"'#;,]+)[ \t]*(?:[#;,].*)?\r?$`)

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
	"keyid", "secretid", "tokenid", "secretname", "tokentype", "tokenurl", "passwordpolicy", "secretsmanager", "secretmanager",
}

func secretValue(name string, v []byte) bool {
	name = strings.NewReplacer("-", "_", ".", "_").Replace(name)
	for _, end := range about {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	switch {
	case strings.Contains(name, "public"), len(v) < 6, len(v) > 4096, placeholder(v), refuted(v):
		return false
	case bytes.IndexByte(v, ' ') >= 0 && !bytes.ContainsAny(v, "0123456789"), bytes.Count(v, []byte(" ")) > 2,
		bytes.IndexFunc(v, func(r rune) bool { return r > 0x2E7F }) >= 0:
		return false // a text for people
	case strings.Contains(name, "access") && !strings.Contains(name, "secret") && strings.HasSuffix(name, "key"):
		return false // by custom the identifier beside a secret
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

// unquote takes the quotes off a value.
func unquote(data []byte, start, end int) (from, to int) {
	if end-start >= 2 && (data[start] == '"' || data[start] == '\'') && data[end-1] == data[start] {
		return start + 1, end - 1
	}
	return start, end
}
