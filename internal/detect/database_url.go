package detect

import "regexp"

// databaseURL finds URLs of databases and queues that hold a password.
type databaseURL struct{}

func (databaseURL) Name() string { return "database_url" }

func (databaseURL) Wants(f File) int64 {
	if textual(f) {
		return upTo(f, textLimit)
	}
	return 0
}

// Groups: scheme, user, password, host.
var dbURL = regexp.MustCompile(`\b(postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|clickhouse|oracle|ldaps?)(?:\+[a-z0-9]+)?://([^\s:@/'"<>]{0,64}):([^\s@/'"<>]{1,128})@([A-Za-z0-9._\-\[\]]{1,253})`)

func (databaseURL) Detect(_ File, data []byte) []Hit {
	if !containsAny(data, "://") {
		return nil
	}
	var out []Hit
	for _, m := range dbURL.FindAllSubmatchIndex(data, -1) {
		v, host := data[m[6]:m[7]], data[m[8]:m[9]]
		// A sample's password is a word, its host a domain kept for samples.
		if placeholder(v) || containsAny(host, "example.") || string(v) == string(data[m[4]:m[5]]) && len(v) < 6 {
			continue
		}
		out = append(out, Hit{
			Type: "database_url", Class: Secret, Severity: High, Start: m[6], End: m[7],
			TitleEn: "database URL with a password", TitleZh: "含密码的数据库连接串",
			Public: public(data[m[2]:m[3]]) + "://" + public(data[m[4]:m[5]]) + "@" + public(host),
		})
	}
	return out
}
