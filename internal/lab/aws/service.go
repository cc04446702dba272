package aws

import (
	"net/http"
	"net/url"
	"strings"
)

// protocol is one of AWS's wire formats.
type protocol int

const (
	ec2XML   protocol = iota // form in, XML out, EC2's shapes
	queryXML                 // form in, XML out, XxxResult and ResponseMetadata
	json11                   // X-Amz-Target, JSON both ways
	restJSON                 // the URL says what, JSON both ways
	restXML                  // the URL says what, XML both ways
)

// operation does one call. The world's lock is held.
type operation func(q *Request) (any, error)

// route is one operation of a REST service.
type route struct {
	method, pattern string
	query           string // a query key that must be there: "policy", "acl"
	name            string
	run             operation
}

// service is one AWS service.
type service struct {
	protocol  protocol
	namespace string // of the XML answers
	target    string // prefix of X-Amz-Target
	ops       map[string]operation
	routes    []route
}

// find tells which operation a request asks for. A name is given even when
// there is no such operation.
func (s *service) find(r *http.Request, f form) (name string, run operation, path map[string]string) {
	switch s.protocol {
	case ec2XML, queryXML:
		name = f.Get("Action")
		return name, s.ops[name], nil
	case json11:
		target, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if !strings.HasPrefix(target, s.target) {
			return op, nil, nil
		}
		return op, s.ops[op], nil
	}
	query := r.URL.Query()
	for _, rt := range s.routes {
		if rt.method != r.Method || rt.query != "" && !query.Has(rt.query) {
			continue
		}
		if path, ok := matchPath(rt.pattern, r.URL.EscapedPath()); ok {
			return rt.name, rt.run, path
		}
	}
	return r.Method + " " + r.URL.Path, nil, nil
}

// matchPath holds a path against a pattern; "{name}" takes one part, "{name...}"
// all that is left.
func matchPath(pattern, path string) (map[string]string, bool) {
	out := make(map[string]string)
	for {
		pattern, path = strings.TrimPrefix(pattern, "/"), strings.TrimPrefix(path, "/")
		want, morePattern, _ := strings.Cut(pattern, "/")
		if name, ok := strings.CutSuffix(want, "...}"); ok {
			out[name[1:]] = pathUnescape(path)
			return out, true
		}
		have, morePath, _ := strings.Cut(path, "/")
		switch {
		case want == "" && have == "":
			return out, pattern == "" && path == ""
		case want == "" || have == "":
			return nil, false
		case want[0] == '{':
			out[strings.Trim(want, "{}")] = pathUnescape(have)
		case want != have:
			return nil, false
		}
		pattern, path = morePattern, morePath
	}
}

func pathUnescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
