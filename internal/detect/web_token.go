package detect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"
)

// webToken finds JSON Web Tokens (RFC 7519): header and payload must parse.
type webToken struct{}

func (webToken) Name() string { return "json_web_token" }

// Keywords start the base64 of {"a (as in alg), {"t (typ), {"k (kid) and of the
// same after a blank.
func (webToken) Keywords() []string {
	return []string{"eyjhb", "eyj0e", "eyjra", "eyjlb", "eyjjd", "eyjqa", "eyj4n"}
}
func (webToken) Window() (before, after int) { return 1, 4096 }

func (webToken) Match(w Window) []Hit {
	if w.Start > 0 && (nameByte(w.Data[w.Start-1]) && w.Data[w.Start-1] != '.' && w.Data[w.Start-1] != '-') {
		return nil
	}
	data := w.Data[w.Start:]
	head := urlBase64(data)
	if head > 2048 || head >= len(data) || data[head] != '.' {
		return nil
	}
	body := urlBase64(data[head+1:])
	next := head + 1 + body
	if body < 4 || next >= len(data) || data[next] != '.' {
		return nil
	}
	end := next + 1 + urlBase64(data[next+1:])
	var header struct {
		Alg string `json:"alg"`
		Enc string `json:"enc"`
	}
	if !decodeJSON(data[:head], &header) || header.Alg == "" {
		return nil
	}
	h := Hit{
		Type: "json_web_token", Class: Secret, Severity: Medium, Start: w.Start, End: w.Start + end, Checked: "yes",
		TitleEn: "JSON Web Token", TitleZh: "JSON Web Token 令牌",
	}
	var payload struct {
		Issuer  any     `json:"iss"`
		Subject any     `json:"sub"`
		Expiry  float64 `json:"exp"`
		Role    string  `json:"role"`
	}
	switch {
	case !decodeJSON(data[head+1:next], &payload):
		return nil
	case payload.Subject == "1234567890":
		return nil // the sample that everybody copies
	case end-next < 20:
		return nil // not signed
	case payload.Role == "anon":
		return nil // made to be given to every browser
	case payload.Expiry > 0 && payload.Expiry < float64(time.Now().Unix()):
		return nil // nobody takes it any more
	case payload.Expiry > 0 && payload.Expiry < 1<<40:
		h.Detail = "expires " + time.Unix(int64(payload.Expiry), 0).UTC().Format("2006-01-02")
	default:
		h.Severity, h.Detail = High, "never expires"
	}
	if iss, ok := payload.Issuer.(string); ok {
		h.Public = public([]byte(iss))
	}
	return []Hit{h}
}

func urlBase64(b []byte) int {
	n := 0
	for n < len(b) && base64Bytes[b[n]] && b[n] != '+' && b[n] != '/' {
		n++
	}
	return n
}

func decodeJSON(text []byte, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	defer clear(b)
	return err == nil && json.Unmarshal(b, into) == nil
}

// webKey finds private keys as JSON Web Keys (RFC 7517): an object with a key
// type and the private part d, or k of a symmetric one.
type webKey struct{}

func (webKey) Name() string                { return "json_web_key" }
func (webKey) Keywords() []string          { return []string{`"kty"`} }
func (webKey) Window() (before, after int) { return 6 << 10, 6 << 10 }

func (webKey) Match(w Window) []Hit {
	start := bytes.LastIndexByte(w.Data[:w.Start], '{')
	stop := bytes.IndexByte(w.Data[w.End:], '}')
	if start < 0 || stop < 0 {
		return nil
	}
	if bytes.Contains(w.Data[start:w.Start], []byte(`"kty"`)) {
		return nil // the first one of an object reads it
	}
	object := w.Data[start : w.End+stop+1]
	var key struct {
		Kty, Kid, D, K, P, X, N string
	}
	if json.Unmarshal(object, &key) != nil {
		return nil
	}
	secret := key.D
	if key.Kty == "oct" {
		secret = key.K
	} else if key.X == "" && key.N == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(secret)
	defer clear(b)
	if err != nil || len(b) < 16 || placeholder([]byte(secret)) {
		return nil
	}
	at := bytes.Index(object, []byte(`"`+secret+`"`))
	if at < 0 {
		return nil
	}
	return []Hit{{
		Type: "json_web_key", Class: Secret, Severity: High, Start: start + at + 1, End: start + at + 1 + len(secret), Public: public([]byte(key.Kid)), Checked: "yes",
		TitleEn: "private JSON Web Key", TitleZh: "JSON Web Key 私钥", Detail: public([]byte(key.Kty)) + ", not encrypted",
	}}
}
