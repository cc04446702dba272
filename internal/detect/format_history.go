package detect

import (
	"bytes"
	"regexp"
)

// historyLine bounds the lines that are looked at, in bytes.
const historyLine = 16 << 10

// A word of a command line, with or without quotes; group v is what's within.
const (
	shellWord  = `(?:"(?P<a>[^"\r\n]+)"|'(?P<b>[^'\r\n]+)'|(?P<c>[^\s"'|;&<>()]+))`
	quotedWord = `(?:"(?P<a>[^"\r\n]+)"|'(?P<b>[^'\r\n]+)')`
)

// historyCommands are the ways in which people type passwords, each behind a
// word that is looked for first.
var historyCommands = []struct {
	key  string
	word string // in lower case
	re   *regexp.Regexp
}{
	{"mysql", " -p", regexp.MustCompile(`(?:mysql|mysqldump|mysqladmin|mysqlshow|mysqlimport|mariadb|mariadb-dump|mycli)\s(?:[^|;&]*?\s)?-p` + shellWord)},
	{"mysql", "--password=", regexp.MustCompile(`--password=` + shellWord)},
	{"variable", "=", regexp.MustCompile(`(?:^|[\s;&(])(?:\$env:)?(?P<who>[A-Za-z][A-Za-z0-9_]*(?i:PASSWORD|PASSWD|PASS|PWD|TOKEN|SECRET|APIKEY|API_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|ACCESSKEY|SECRETKEY))\s?=\s?` + shellWord)},
	{"curl", "curl", regexp.MustCompile(`\bcurl\s(?:.*?\s)?(?:-u|--user|-U|--proxy-user)[ =]?["']?(?P<who>[^\s:'"]+):(?P<c>[^\s'"]+)`)},
	{"header", "authorization:", regexp.MustCompile(`(?i)\bauthorization:\s*(?:bearer|basic|token)\s+(?P<c>[A-Za-z0-9._~+/=-]{8,})`)},
	{"header", "-h ", regexp.MustCompile(`(?i)\s-H\s+["'](?:x-api-key|x-auth-token|x-vault-token|private-token|api-key)\s*:\s*(?P<c>[^\s'"]{8,})`)},
	{"url", "://", regexp.MustCompile(`[a-z][a-z0-9+.-]{1,20}://(?P<who>[^\s:@/'"]*):(?P<c>[^\s@/'"]+)@[\w\[.-]`)},
	{"sshpass", "sshpass", regexp.MustCompile(`\bsshpass\s+-p\s*` + shellWord)},
	{"login", "login", regexp.MustCompile(`\b(?:docker|podman|nerdctl|buildah|skopeo|helm|oc|az|argocd|crane|ctr|vault)\s(?:\S+\s+)?(?:acr\s+)?login\s(?:.*?\s)?(?:-p|--password|--token)[ =]` + shellWord)},
	{"identified", "identified", regexp.MustCompile(`(?i)\bIDENTIFIED\s+(?:WITH\s+\S+\s+)?(?:BY|AS)\s+(?:PASSWORD\s+)?` + quotedWord)},
	{"role", "password", regexp.MustCompile(`(?i)\b(?:ALTER|CREATE)\s+(?:USER|ROLE)\s+(?P<who>"?[\w-]+"?)\s.*?\bPASSWORD\s+'(?P<b>[^']+)'`)},
	{"role", "password", regexp.MustCompile(`(?i)\bSET\s+PASSWORD\b.*?=\s*(?:PASSWORD\s*\(\s*)?` + quotedWord)},
	{"net", "net ", regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?\s+use\s.*?/user:(?P<who>\S+)\s+(?P<c>[^\s/*"'][^\s"']*)`)},
	{"net", "net ", regexp.MustCompile(`(?i)\bnet1?(?:\.exe)?\s+user\s+(?P<who>[^\s/]+)\s+(?P<c>[^\s/*"'][^\s"']*)`)},
	{"powershell", "convertto-securestring", regexp.MustCompile(`(?i)\bConvertTo-SecureString\s+(?:-String\s+)?` + quotedWord)},
	{"powershell", "convertto-securestring", regexp.MustCompile(`(?i)` + quotedWord + `\s*\|\s*ConvertTo-SecureString\b`)},
	{"powershell", "-password", regexp.MustCompile(`(?i)\s-Password\s+` + quotedWord)},
	{"cmdkey", "/pass:", regexp.MustCompile(`(?i)\bcmdkey\b.*?/pass:` + shellWord)},
	{"rdp", "/p:", regexp.MustCompile(`\b[wx]freerdp3?\s.*?/p:` + shellWord)},
	{"redis", "redis-cli", regexp.MustCompile(`\bredis-cli\s(?:.*?\s)?-a\s*` + shellWord)},
	{"redis", "auth ", regexp.MustCompile(`(?i)^\s*auth\s+(?:(?P<who>\S+)\s+)?` + `(?P<c>[^\s"']{4,})\s*$`)},
	{"redis", "requirepass", regexp.MustCompile(`(?i)\bconfig\s+set\s+requirepass\s+` + shellWord)},
	{"mongo", "mongo", regexp.MustCompile(`\bmongo(?:sh|dump|restore|export|import)?\s(?:.*?\s)?(?:-p\s*|--password[ =])` + shellWord)},
	{"mongo", "pwd", regexp.MustCompile(`\bpwd\s*:\s*` + quotedWord)},
	{"chpasswd", "chpasswd", regexp.MustCompile(`\becho\s+(?:-\w+\s+)?["']?(?P<who>[a-z_][\w-]*):(?P<c>[^\s"'|]+)["']?\s*\|\s*(?:sudo\s+)?chpasswd`)},
	{"passwd", "passwd", regexp.MustCompile(`\becho\s+(?:-\w+\s+)?` + shellWord + `\s*\|\s*(?:sudo\s+)?passwd\s+--stdin`)},
	{"sudo", "sudo -s", regexp.MustCompile(`\becho\s+(?:-\w+\s+)?` + shellWord + `\s*\|\s*sudo\s+-S\b`)},
	{"ldap", "ldap", regexp.MustCompile(`\bldap(?:search|modify|add|passwd|whoami|delete)\s(?:.*?\s)?-w\s*` + shellWord)},
	{"openssl", "pass:", regexp.MustCompile(`\s-(?:passin|passout|password|pass|k)\s+pass:` + shellWord)},
	{"htpasswd", "htpasswd", regexp.MustCompile(`\bhtpasswd\s+-\w*b\w*\s+\S+\s+(?P<who>\S+)\s+` + shellWord)},
	{"htpasswd", "htpasswd", regexp.MustCompile(`\bhtpasswd\s+-\w*n\w*b\w*\s+(?P<who>\S+)\s+` + shellWord)},
	{"smb", "smbclient", regexp.MustCompile(`\bsmbclient\s(?:.*?\s)?(?:-U|--user)[ =]?["']?(?P<who>[^\s%'"]+)%(?P<c>[^\s'"]+)`)},
	{"smb", "password=", regexp.MustCompile(`\bmount(?:\.cifs)?\s.*?[\s,]pass(?:word)?=(?P<c>[^\s,'"]+)`)},
	{"aws", "aws configure", regexp.MustCompile(`\baws\s+configure\s+set\s+(?:\S+\.)?aws_(?:secret_access_key|session_token)\s+` + shellWord)},
	{"kubectl", "from-literal", regexp.MustCompile(`--from-literal[ =]["']?(?P<who>[\w.-]+)=(?P<c>[^\s'"]+)`)},
	{"kubectl", "docker-password", regexp.MustCompile(`--docker-password[ =]` + shellWord)},
	{"npm", "_authtoken", regexp.MustCompile(`:_authToken[ =]["']?(?P<c>[^\s'"]{8,})`)},
}

// readHistory reads what was typed into shells and clients of databases, and
// gives the passwords in it, named by the kind of command.
func readHistory(data []byte, yield func(field) bool) {
	n := 0
	for at, line := range lines(data) {
		n++
		if len(line) > historyLine || len(line) < 6 {
			continue
		}
		low := bytes.ToLower(line)
		last := -1
		for _, c := range historyCommands {
			if !bytes.Contains(low, []byte(c.word)) {
				continue
			}
			m := c.re.FindSubmatchIndex(line)
			if m == nil {
				continue
			}
			start, end := -1, -1
			for _, g := range []string{"a", "b", "c"} {
				if i := c.re.SubexpIndex(g); i >= 0 && m[2*i] >= 0 {
					start, end = m[2*i], m[2*i+1]
				}
			}
			if start < 0 || start == last || variable(line[start:end]) {
				continue
			}
			last = start
			if i := c.re.SubexpIndex("who"); i >= 0 && m[2*i] >= 0 &&
				!yield(field{key: []byte("who"), start: at + m[2*i], end: at + m[2*i+1], group: n}) {
				return
			}
			if !yield(field{key: []byte(c.key), start: at + start, end: at + end, group: n}) {
				return
			}
		}
	}
}

// variable tells whether a word of a command line is put together when it runs.
func variable(v []byte) bool {
	return len(v) == 0 || v[0] == '$' || v[0] == '`' || v[0] == '-' || v[0] == '@' || bytes.Contains(v, []byte("$(")) || bytes.Contains(v, []byte("${"))
}
