package aws

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request: the largest that the lab must take is an object put
// into a bucket.
const maxBody = 64 << 20

// ServeHTTP answers one call of any service.
func (l *Lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	q, run, err := l.admit(r, body)
	var fault *Fault
	if q.key != nil {
		fault = l.faultOf(q.Call)
	}
	if fault != nil && !l.delay(r, fault) {
		panic(http.ErrAbortHandler) // the client gave up or the lab closed
	}
	if err == nil && fault != nil {
		if e := fault.err(q.service, q.Call); e != nil {
			err = e
		}
	}
	l.send(w, l.answer(q, run, err, r), fault)
}

// delay holds an answer back; false when the client left meanwhile.
func (l *Lab) delay(r *http.Request, f *Fault) bool {
	wait := f.Delay
	if f.Kind == FaultTimeout && wait == 0 {
		<-r.Context().Done()
		return false
	}
	if wait == 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-timer.C:
		return f.Kind != FaultTimeout
	}
}

// admit finds out who calls what and whether the signature holds. The request
// it gives is never nil, so that an error can be written in the right protocol.
func (l *Lab) admit(r *http.Request, body []byte) (*Request, operation, error) {
	sig, signed := readSignature(r)
	q := &Request{World: l.world, Query: r.URL.Query(), Header: r.Header, Body: body, lab: l}
	q.Call = Call{Region: sig.region, Service: sig.service}
	q.service = l.services[sig.service]
	if q.service == nil {
		q.service = &service{protocol: guessProtocol(r)}
	}
	if q.service.protocol == ec2XML || q.service.protocol == queryXML {
		q.Form = readForm(r, body)
	}
	var run operation
	q.Operation, run, q.path = q.service.find(r, q.Form)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	q.id = requestID(l.serial)
	if !signed {
		return q, nil, fail(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	key := l.world.keys[sig.key]
	if key == nil || key.token != sig.token {
		return q, nil, q.service.badCredentials()
	}
	q.key, q.Call.Account = key, key.account
	if !key.expires.IsZero() && l.world.now().After(key.expires) {
		return q, nil, bad("ExpiredToken", "The security token included in the request is expired")
	}
	if !sig.verify(r, body, key.secret) {
		return q, nil, q.service.badSignature()
	}
	if sig.expired(r, time.Now()) {
		return q, nil, fail(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	info, known := l.world.region(sig.region)
	if !known && sig.region != "aws-global" || info.OptIn == "not-opted-in" {
		return q, nil, q.service.badCredentials()
	}
	q.Region = q.Account().Region(sig.region)
	if run == nil {
		return q, nil, q.service.unknownOperation(q.Operation)
	}
	return q, run, nil
}

// answer runs the operation, unless err refuses it already, and records it.
func (l *Lab) answer(q *Request, run operation, err error, r *http.Request) answer {
	l.mu.Lock()
	var result any
	if err == nil {
		if q.Form.Bool("DryRun") && q.service.protocol == ec2XML {
			err = fail(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		} else {
			result, err = run(q)
		}
	}
	if q.key != nil {
		source, _, _ := strings.Cut(r.RemoteAddr, ":")
		l.record(q, r.UserAgent(), source, err)
	}
	var out answer
	if err == nil {
		// Results may point into the world, so they are encoded under the lock.
		out, err = q.service.encode(q, result)
	}
	l.mu.Unlock()
	if err != nil {
		out = q.service.refuse(err, q.id)
	}
	if out.header == nil {
		out.header = make(map[string]string)
	}
	out.header["X-Amzn-Requestid"] = q.id
	return out
}

func (l *Lab) send(w http.ResponseWriter, a answer, f *Fault) {
	if f != nil && f.Rewrite != nil {
		a.body = f.Rewrite(a.body)
	}
	if f != nil && f.Kind == FaultMalformed {
		a.status, a.body = http.StatusOK, []byte("<html><<this is not an answer {")
	}
	for name, v := range a.header {
		w.Header().Set(name, v)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if f != nil && f.Kind == FaultTruncated {
		_, _ = w.Write(a.body[:len(a.body)/2])
		panic(http.ErrAbortHandler) // breaks the connection, as net/http documents
	}
	_, _ = w.Write(a.body) // a client that left needs no answer
}

func guessProtocol(r *http.Request) protocol {
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		return json11
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return queryXML
	case strings.Contains(r.Header.Get("Content-Type"), "json"):
		return restJSON
	default:
		return restXML
	}
}

func readForm(r *http.Request, body []byte) form {
	out := make(form)
	for _, raw := range []string{string(body), r.URL.RawQuery} {
		values, err := url.ParseQuery(raw)
		if err != nil {
			continue // what can't be parsed is absent, and then refused as missing
		}
		maps.Copy(out, values)
	}
	return out
}

func requestID(n uint64) string {
	d := digest("request", fmt.Sprint(n))
	return fmt.Sprintf("%x-%x-%x-%x-%x", d[:4], d[4:6], d[6:8], d[8:10], d[10:16])
}
