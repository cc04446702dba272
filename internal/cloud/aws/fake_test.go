package aws

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lenscap/lenscap/internal/cloud"
)

// fault is what goes wrong with an operation.
type fault string

const (
	denied    fault = "denied"
	throttled fault = "throttled"
	hanging   fault = "timeout"
	repeating fault = "truncated"
	garbled   fault = "malformed"
	optIn     fault = "region_disabled"
	vanished  fault = "vanished"
)

// query is one request to the fake endpoint.
type query struct {
	*http.Request
	op   string // service:Operation, with #public for the bulk call
	next string // the token that a paged answer must carry, "" for none
	body string
}

// answer gives the body of a good answer.
type answer func(q *query) string

// fake is a loopback endpoint that serves a small account. Each part adds its
// operations to answers().
type fake struct {
	*httptest.Server
	answers map[string]answer
	rest    []restRoute
	done    chan struct{} // closed at the end, for answers that never come

	mu     sync.Mutex
	faults map[string]fault
	codes  map[string]string // error codes to refuse an operation with
	calls  map[string]int
}

// restRoute names the operation of a service that has no operation in its requests.
type restRoute struct {
	service, method string
	path            *regexp.Regexp
	op              string
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{answers: goodAnswers(), rest: restRoutes(), done: make(chan struct{}), faults: map[string]fault{}, codes: map[string]string{}, calls: map[string]int{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		close(f.done)
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fake) fail(op string, how fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[op] = how
}

// refuse answers an operation with an error of the service's own.
func (f *fake) refuse(op, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes[op] = code
}

func (f *fake) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

var scopeService = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request`)

// names finds the operation of a request.
func (f *fake) names(r *http.Request) string {
	m := scopeService.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return ""
	}
	service := m[1]
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return service + ":" + target[strings.LastIndex(target, ".")+1:]
	}
	if service == "s3" {
		return "s3:" + s3Operation(r)
	}
	for _, route := range f.rest {
		if route.service == service && route.method == r.Method && route.path.MatchString(r.URL.Path) {
			return service + ":" + route.op
		}
	}
	if err := r.ParseForm(); err == nil && r.Form.Get("Action") != "" {
		op := service + ":" + r.Form.Get("Action")
		if r.Form.Get("RestorableBy.1") != "" {
			op += "#public"
		}
		return op
	}
	return service + ":" + r.Method + " " + r.URL.Path
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &query{Request: r, op: f.names(r)}
	f.mu.Lock()
	f.calls[q.op]++
	how, code := f.faults[q.op], f.codes[q.op]
	f.mu.Unlock()
	good, ok := f.answers[q.op]
	service, _, _ := strings.Cut(q.op, ":")
	switch {
	case !ok:
		writeError(w, service, http.StatusNotImplemented, "NotImplemented", "no such operation in the test: "+q.op)
		return
	case code != "":
		writeError(w, service, http.StatusBadRequest, code, "refused")
		return
	case how == denied:
		writeError(w, service, http.StatusForbidden, "AccessDenied", "not allowed")
		return
	case how == throttled:
		writeError(w, service, http.StatusBadRequest, "Throttling", "slow down")
		return
	case how == optIn:
		writeError(w, service, http.StatusUnauthorized, "OptInRequired", "not subscribed")
		return
	case how == vanished:
		writeError(w, service, http.StatusBadRequest, "InvalidThing.NotFound", "does not exist")
		return
	case how == hanging:
		select {
		case <-r.Context().Done():
		case <-f.done:
		}
		return
	case how == repeating:
		q.next = "again"
	}
	body := good(q)
	if how == garbled {
		body = body[:len(body)/2] + "\x00<<{{"
	}
	w.Header().Set("Content-Type", contentType(service))
	_, _ = fmt.Fprint(w, body)
}

// services that speak JSON; all others speak XML.
var jsonServices = map[string]bool{
	"kms": true, "organizations": true, "ebs": true, "backup": true, "dlm": true, "imagebuilder": true,
	"lightsail": true, "redshift-serverless": true, "ram": true,
}

func contentType(service string) string {
	if jsonServices[service] {
		return "application/x-amz-json-1.1"
	}
	return "text/xml"
}

func writeError(w http.ResponseWriter, service string, status int, code, msg string) {
	w.Header().Set("Content-Type", contentType(service))
	switch {
	case jsonServices[service]:
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, msg)
	case service == "ec2":
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>r</RequestID></Response>`, code, msg)
	case service == "s3":
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<Error><Code>%s</Code><Message>%s</Message></Error>`, code, msg)
	default:
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, msg)
	}
}

// testNow is the clock of the tests.
var testNow = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// quick is the tuning of the tests: the same steps, without the waiting.
var quick = tuning{
	attempts: 2, maxBackoff: time.Millisecond, timeout: 300 * time.Millisecond,
	trip: 1000, rest: time.Minute, rate: 1e6,
}

// collector gives a collector over the fake.
func (f *fake) collector(t testing.TB, opts cloud.Options) *Collector {
	t.Helper()
	opts.Rate = max(opts.Rate, 1e6)
	if opts.Now == nil {
		opts.Now = func() time.Time { return testNow }
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	c.tune = quick
	c.base = &awssdk.Config{
		Region: "us-east-1", BaseEndpoint: awssdk.String(f.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
		HTTPClient:  awshttp.NewBuildableClient().WithTimeout(quick.timeout),
		Retryer:     c.retryer,
	}
	return c
}
