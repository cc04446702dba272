package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm       = "AWS4-HMAC-SHA256"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// signature is what a signed request says about itself (Signature Version 4,
// in the Authorization header or in the query of a presigned URL).
type signature struct {
	key, date, region, service string
	headers                    []string
	value                      string
	time                       string // X-Amz-Date
	token                      string
	presigned                  bool
}

// readSignature parses the signature; ok is false when there is none.
func readSignature(r *http.Request) (sig signature, ok bool) {
	field := make(map[string]string)
	if rest, found := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" "); found {
		for part := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			field[name] = value
		}
		sig.time, sig.token = r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token")
	} else if q := r.URL.Query(); q.Get("X-Amz-Algorithm") == algorithm {
		sig.presigned = true
		field["Credential"], field["SignedHeaders"], field["Signature"] = q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature")
		sig.time, sig.token = q.Get("X-Amz-Date"), q.Get("X-Amz-Security-Token")
	} else {
		return sig, false
	}
	scope := strings.Split(field["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return sig, false
	}
	sig.key, sig.date, sig.region, sig.service = scope[0], scope[1], scope[2], scope[3]
	sig.headers, sig.value = strings.Split(field["SignedHeaders"], ";"), field["Signature"]
	return sig, true
}

// verify tells whether the secret made this signature over this request.
func (sig signature) verify(r *http.Request, body []byte, secret string) bool {
	if !slices.Contains(sig.headers, "host") {
		return false
	}
	scope := strings.Join([]string{sig.date, sig.region, sig.service, "aws4_request"}, "/")
	hashed := sha256.Sum256([]byte(sig.canonical(r, body)))
	toSign := strings.Join([]string{algorithm, sig.time, scope, hex.EncodeToString(hashed[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{sig.date, sig.region, sig.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(mac(key, toSign))), []byte(sig.value))
}

// maxExpires is the longest life of a presigned URL: seven days, in seconds.
const maxExpires = 7 * 24 * 60 * 60

// expired tells whether a presigned URL is past its time, or names none that
// AWS allows. It goes by the real clock, as the signer did.
func (sig signature) expired(r *http.Request, now time.Time) bool {
	if !sig.presigned {
		return false
	}
	made, err := time.Parse("20060102T150405Z", sig.time)
	life, lifeErr := strconv.Atoi(r.URL.Query().Get("X-Amz-Expires"))
	return err != nil || lifeErr != nil || life < 1 || life > maxExpires || now.After(made.Add(time.Duration(life)*time.Second))
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

func (sig signature) canonical(r *http.Request, body []byte) string {
	var b strings.Builder
	path := r.URL.EscapedPath()
	if sig.service != "s3" { // S3 alone signs the path as it is sent
		path = uriEncode(path, true)
	}
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range sig.headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			if value == "" {
				value = r.Header.Get("Content-Length")
			}
		}
		b.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	b.WriteString("\n" + strings.Join(sig.headers, ";") + "\n" + sig.payload(r, body))
	return b.String()
}

// payload is the hash that was signed: the body's own unless S3 declared
// another form, in which case the declared word itself is signed.
func (sig signature) payload(r *http.Request, body []byte) string {
	declared := r.Header.Get("X-Amz-Content-Sha256")
	if declared == unsignedPayload || strings.HasPrefix(declared, "STREAMING-") {
		return declared
	}
	if sig.presigned && sig.service == "s3" {
		return unsignedPayload
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func canonicalQuery(raw string) string {
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = unescape(name), unescape(value)
		if name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, uriEncode(name, false)+"="+uriEncode(value, false))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// uriEncode escapes all but the unreserved characters of RFC 3986.
func uriEncode(s string, slash bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 || slash && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteString(string([]byte{'%', hexDigits[c>>4], hexDigits[c&15]}))
	}
	return b.String()
}
