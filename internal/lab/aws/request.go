package aws

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Request is one call that was authenticated, with all that an operation needs.
type Request struct {
	Call
	World  *World
	Region *Region // the caller's state in the region that was called
	Form   form    // query protocols
	Query  url.Values
	Header http.Header
	Body   []byte

	service *service
	key     *accessKey
	path    map[string]string
	id      string
	lab     *Lab
	// later is what the trail keeps of the answer.
	later map[string]any
}

// Account is the caller's account.
func (q *Request) Account() *Account { return q.World.accounts[q.Call.Account] }

// Global is the caller's state that belongs to no region.
func (q *Request) Global() *Region { return q.Account().Region("") }

// Path gives a part of the URL by its name in the route's pattern.
func (q *Request) Path(name string) string { return q.path[name] }

// JSON reads the body.
func (q *Request) JSON(v any) error {
	if len(q.Body) == 0 {
		return nil
	}
	if err := json.Unmarshal(q.Body, v); err != nil {
		return bad("SerializationException", "The request body is not the JSON that %s wants", q.Operation)
	}
	return nil
}

// Raw is an answer that is not encoded by the protocol.
type Raw struct {
	Status int // 0 means 200
	Header map[string]string
	Body   []byte
}
