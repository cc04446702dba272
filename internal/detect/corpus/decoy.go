package corpus

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
)

// innocent is a setting that is no secret, however much it looks like one.
func (g *gen) innocent() field {
	f := func(name, value string) field { return field{words: words(name), value: value} }
	switch g.IntN(30) {
	case 0:
		return f(g.of("db password", "api token", "secret key", "smtp password", "github token"), g.of("changeme", "${DB_PASSWORD}", "<your-password>", "{{ vault_password }}", "xxxxxxxxxxxxxxxxxxxx", "********", "%DB_PASSWORD%", "your_token_here", "REPLACE_ME", "todo"))
	case 1:
		return f(g.of("commit", "git sha", "build revision", "image digest"), g.hex(40))
	case 2:
		return f(g.of("checksum", "sha256", "etag", "content hash", "cache key"), g.hex(64))
	case 3:
		return f(g.of("md5", "asset hash", "fingerprint", "cache version"), g.hex(32))
	case 4:
		return f(g.of("tenant id", "subscription id", "project id", "request id", "trace id", "cluster uuid"), g.uuid())
	case 5:
		return f(g.of("stripe publishable key", "payment public key"), "pk_live_51"+g.alnum(97))
	case 6:
		return f("aws access key id", g.of("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"))
	case 7:
		return f("aws secret access key", g.of("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"))
	case 8:
		broken := g.classic("ghp_")
		return f("github token", broken[:len(broken)-2]+g.of("Zz", "00", "q7"))
	case 9:
		return f("public key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"+g.alnum(48))
	case 10:
		return f(g.of("token url", "auth endpoint", "secret path"), g.of("https://login.shop.test/oauth/token", "/run/secrets/db_password", "vault:secret/data/app#key", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"))
	case 11:
		return f(g.of("password min length", "token ttl", "key size", "secret rotation days"), strconv.Itoa(8+g.IntN(9999)))
	case 12:
		return f(g.of("token type", "password policy", "auth method", "key algorithm", "secret provider"), g.of("bearer", "strong", "client_credentials", "RS256", "vault", "kubernetes"))
	case 13:
		return f(g.of("logo", "icon"), "data:image/png;base64,iVBORw0KGgo"+g.base64(60))
	case 14:
		return f("blob url", "https://shopdata.blob.core.windows.net/public/logo.png?"+g.sas("2019-06-30T00:00:00Z"))
	case 15:
		return f("id token", g.jwt(`{"sub":"4711","iss":"shop","exp":1550000000}`))
	case 16:
		return f("sentry dsn", "https://"+g.hex(32)+"@o447951.ingest.sentry.test/5429221")
	case 17:
		return f(g.of("oauth client id", "google client id"), g.digits(12)+"-"+g.from(lowers+digits, 32)+".apps.googleusercontent.test")
	case 18:
		return f("integrity", "sha512-"+g.base64(64))
	case 19:
		return f("database url", g.of("postgres://localhost/shop", "postgres://user:password@localhost/db", "mysql://root:${MYSQL_PASSWORD}@db/shop", "redis://cache.internal:6379/0"))
	case 20:
		return f("wireguard public key", g.base64(32))
	case 21:
		return f("supabase anon key", g.jwt(`{"iss":"supabase","ref":"`+g.letters(20)+`","role":"anon","exp":4092599349}`))
	case 22:
		return f("aliyun access key secret", g.of("yourAccessKeySecret", "<accessKeySecret>", "******************************"))
	}
	return f(g.of("log level", "timeout", "region", "hostname", "cache dir", "max connections", "language", "feature flag"), g.of("info", "30", "eu-west-1", "db.internal", "/var/cache/app", "200", "zh-CN", "true"))
}

// decoys are whole files that hold nothing worth finding.
var decoys = []func(*gen) File{
	func(g *gen) File { // a lock file of npm
		w := &writer{}
		w.text("{\n  \"lockfileVersion\": 3,\n  \"packages\": {\n")
		for range 60 {
			name := g.letters(7)
			w.text("    \"node_modules/%s\": {\"version\": \"%d.%d.0\", \"resolved\": \"https://registry.npmjs.org/%s/-/%s.tgz\", \"integrity\": \"sha512-%s\"},\n", name, g.IntN(9), g.IntN(30), name, name, g.base64(64))
		}
		w.text("    \"\": {}\n  }\n}\n")
		return g.plain("/srv/node%d/package-lock.json", "npm lock", w)
	},
	func(g *gen) File { // sums of Go and Terraform
		w := &writer{}
		for range 60 {
			w.text("example.test/%s v1.%d.0 h1:%s\n", g.letters(8), g.IntN(40), g.base64(32))
		}
		return g.plain("/home/dev/go%d/go.sum", "go sums", w)
	},
	func(g *gen) File {
		w := &writer{}
		w.text("provider \"registry.terraform.io/hashicorp/aws\" {\n  version = \"5.1.0\"\n  hashes = [\n")
		for range 20 {
			w.text("    \"h1:%s\",\n    \"zh:%s\",\n", g.base64(32), g.hex(64))
		}
		w.text("  ]\n}\n")
		return g.plain("/home/ops/infra%d/.terraform.lock.hcl", "terraform lock", w)
	},
	func(g *gen) File { // a certificate and public keys
		w := &writer{}
		w.text("%s", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.bytes(900)}))
		w.text("%s", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: g.bytes(294)}))
		for range 5 {
			w.text("ssh-rsa %s user@host\nssh-ed25519 %s user@host\n", g.base64(279), g.base64(51))
		}
		return g.plain("/etc/ssl/site%d.pem", "certificates", w)
	},
	func(g *gen) File { // a log of a web server
		w := &writer{}
		for range 120 {
			w.text("10.%d.%d.%d - - [12/May/2026:08:%02d:%02d +0800] \"GET /%s?id=%s&v=%s HTTP/1.1\" %s %d \"-\" \"Mozilla/5.0\" request_id=%s etag=\"%s\"\n",
				g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(60), g.IntN(60), g.of("login", "token", "api/v1/keys", "password/reset", "assets/app."+g.hex(8)+".js"),
				g.uuid(), g.hex(8), g.of("200", "304", "404"), g.IntN(90000), g.uuid(), g.hex(32))
		}
		return g.plain("/var/log/nginx/access%d.log", "web log", w)
	},
	func(g *gen) File { // a dump with hashes and ids
		w := &writer{}
		w.text("CREATE TABLE `files` (`id` char(36), `sha1` char(40), `token_type` varchar(20), `path` text);\n")
		for range 80 {
			w.text("INSERT INTO `files` VALUES ('%s','%s','bearer','/data/%s/%s');\n", g.uuid(), g.hex(40), g.hex(2), g.hex(30))
		}
		return g.plain("/backup/files%d.sql", "sql of hashes", w)
	},
	func(g *gen) File { // documentation
		w := &writer{}
		w.text("# Configuration\n\nSet `AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE` and `AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY`.\n\n")
		for _, s := range []string{
			"export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "STRIPE_SECRET_KEY=sk_live_your_key_here", "SLACK_TOKEN=xoxb-your-token", "OPENAI_API_KEY=sk-...",
			"GOOGLE_API_KEY=AIzaSyXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "password: <password>", "DB_PASSWORD=changeme", "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
			"Authorization: Bearer <token>", "Authorization: Basic dXNlcjpwYXNzd29yZA==", "postgres://user:password@localhost:5432/mydb", "ANTHROPIC_API_KEY=sk-ant-api03-your-key",
			"VAULT_TOKEN=hvs.your-token", "LTAI5tXXXXXXXXXXXXXXXXXX", "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----", "DefaultEndpointsProtocol=https;AccountName=<name>;AccountKey=<key>",
			"AGE-SECRET-KEY-1...", "kubeadm join 10.0.0.1:6443 --token abcdef.0123456789abcdef", "JWT: eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
		} {
			w.text("    %s\n\n", s)
		}
		return g.plain("/srv/docs%d/README.md", "documentation", w)
	},
	func(g *gen) File { // a program that handles secrets
		w := &writer{}
		w.text("import os, hashlib\nfrom flask import request\n\nclass Login:\n    password: str\n    token = None\n\n")
		for _, s := range []string{
			"password = os.environ['DB_PASSWORD']", "token = request.headers.get('Authorization')", "secret = config['secret']", "api_key = settings.API_KEY", "password = getpass.getpass()",
			"self.access_token = access_token", "if password == '':", "password_hash = hashlib.sha256(password).hexdigest()", "raise ValueError('password is required')", "labels = {'password': 'Password', 'token': 'Token'}",
			"secret_key = load_secret_key('/run/secrets/key')", "aws_secret_access_key = None", "client_secret = kwargs.pop('client_secret')", "github_token = ''", "TOKEN_RE = re.compile('ghp_[A-Za-z0-9]{36}')",
		} {
			w.text("%s\n", s)
		}
		w.text("REVISION = '%s'\nSCHEMA = '%s'\nNAMESPACE = uuid.UUID('%s')\n", g.hex(40), g.hex(64), g.uuid())
		return g.plain("/srv/web%d/login.py", "program", w)
	},
	func(g *gen) File { // words of an interface
		w := &writer{}
		w.text("{\n  \"password\": \"Password\",\n  \"password_hint\": \"At least 8 characters\",\n  \"token\": \"Access token\",\n  \"secret\": \"密钥\",\n  \"forgot_password\": \"忘记密码？\",\n  \"api_key\": \"API 密钥\",\n  \"confirmPassword\": \"Confirm password\"\n}\n")
		return g.plain("/srv/web%d/locales/zh.json", "words", w)
	},
	func(g *gen) File { // a program for browsers with parts in base64
		w := &writer{}
		for range 30 {
			w.text("!function(e,t){e.exports=\"data:application/font-woff;base64,%s\"},%d:function(e){e.token=\"%s\",e.key=%q};", g.base64(300), g.IntN(9999), g.hex(8), g.letters(9))
		}
		return g.plain("/srv/web%d/dist/vendor.js", "bundle", w)
	},
	func(g *gen) File { // a configuration of kubectl without a secret
		w := &writer{}
		w.text("apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: %s\n    server: https://10.0.0.1:6443\n  name: prod\nusers:\n- name: me\n  user:\n    exec:\n      command: aws\n      args: [eks, get-token]\n", base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.bytes(700)})))
		return g.plain("/home/user%d/.kube/config", "kubeconfig without keys", w)
	},
	func(g *gen) File { // a configuration of nginx
		w := &writer{}
		w.text("server {\n  listen 443 ssl;\n  ssl_certificate /etc/ssl/site.pem;\n  ssl_certificate_key /etc/ssl/private/site.key;\n  auth_basic_user_file /etc/nginx/.htpasswd;\n  proxy_set_header Authorization $http_authorization;\n  proxy_set_header X-Api-Key $api_key;\n  add_header ETag \"%s\";\n}\n", g.hex(40))
		return g.plain("/etc/nginx/sites-enabled/site%d.conf", "nginx", w)
	},
	func(g *gen) File { // columns of numbers
		w := &writer{}
		w.text("order_no,tracking,amount,created,batch\n")
		for range 80 {
			w.text("%s,%s,%d.%02d,%d,%s\n", g.digits(18), g.digits(16), g.IntN(9000), g.IntN(100), 1700000000000+g.Int64N(9e10), g.digits(11))
		}
		return g.plain("/data/orders%d.csv", "numbers", w)
	},
	func(g *gen) File { // test vectors of a cipher
		w := &writer{}
		for i := range 40 {
			w.text("COUNT = %d\nKEY = %s\nIV = %s\nPLAINTEXT = %s\nCIPHERTEXT = %s\n\n", i, g.hex(64), g.hex(32), g.hex(32), g.hex(32))
		}
		return g.plain("/home/dev/src%d/testdata/cbc.rsp", "test vectors", w)
	},
	func(g *gen) File { // a file of random bytes
		w := &writer{buf: g.bytes(20000)}
		return g.plain("/var/lib/app%d/blob.bin", "random bytes", w)
	},
}

func (g *gen) plain(path, kind string, w *writer) File {
	return File{fmt.Sprintf(path, g.next()), kind, w.buf, nil}
}

// people makes files with personal data: many in one, and look-alikes.
func (g *gen) people(scale int) []File {
	var out []File
	kinds := []struct {
		name, head string
		value      func() string
	}{
		{"resident_id", "身份证号", func() string { return g.residentID(true) }},
		{"mobile", "手机号", g.mobile},
		{"bank_card", "银行卡号", func() string { return g.card(true) }},
		{"email", "邮箱", func() string {
			return g.letters(7) + strconv.Itoa(g.IntN(99)) + "@" + g.of("qq.com", "163.com", "gmail.com", "shop.cn")
		}},
		{"iban", "iban", g.iban},
		{"us_ssn", "ssn", func() string { return fmt.Sprintf("%03d-%02d-%04d", 1+g.IntN(600), 1+g.IntN(99), 1+g.IntN(9999)) }},
	}
	for range scale {
		for _, k := range kinds {
			for form, path := range []string{"/data/%s%d.csv", "/backup/%s%d.sql", "/srv/export/%s%d.jsonl"} {
				w := &writer{}
				if form == 0 {
					w.text("no,%s,city\n", k.head)
				}
				const rows = 60
				seen := map[string]bool{}
				for i := range rows {
					v := k.value()
					seen[v] = true
					switch form {
					case 0:
						w.text("%d,%s,%s\n", i, v, g.of("北京", "上海", "Berlin", "Austin"))
					case 1:
						w.text("INSERT INTO `users` (`id`,`%s`) VALUES (%d,'%s');\n", strings.ReplaceAll(k.name, "us_", ""), i, v)
					case 2:
						w.text("{\"id\":%d,\"%s\":\"%s\"}\n", i, strings.ReplaceAll(k.name, "us_", ""), v)
					}
				}
				out = append(out, File{
					fmt.Sprintf(path, k.name, g.next()), "personal data", w.buf,
					[]Label{{Class: Personal, Type: k.name, Length: len(w.buf), Count: len(seen)}},
				})
			}
		}
		// The same shapes with wrong checksums.
		w := &writer{}
		w.text("serial,code\n")
		for range 60 {
			w.text("%s,%s\n", g.residentID(false), g.card(false))
		}
		out = append(out, g.plain("/data/serial%d.csv", "wrong checksums", w))
	}
	return out
}

// residentID is a number of GB 11643, with a right check character or a wrong one.
func (g *gen) residentID(right bool) string {
	s := g.of("110101", "310115", "440305", "510107", "330106", "420111") + fmt.Sprintf("%04d%02d%02d%03d", 1950+g.IntN(55), 1+g.IntN(12), 1+g.IntN(28), g.IntN(1000))
	sum := 0
	for i, c := range []byte(s) {
		sum += int(c-'0') * (1 << (17 - i) % 11)
	}
	check := (12 - sum%11) % 11
	if !right {
		check = (check + 3) % 11
	}
	return s + "0123456789X"[check:check+1]
}

func (g *gen) mobile() string {
	return g.of("138", "139", "150", "159", "186", "188", "177", "199") + g.from(digits, 8)
}

// card is a number of a known issuer, with a right Luhn digit or a wrong one.
func (g *gen) card(right bool) string {
	s := g.of("622202", "621700", "622848", "6217850", "453201", "510510")
	s += g.from(digits, 15-len(s))
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	check := (10 - sum%10) % 10
	if !right {
		check = (check + 5) % 10
	}
	return s + strconv.Itoa(check)
}

// iban is of Germany, by ISO 13616: the number, and 98 minus its rest by 97.
func (g *gen) iban() string {
	body := g.from(digits, 18)
	rest := 0
	for _, c := range body + "131400" {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("DE%02d%s", 98-rest, body)
}
