package detect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestChecks holds each check against values that are known to be good, each
// with one that is broken in one place. The vectors that are published are named.
func TestChecks(t *testing.T) {
	t.Parallel()
	raw := func(n int) []byte {
		r := rand.New(rand.NewPCG(7, uint64(n)))
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	std := base64.StdEncoding.EncodeToString
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	token := func(claims string) string {
		return segment(`{"alg":"HS256"}`) + "." + segment(claims) + "." + base64.RawURLEncoding.EncodeToString(raw(32))
	}
	sas := func(end string) string {
		return "sv=2022-11-02&sp=r&se=" + url.QueryEscape(end) + "&sig=" + url.QueryEscape(std(raw(32)))
	}
	seed := append([]byte{18<<3 | 160>>5, 0}, raw(32)...)
	seed = binary.LittleEndian.AppendUint16(seed, crc16(seed))
	wg := raw(32)
	wg[0] &= 248
	wg[31] = wg[31]&127 | 64
	wgBad := raw(32)
	wgBad[0] |= 1
	pypi := append([]byte("\x02\x01\x08pypi.org\x02\x04abcd\x00\x00\x06\x20"), raw(32)...)
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "\n", `\n`)
	table := map[string]struct{ good, bad []string }{
		"der_private_key": {[]string{std(der)}, []string{std(der[1:]), std(raw(200)), "%"}},
		"pem_private_key": {[]string{text}, []string{strings.Replace(text, "MI", "QU", 1), "-----BEGIN", ""}},
		// The first is an example of Grafana's own tests.
		"grafana_crc": {[]string{"glsa_yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58a"}, []string{"glsa_yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58b", "glsa", ""}},
		// Those with points are examples of a test for GitLab's routable tokens.
		"gitlab": {
			[]string{"glpat-bzox79Of-KE9FD2LjoXXF4CvyxA.01.0r0l8l6ir", "glpat-bzox79Of-KE9FD2LjoXXF4CvyxA.0r03gxo7s", "glpat-vzDNJu3Lvh4YCCekKsnx"},
			[]string{"glpat-bzox79Of-KE9FD2LjoXXF4CvyxA.01.0r03gxo7a", "glpat-bzox79Of.1", "glpat-onlywordsinthisone"},
		},
		// The first is an example of GitHub's own.
		"github_crc":    {[]string{"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", "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", "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"}, []string{"ghp_k3Jd9fLq0ZxWv7TnYb2RmC8sHpAe5u1zlGBa", "ghp_", "x"}},
		"atlassian_crc": {[]string{"ATBBk3Jd9fLq0ZxWv7TnYb2RmC8s52BA7797"}, []string{"ATBBk3Jd9fLq0ZxWv7TnYb2RmC8s0BADC0DE", "ATBBk3Jd9fLq0ZxWv7TnYb2RmC8sZZZZZZZZ", "12345678"}},
		// The key of age's own documentation of its format.
		"age": {
			[]string{"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"},
			[]string{"AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEZ", "AGE-SECRET-KEY-1B", "1"},
		},
		"nkey":      {[]string{base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)}, []string{"SU" + strings.Repeat("A", 56), "SUxx", ""}},
		"wireguard": {[]string{std(wg)}, []string{std(wgBad), std(wg[:31]), "not base64"}},
		"pypi":      {[]string{"pypi-" + base64.RawURLEncoding.EncodeToString(pypi)}, []string{"pypi-" + base64.RawURLEncoding.EncodeToString(pypi[:len(pypi)-1]), "pypi-AgEIcHlwaS5vcmc", "pypi-", "x"}},
		"jwt": {
			[]string{token(`{"sub":"1"}`), token(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+1000))},
			[]string{
				token(`{"exp":1500000000}`), token(`[]`), token(`{"kubernetes.io":{"namespace":"x"}}`), token(`{"iss":"supabase","role":"anon"}`), token(`{"sub":"1234567890"}`),
				segment(`{"alg":"none"}`) + "." + segment(`{"sub":"1"}`) + "." + strings.Repeat("A", 30), segment(`{"alg":"HS256"}`) + "." + segment(`{"sub":"1"}`) + ".short", "a.b", "",
			},
		},
		"jwt_kubernetes": {[]string{token(`{"kubernetes.io":{"namespace":"x"}}`), token(`{"kubernetes.io/serviceaccount/namespace":"x"}`)}, []string{token(`{"sub":"1"}`)}},
		"jwt_supabase":   {[]string{token(`{"iss":"supabase","role":"service_role"}`)}, []string{token(`{"iss":"supabase","role":"anon"}`), token(`{"role":"service_role"}`)}},
		"azure_sas": {
			[]string{sas("2098-01-01T00:00:00Z"), sas("2098-01-01"), strings.ReplaceAll(sas("2098-01-01T00:00Z"), "&", "&amp;"), "sr=x&sig=" + url.QueryEscape(std(raw(32))) + "&se=4070908800&skn=k"},
			[]string{sas("2019-01-01T00:00:00Z"), "sv=1&se=2098-01-01&sig=abcd", "sv=1&sig=" + url.QueryEscape(std(raw(32))), "%"},
		},
		"base64_16":   {[]string{std(raw(16))}, []string{std(raw(17))}},
		"base64_32":   {[]string{std(raw(32))}, []string{std(raw(33)), std(make([]byte, 32)), "!"}},
		"base64_48":   {[]string{std(raw(48))}, []string{std(raw(32))}},
		"base64_64":   {[]string{std(raw(64))}, []string{std(raw(63))}},
		"base64_json": {[]string{"ops_" + segment(`{"a":1}`)}, []string{"ops_" + segment(`{"a":1`), "ops_abc"}},
		"basic_auth":  {[]string{std([]byte("deploy:k9Fj2xQ8"))}, []string{std([]byte("user:password")), std([]byte("nocolon")), std([]byte(":k9Fj2xQ8")), std([]byte("a:\x00\x01\x02\x03\x04")), "%"}},
		"hex_mixed":   {[]string{"9f86d081884c7d65"}, []string{"1234567890123456", "abcdefabcdef", "9f86D081884c7d65", "xyz"}},
		"mixed":       {[]string{"a1", "nczJGJjWhuzX"}, []string{"abc", "123", "", "SMBGuestPassword", "authIsObject", "yourRazorpayKeySecretHere"}},
		"no_run":      {[]string{"k3jd9f.lq0zxwv7tnyb2rmc"}, []string{"abcdef.lq0zxwv7tnyb2rmc", "k3jd9f.0123456789abcdef"}},
		"password": {
			[]string{"tiger#2210x", "Berlin.5647", "qing.9684", "dtqT^JsfMa@txM*U%ev", "k9Fj2xQ8w"},
			[]string{"Password", "12345678", "self.password1", "/run/secrets/db1", "https://a1.test", "db-secret1", "scram-sha-256", "true1&Name=x", "process.env.DB_PASS1", "_require4.setSTSToken", "__Password1__", "$ENV1abc", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "密码12345"},
		},
		"secret":   {[]string{"q9Zt0cVx2Lr5pYk9NwEj3Hs7Dg1Fb4Mu6TaXoC"}, []string{"ghp_k3Jd9fLq0ZxWv7TnYb2RmC8sHpAe5u000000", "projects/1/secrets/2/versions/3/a/b", "DONOTNORMALIZE_credentials_secret", "SESSION_TOKEN-Full-Path", "MyTestDatabaseSecret-a1b2c3", std([]byte("This is not a real value")), token(`{"exp":1500000000}`)}},
		"telegram": {[]string{"110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"}, []string{"110201543:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9", "11111111:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9", "x"}},
		"uuid":     {[]string{"f47ac10b-58cc-4372-a567-0e02b2c3d479"}, []string{"f47ac10b-58cc-1372-a567-0e02b2c3d479", "00000000-0000-4000-8000-000000000000", "x"}},
	}
	for name, check := range checks {
		c, ok := table[name]
		if !ok {
			t.Errorf("%s: no vectors", name)
		}
		for _, v := range c.good {
			if !check([]byte(v), Window{}) {
				t.Errorf("%s: refuses %q", name, v)
			}
		}
		for _, v := range c.bad {
			if check([]byte(v), Window{}) {
				t.Errorf("%s: takes %q", name, v)
			}
		}
	}
}

// FuzzChecks feeds every check with anything.
func FuzzChecks(f *testing.F) {
	f.Add([]byte("pypi-AgEIcHlwaS5vcmc"))
	f.Add([]byte("sv=1&se=2098-01-01&sig=abcd"))
	f.Add([]byte("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZ"))
	f.Add([]byte("glpat-bzox79Of-KE9FD2LjoXXF4CvyxA.01.0r0l8l6ir"))
	f.Fuzz(func(_ *testing.T, v []byte) {
		for _, check := range checks {
			check(v, Window{Data: v, End: len(v)}) // never a panic
		}
	})
}
