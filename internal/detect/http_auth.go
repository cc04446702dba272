package detect

import (
	"bytes"
	"encoding/base64"
)

// authHeader finds Authorization headers of HTTP: basic with a login in base64,
// bearer with a token.
type authHeader struct{}

func (authHeader) Name() string                { return "http_authorization" }
func (authHeader) Keywords() []string          { return []string{"authorization"} }
func (authHeader) Window() (before, after int) { return 16, 2048 }

func (authHeader) Match(w Window) []Hit {
	i := w.End
	for i < len(w.Data) && i-w.End < 12 && bytes.IndexByte([]byte(`"'\:=]>, 	`), w.Data[i]) >= 0 {
		i++
	}
	if i == w.End {
		return nil
	}
	rest := w.Data[i:]
	h := Hit{Class: Secret, Severity: High}
	switch {
	case hasFold(rest, []byte("basic ")):
		start := i + len("basic ")
		end := start + base64Length(w.Data[start:])
		b, err := base64.StdEncoding.DecodeString(string(w.Data[start:end]))
		user, pass, ok := bytes.Cut(b, []byte(":"))
		defer clear(b)
		if err != nil || !ok || len(pass) < 3 || !printable(user) || !printable(pass) || placeholder(pass) || sampleWords[lowerASCII(string(pass))] {
			return nil
		}
		h.Type, h.Start, h.End, h.Public, h.Checked = "basic_authorization", start, end, public(user), "yes"
		h.TitleEn, h.TitleZh = "HTTP login in a header", "HTTP 头中的登录凭据"
	case hasFold(rest, []byte("bearer ")), hasFold(rest, []byte("token ")):
		start := i + bytes.IndexByte(rest, ' ') + 1
		end := start
		for end < len(w.Data) && (nameByte(w.Data[end]) || bytes.IndexByte([]byte("+/=~"), w.Data[end]) >= 0) {
			end++
		}
		v := w.Data[start:end]
		if len(v) < 16 || placeholder(v) || entropy(v) < 3 || !bytes.ContainsAny(v, "0123456789") {
			return nil
		}
		h.Type, h.Start, h.End = "bearer_token", start, end
		h.TitleEn, h.TitleZh = "bearer token in a header", "HTTP 头中的 Bearer 令牌"
	default:
		return nil
	}
	return []Hit{h}
}

// base64Length is how many bytes of base64 stand first, with what pads them.
func base64Length(b []byte) int {
	n := 0
	for n < len(b) && base64Bytes[b[n]] {
		n++
	}
	for n < len(b) && b[n] == '=' {
		n++
	}
	return n
}
