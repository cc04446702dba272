package block

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
)

// open asks for the first byte, and learns from the answer what there is.
// Pre-signed URLs permit one method: a HEAD would be refused.
func (r *remote) open() error {
	err := r.retry(r.probe)
	if err != nil {
		return fmt.Errorf("open %s: %w", r.shown, err)
	}
	return nil
}

var contentRange = regexp.MustCompile(`^bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)$`)

// parseRange reads a Content-Range; first is below zero in that of a refusal,
// size when it is not told.
func parseRange(s string) (first, last, size int64, err error) {
	m := contentRange.FindStringSubmatch(textproto.TrimString(s))
	if m == nil {
		return 0, 0, 0, fmt.Errorf("Content-Range %.100q", s)
	}
	number := func(s string) int64 {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return -1
		}
		return v
	}
	return number(m[1]), number(m[2]), number(m[3]), nil
}

// learn takes what must stay from the first answer.
func (r *remote) learn(h http.Header, size int64) {
	r.size = size
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) { // a weak one says nothing of the bytes
		r.etag = tag
	}
	r.modified = h.Get("Last-Modified")
	r.pageBlob = h.Get("X-Ms-Blob-Type") == "PageBlob"
}

// check holds the answer to a request for n bytes at off to what was asked and
// to what the object was. It gives how many bytes the answer has.
func (r *remote) check(resp *http.Response, off, n int64) (int64, error) {
	if err := r.status(resp); err != nil {
		return 0, err
	}
	first, last, size, err := parseRange(resp.Header.Get("Content-Range"))
	switch {
	case err != nil:
		return 0, again{err, 0}
	case size >= 0 && size != r.size:
		return 0, fmt.Errorf("%w: it has %d bytes, it had %d", ErrChanged, size, r.size)
	case r.other(resp.Header):
		return 0, ErrChanged
	case first != off || last < first || last >= off+n:
		return 0, again{fmt.Errorf("bytes %d to %d came: want %d to %d", first, last, off, off+n-1), 0}
	}
	return last - first + 1, nil
}

// other tells whether an answer is of another version of the object.
func (r *remote) other(h http.Header) bool {
	if r.etag != "" {
		return h.Get("ETag") != r.etag
	}
	return r.modified != "" && h.Get("Last-Modified") != r.modified
}

// status turns what is no part of the object into an error.
func (r *remote) status(resp *http.Response) error {
	code := resp.StatusCode
	if enc := resp.Header.Get("Content-Encoding"); code < 300 && enc != "" && enc != "identity" {
		return Unsupported("it comes encoded with %.40q", enc)
	}
	switch {
	case code == http.StatusPartialContent:
		return nil
	case code == http.StatusOK:
		return Unsupported("the server ignores ranges: it can't be read at random")
	case code == http.StatusPreconditionFailed, code == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w (%s)", ErrChanged, refusal(resp))
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500 && code != http.StatusNotImplemented:
		return again{errors.New(refusal(resp)), retryAfter(resp.Header)}
	}
	return errors.New(refusal(resp))
}

var errorCode = regexp.MustCompile(`<Code>([A-Za-z]{1,64})</Code>`)

// refusal says what the server said, without what it says of the request: an
// answer may hold the signature.
func refusal(resp *http.Response) string {
	text := fmt.Sprintf("the server says %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if m := errorCode.FindSubmatch(body); m != nil {
		text += " (" + string(m[1]) + ")"
	}
	return text
}
