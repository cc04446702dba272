package detect_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/detecttest"
)

func matcherByName(t *testing.T, name string) detect.Matcher {
	t.Helper()
	for _, m := range detect.Matchers() {
		if m.Name() == name {
			return m
		}
	}
	t.Fatalf("no matcher %q", name)
	return nil
}

func TestMatchPrivateKey(t *testing.T) {
	t.Parallel()
	sec1, pkcs8 := keys(t)
	detecttest.AcceptMatcher(t, matcherByName(t, "private_key"), []detecttest.Example{
		{Path: "/srv/x", Data: "a " + sec1 + "\n" + pkcs8 + "\n", Want: []string{"private_key " + sec1, "private_key " + pkcs8}},
		{Path: "/srv/core", Data: "\x00\x01" + pkcs8 + "\x00", Want: []string{"private_key " + pkcs8}},
		{Path: "/srv/half", Data: pkcs8[:len(pkcs8)-20]},
	})
}

func TestMatchAssignment(t *testing.T) {
	t.Parallel()
	detecttest.AcceptMatcher(t, matcherByName(t, "assignment"), []detecttest.Example{
		{Path: "/srv/main.go", Data: "\tpassword := \"hunter2x\"\n", Want: []string{"password_assignment hunter2x"}},
		{Path: "/srv/a.php", Data: "define('DB_PASSWORD', 'v9#Lq2mX');\n$config['smtp_password'] = \"Zk29fjQm\";\n", Want: []string{"password_assignment v9#Lq2mX", "password_assignment Zk29fjQm"}},
		{Path: "/srv/a.xml", Data: "<password>Zk29fjQm</password>\n<property name=\"password\" value=\"Qz81mKw2\"/>\n<user password=\"kk29QQzz\"/>\n", Want: []string{"password_assignment Zk29fjQm", "password_assignment Qz81mKw2", "password_assignment kk29QQzz"}},
		{Path: "/srv/a.rb", Data: "{ :password => 'Zk29fjQm' }\n", Want: []string{"password_assignment Zk29fjQm"}},
		{Path: "/srv/a.properties", Data: "spring.datasource.password=Zk29fjQm\r\n", Want: []string{"password_assignment Zk29fjQm"}},
		{Path: "/srv/log.json", Data: `{"body":"{\"client_secret\":\"a8Kd93jfLs02mQzX\"}"}`, Want: []string{"secret_assignment a8Kd93jfLs02mQzX"}},
		{Path: "/srv/a.go", Data: "password = os.Getenv(\"X\")\nif password == \"hunter2x\" {}\nconst passwordField = \"user_password\"\nmsg.password = \"Enter your password\"\ntoken = \"abc\" + x\npassword = \"a1b2c3d4\" + salt\n"},
		{Path: "/srv/a.yml", Data: "password: !vault |\n  $ANSIBLE\nsecret: *ref\ntoken: {{ token }}\n# password: Zk29fjQm\n"},
		{Path: "/srv/core.env", Data: "PASSWORD=Zk29fjQm\n\x00"},
	})
}

func TestMatchURL(t *testing.T) {
	t.Parallel()
	detecttest.AcceptMatcher(t, matcherByName(t, "database_url"), []detecttest.Example{
		{Path: "/srv/a", Data: "x=jdbc:mysql://r:9dkfj2A@10.0.0.1/d smtp://me:t0pS3cr-t@mail.corp:25 https://ci:zq81Kfw@git.corp/x.git", Want: []string{"database_url 9dkfj2A", "url_password t0pS3cr-t", "url_password zq81Kfw"}},
		{Path: "/srv/b", Data: "http://user:pass@host:80/ ftp://a@b.c/ http://[::1]:80/@x https://a:%s@b/ http://u:p@proxy:3128 https://x.org/a:b@c http://u:{pw}@db.corp"},
	})
}

func TestMatchHeader(t *testing.T) {
	t.Parallel()
	login := base64.StdEncoding.EncodeToString([]byte("bob:pQ8xT2zz"))
	detecttest.AcceptMatcher(t, matcherByName(t, "http_authorization"), []detecttest.Example{
		{Path: "/srv/a.sh", Data: "curl -H 'Authorization: Basic " + login + "' -H \"authorization: Bearer a8Kd93jfLs02mQzXpp\"", Want: []string{"basic_authorization " + login, "bearer_token a8Kd93jfLs02mQzXpp"}},
		{Path: "/srv/b", Data: "Authorization: Basic QWxhZGRpbjpvcGVu\nAuthorization: Bearer ${TOKEN_OF_MINE_1}\nauthorization bearer tokens are 12\nAuthorization: Basic !!!\n", Want: []string{"basic_authorization QWxhZGRpbjpvcGVu"}},
	})
}

func TestMatchWebToken(t *testing.T) {
	t.Parallel()
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	sig := strings.Repeat("k3Jd9fLq0", 5)
	good := enc(`{"alg":"HS256","typ":"JWT"}`) + "." + enc(`{"iss":"corp","sub":"me","exp":4000000000}`) + "." + sig
	expired := enc(`{"alg":"HS256"}`) + "." + enc(`{"sub":"me","exp":1700000000}`) + "." + sig
	detecttest.AcceptMatcher(t, matcherByName(t, "json_web_token"), []detecttest.Example{
		{Path: "/srv/a", Data: "token " + good + "\n", Want: []string{"json_web_token " + good}},
		{Path: "/srv/b", Data: enc(`{"alg":"HS256"}`) + "." + enc(`{"sub":"1234567890"}`) + "." + sig + " " + enc(`{"alg":"none"}`) + "." + enc(`{"sub":"me"}`) + ". eyJhbGci.eyJ.x"},
		{Path: "/srv/c", Data: "token " + expired},
	})
	d := enc("0123456789abcdef0123456789abcdEF")
	detecttest.AcceptMatcher(t, matcherByName(t, "json_web_key"), []detecttest.Example{
		{Path: "/srv/a.json", Data: `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","d":"` + d + `","x":"` + enc("fedcba9876543210fedcba9876543210") + `"}]}`, Want: []string{"json_web_key " + d}},
		{Path: "/srv/b.json", Data: `{"kty":"OKP","x":"` + d + `"} {"kty":"oct","k":"AAAA"}`},
	})
}

func TestMatchAWS(t *testing.T) {
	t.Parallel()
	const id, secret = "AKIATCH6YDSYVJW2CN44", "q8Zt0c/Vx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXo+C"
	detecttest.AcceptMatcher(t, matcherByName(t, "aws_access_key"), []detecttest.Example{
		{Path: "/srv/core", Data: "\x00" + id + "\x00" + secret + "\x00", Want: []string{"aws_access_key " + secret}},
		{Path: "/srv/a", Data: "akiatch6ydsyvjw2cn44 xAKIATCH6YDSYVJW2CN44"},
	})
}
