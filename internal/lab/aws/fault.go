package aws

import (
	"net/http"
	"time"
)

// Call names one request, as faults and tests see it.
type Call struct {
	Account   string
	Region    string
	Service   string // the signing name: ec2, ebs, kms, sts, organizations …
	Operation string
}

// FaultKind is a way in which a call goes wrong.
type FaultKind string

// The kinds of fault.
const (
	FaultDeny           FaultKind = "deny"            // the caller lacks the permission
	FaultThrottle       FaultKind = "throttle"        // too many calls
	FaultTimeout        FaultKind = "timeout"         // no answer until the client gives up
	FaultMalformed      FaultKind = "malformed"       // an answer that is not of the protocol
	FaultTruncated      FaultKind = "truncated"       // the answer breaks off in the middle
	FaultDisabledRegion FaultKind = "disabled_region" // the account has not enabled the region
	FaultVanished       FaultKind = "vanished"        // the object was deleted meanwhile
	FaultBroken         FaultKind = "broken"          // the service answers 500
	FaultUnsupported    FaultKind = "unsupported"     // the service does not know the operation
)

// Fault is what happens to a call instead of its answer. Status, Code and
// Message replace the kind's own. A Fault with Rewrite and no Kind lets the
// call run and changes the bytes of its answer.
type Fault struct {
	Kind    FaultKind
	Status  int
	Code    string
	Message string
	Delay   time.Duration // before the answer
	Rewrite func(body []byte) []byte
}

// Inject sets the hook that is asked about every call; nil lifts it. The hook
// may be called by several goroutines at once and must not call the lab.
func (l *Lab) Inject(hook func(Call) *Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inject = hook
}

func (l *Lab) faultOf(c Call) *Fault {
	l.mu.Lock()
	hook := l.inject
	l.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(c)
}

// err is the error that a fault answers with; nil when it lets the call run.
func (f *Fault) err(s *service, c Call) *apiError {
	var e *apiError
	switch f.Kind {
	case FaultDeny:
		e = s.denied("User is not authorized to perform: " + c.Service + ":" + c.Operation)
	case FaultThrottle:
		e = s.throttled()
	case FaultDisabledRegion:
		e = s.badCredentials()
	case FaultVanished:
		e = s.vanished(c.Operation)
	case FaultBroken:
		e = fail(http.StatusInternalServerError, "InternalError", "An internal error has occurred")
	case FaultUnsupported:
		e = s.unknownOperation(c.Operation)
	default:
		return nil
	}
	if f.Status != 0 {
		e.Status = f.Status
	}
	if f.Code != "" {
		e.Code = f.Code
	}
	if f.Message != "" {
		e.Message = f.Message
	}
	return e
}
