package detect

import (
	"bytes"
	"regexp"
)

// passwordFile reads files whose place says that they hold passwords, each by
// its own grammar.
type passwordFile struct{}

func (passwordFile) Name() string { return "password_file" }

// found is one password in a file: where, whose, and at which service.
type found struct {
	start, end int
	who        string
}

// grammars are the files and how they are read.
var grammars = []struct {
	names  []string
	kind   string
	titles [2]string
	read   func(data []byte) []found
}{
	{[]string{".pgpass", "pgpass.conf"}, "postgres_password", [2]string{"PostgreSQL password", "PostgreSQL 密码"}, readPgpass},
	{[]string{".my.cnf", "/etc/mysql/debian.cnf", "/etc/my.cnf"}, "mysql_password", [2]string{"MySQL password", "MySQL 密码"}, readMyCnf},
	{[]string{".netrc", "_netrc"}, "netrc_password", [2]string{"password in .netrc", ".netrc 中的密码"}, readNetrc},
	{[]string{".git-credentials"}, "git_credentials", [2]string{"Git credentials", "Git 凭据"}, readGitCredentials},
	{[]string{".npmrc"}, "npm_token", [2]string{"npm token", "npm 令牌"}, readNpmrc},
}

func (passwordFile) Wants(f File) int64 {
	for _, g := range grammars {
		if named(f, g.names...) {
			return upTo(f, textLimit)
		}
	}
	return 0
}

func (passwordFile) Detect(f File, data []byte) []Hit {
	var out []Hit
	for _, g := range grammars {
		if !named(f, g.names...) {
			continue
		}
		for _, p := range g.read(data) {
			if placeholder(data[p.start:p.end]) {
				continue
			}
			out = append(out, Hit{
				Type: g.kind, Class: Secret, Severity: High, Start: p.start, End: p.end,
				TitleEn: g.titles[0], TitleZh: g.titles[1], Public: p.who,
			})
		}
	}
	return out
}

// readPgpass reads host:port:database:user:password; a backslash escapes.
func readPgpass(data []byte) (out []found) {
	for at, line := range lines(data) {
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		fields := []int{0}
		for i := 0; i < len(line) && len(fields) < 5; i++ {
			switch line[i] {
			case '\\':
				i++
			case ':':
				fields = append(fields, i+1)
			}
		}
		if len(fields) == 5 && fields[4] < len(line) {
			who := public(line[fields[3]:fields[4]-1]) + "@" + public(line[:fields[1]-1])
			out = append(out, found{at + fields[4], at + len(line), who})
		}
	}
	return out
}

var myCnf = regexp.MustCompile(`(?im)^[ \t]*(user|password)[ \t]*=[ \t]*("[^"\r\n]*"|'[^'\r\n]*'|[^\s#]+)`)

func readMyCnf(data []byte) (out []found) {
	user := ""
	for _, m := range myCnf.FindAllSubmatchIndex(data, -1) {
		start, end := unquote(data, m[4], m[5])
		if bytes.EqualFold(data[m[2]:m[3]], []byte("user")) {
			user = public(data[start:end])
			continue
		}
		out = append(out, found{start, end, user})
	}
	return out
}

// unquote takes the quotes off a value.
func unquote(data []byte, start, end int) (from, to int) {
	if end-start >= 2 && (data[start] == '"' || data[start] == '\'') && data[end-1] == data[start] {
		return start + 1, end - 1
	}
	return start, end
}

var word = regexp.MustCompile(`"[^"\r\n]*"|\S+`)

// readNetrc reads words: machine NAME login NAME password VALUE.
func readNetrc(data []byte) (out []found) {
	var host, login, last string
	for _, m := range word.FindAllIndex(data, -1) {
		start, end := unquote(data, m[0], m[1])
		switch last {
		case "machine":
			host, login = public(data[start:end]), ""
		case "login":
			login = public(data[start:end])
		case "password", "account":
			if last == "password" {
				out = append(out, found{start, end, login + "@" + host})
			}
		default:
			last = string(data[start:end])
			continue
		}
		last = ""
	}
	return out
}

var gitCredential = regexp.MustCompile(`(?m)^https?://([^\s:@/]*):([^\s@/]+)@([^\s/]+)`)

func readGitCredentials(data []byte) (out []found) {
	for _, m := range gitCredential.FindAllSubmatchIndex(data, -1) {
		out = append(out, found{m[4], m[5], public(data[m[2]:m[3]]) + "@" + public(data[m[6]:m[7]])})
	}
	return out
}

var npmToken = regexp.MustCompile(`(?m)^[ \t]*(?:(//[^\s:]+):)?(?:_authToken|_password|_auth)[ \t]*=[ \t]*("[^"\r\n]+"|\S+)`)

func readNpmrc(data []byte) (out []found) {
	for _, m := range npmToken.FindAllSubmatchIndex(data, -1) {
		host := ""
		if m[2] >= 0 {
			host = public(data[m[2]+2 : m[3]])
		}
		start, end := unquote(data, m[4], m[5])
		out = append(out, found{start, end, host})
	}
	return out
}
