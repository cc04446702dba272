package detect

import "regexp"

// wordpress finds the database password of a WordPress site.
type wordpress struct{}

func (wordpress) Name() string { return "wordpress_password" }

func (wordpress) Wants(f File) int64 {
	if named(f, "wp-config.php", "wp-config.php.bak", "wp-config.php.old", "wp-config.php~", "wp-config.php.save") {
		return upTo(f, textLimit)
	}
	return 0
}

var wpDefine = regexp.MustCompile(`(?m)^[ \t]*define\s*\(\s*['"](DB_USER|DB_PASSWORD)['"]\s*,\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")`)

func (wordpress) Detect(_ File, data []byte) []Hit {
	var out []Hit
	user := ""
	for _, m := range wpDefine.FindAllSubmatchIndex(data, -1) {
		start, end := m[4], m[5]
		if start < 0 {
			start, end = m[6], m[7]
		}
		v := data[start:end]
		if string(data[m[2]:m[3]]) == "DB_USER" {
			user = public(v)
			continue
		}
		if placeholder(v) || string(v) == "password_here" {
			continue
		}
		out = append(out, Hit{
			Type: "database_password", Class: Secret, Severity: High, Start: start, End: end, Public: user,
			TitleEn: "database password of a WordPress site", TitleZh: "WordPress 站点的数据库密码",
		})
	}
	return out
}
