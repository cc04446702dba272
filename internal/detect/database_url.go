package detect

import (
	"bytes"
	"regexp"
)

// databaseURL finds URLs of databases and queues that hold a password.
type databaseURL struct{}

func (databaseURL) Name() string { return "database_url" }

func (databaseURL) Wants(f File) int64 {
	if textual(f) {
		return upTo(f, textLimit)
	}
	return 0
}

var (
	dbScheme = regexp.MustCompile(`(?:^|[^A-Za-z0-9_])(postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|clickhouse|oracle|ldaps?)(?:\+[a-z0-9]+)?$`)
	// Groups: user, password, host.
	dbLogin = regexp.MustCompile(`^([^\s:@/'"<>]{0,64}):([^\s@/'"<>]{1,128})@([A-Za-z0-9._\-\[\]]{1,253})`)
)

// The windows before and after "://" that the expressions see.
const (
	schemeWindow = 32
	loginWindow  = 512
)

func (databaseURL) Detect(_ File, data []byte) []Hit {
	var out []Hit
	for pos := 0; ; {
		i := bytes.Index(data[pos:], []byte("://"))
		if i < 0 {
			return out
		}
		at := pos + i
		pos = at + 3
		after := data[pos:min(pos+loginWindow, len(data))]
		if bytes.IndexByte(after, '@') < 0 {
			continue
		}
		scheme := dbScheme.FindSubmatch(data[max(0, at-schemeWindow):at])
		m := dbLogin.FindSubmatchIndex(after)
		if scheme == nil || m == nil {
			continue
		}
		user, v, host := after[m[2]:m[3]], after[m[4]:m[5]], after[m[6]:m[7]]
		// A sample's password is a word, its host a domain kept for samples.
		if placeholder(v) || containsAny(host, "example.") || bytes.Equal(v, user) && len(v) < 6 {
			continue
		}
		out = append(out, Hit{
			Type: "database_url", Class: Secret, Severity: High, Start: pos + m[4], End: pos + m[5],
			TitleEn: "database URL with a password", TitleZh: "含密码的数据库连接串",
			Public: public(scheme[1]) + "://" + public(user) + "@" + public(host),
		})
	}
}
