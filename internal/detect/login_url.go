package detect

import (
	"bytes"
	"strings"
)

// loginURL finds URLs of any scheme that hold a password: databases and queues,
// the web, mail, files, directories.
type loginURL struct{}

func (loginURL) Name() string                { return "database_url" }
func (loginURL) Keywords() []string          { return []string{"://"} }
func (loginURL) Window() (before, after int) { return 32, 512 }

// databaseSchemes are the schemes, without what stands behind a plus sign.
var databaseSchemes = map[string]bool{
	"postgres": true, "postgresql": true, "mysql": true, "mariadb": true, "mongodb": true, "redis": true, "rediss": true, "amqp": true, "amqps": true,
	"mssql": true, "sqlserver": true, "clickhouse": true, "oracle": true, "ldap": true, "ldaps": true, "couchdb": true, "cockroachdb": true, "nats": true,
	"neo4j": true, "bolt": true, "cassandra": true, "influxdb": true, "mqtt": true, "mqtts": true, "kafka": true, "memcached": true, "jdbc": true, "db2": true,
}

func (loginURL) Match(w Window) []Hit {
	after := w.Data[w.End:]
	user, v, host, ok := login(after)
	if !ok {
		return nil
	}
	start := w.Start
	for start > 0 && (nameByte(w.Data[start-1]) || w.Data[start-1] == '+') {
		start--
	}
	scheme := lowerASCII(string(w.Data[start:w.Start]))
	if scheme == "" || len(scheme) > 24 {
		return nil
	}
	// A sample's password is a word, its host a domain kept for samples.
	if placeholder(v) || bytes.Equal(v, user) || templated(v) || templated(user) || sampleHost(host) || sampleWords[lowerASCII(string(v))] {
		return nil
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(scheme, "jdbc:"), "+")
	h := Hit{
		Type: "url_password", Class: Secret, Severity: High, Start: w.End + len(user) + 1, End: w.End + len(user) + 1 + len(v),
		TitleEn: "URL with a password", TitleZh: "含密码的 URL",
		Public: public([]byte(scheme)) + "://" + public(user) + "@" + public(host),
	}
	if databaseSchemes[first] {
		h.Type, h.TitleEn, h.TitleZh = "database_url", "database URL with a password", "含密码的数据库连接串"
	}
	return []Hit{h}
}

// login cuts user:password@host.
func login(b []byte) (user, password, host []byte, ok bool) {
	colon := -1
	for i, c := range b {
		switch {
		case c == '@':
			if colon < 0 || i-colon-1 < 1 || i-colon-1 > 128 {
				return nil, nil, nil, false
			}
			end := i + 1
			for end < len(b) && end-i < 254 && (nameByte(b[end]) || b[end] == '[' || b[end] == ']') {
				end++
			}
			return b[:colon], b[colon+1 : i], b[i+1 : end], end > i+1
		case c == ':' && colon < 0:
			if i > 64 {
				return nil, nil, nil, false
			}
			colon = i
		case c <= ' ' || c >= 0x7F || c == '/' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == '\\' || c == ',' && colon < 0:
			return nil, nil, nil, false
		}
	}
	return nil, nil, nil, false
}

func templated(v []byte) bool {
	return bytes.ContainsAny(v, "{}$*") && (bytes.IndexByte(v, '{') >= 0 || bytes.HasPrefix(v, []byte("$")) || bytes.HasPrefix(v, []byte("*"))) ||
		bytes.HasPrefix(v, []byte("%s")) || bytes.HasPrefix(v, []byte("["))
}

func sampleHost(host []byte) bool {
	h := lowerASCII(string(host))
	return strings.Contains(h, "example") || h == "host" || h == "hostname" || h == "server" || h == "h" || h == "proxy" || strings.HasSuffix(h, ".test") || strings.HasSuffix(h, ".invalid")
}

// sampleWords are passwords that only samples have.
var sampleWords = map[string]bool{
	"pass": true, "pwd": true, "pw": true, "passwd": true, "foo": true, "bar": true, "baz": true, "foobar": true, "test": true, "user": true, "username": true,
	"mypassword": true, "mypass": true, "p": true, "port": true, "x": true, "yyy": true, "xxx": true, "passphrase": true,
}
