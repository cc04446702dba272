package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// cursor is what a page token holds. It names the call it belongs to, so that
// a token can't be carried into another one.
type cursor struct {
	Call  Call   `json:"c"`
	Start int    `json:"s"`
	Extra string `json:"x,omitempty"`
}

// seal writes a value as an opaque, signed token.
func (w *World) seal(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(append(w.sign(raw), raw...))
}

// open reads a token that seal wrote; false for any other text.
func (w *World) open(token string, v any) bool {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < 16 {
		return false
	}
	if !hmac.Equal(raw[:16], w.sign(raw[16:])) {
		return false
	}
	return json.Unmarshal(raw[16:], v) == nil
}

func (w *World) sign(raw []byte) []byte {
	h := hmac.New(sha256.New, w.secret[:])
	h.Write(raw)
	return h.Sum(nil)[:16]
}

// paginate cuts one page out of items. size 0 means all of them. next is empty
// on the last page.
func paginate[T any](q *Request, items []T, size int, token string) (page []T, next string, err error) {
	start := 0
	if token != "" {
		var c cursor
		if !q.World.open(token, &c) || c.Call != q.Call || c.Start < 0 {
			return nil, "", q.service.badToken()
		}
		start = min(c.Start, len(items))
	}
	end := len(items)
	if size > 0 && start+size < end {
		end = start + size
		next = q.World.seal(cursor{Call: q.Call, Start: end})
	}
	return items[start:end], next, nil
}

func (s *service) badToken() *apiError {
	switch s.protocol {
	case ec2XML:
		return bad("InvalidNextToken", "The token is not valid for this call.")
	case queryXML:
		return bad("InvalidParameterValue", "Invalid marker.")
	case json11:
		return bad("InvalidInputException", "You provided an invalid value for the next token.")
	default:
		return bad("ValidationException", "The page token is not valid for this call.")
	}
}
