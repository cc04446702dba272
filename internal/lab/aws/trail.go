package aws

import (
	"net/url"
	"strings"
	"time"
)

// maxTrail bounds how many events the lab remembers; the oldest go first.
const maxTrail = 200_000

// Event is one call in the words of CloudTrail.
type Event struct {
	EventTime         time.Time      `json:"eventTime"`
	EventSource       string         `json:"eventSource"`
	EventName         string         `json:"eventName"`
	AWSRegion         string         `json:"awsRegion"`
	SourceIPAddress   string         `json:"sourceIPAddress"`
	UserAgent         string         `json:"userAgent"`
	UserIdentity      UserIdentity   `json:"userIdentity"`
	RequestParameters map[string]any `json:"requestParameters"`
	ResponseElements  map[string]any `json:"responseElements"`
	ErrorCode         string         `json:"errorCode,omitempty"`
	ErrorMessage      string         `json:"errorMessage,omitempty"`
	RequestID         string         `json:"requestID"`
	EventID           string         `json:"eventID"`
	ReadOnly          bool           `json:"readOnly"`
	EventType         string         `json:"eventType"`
	ManagementEvent   bool           `json:"managementEvent"`
	RecipientAccount  string         `json:"recipientAccountId"`
}

// UserIdentity says who called.
type UserIdentity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId,omitempty"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	Issuer      string `json:"issuer,omitempty"` // the role's ARN of an assumed role
}

// trail is a ring of events. The lab's lock guards it.
type trail struct {
	events []Event
	next   int
}

func (t *trail) add(e Event) {
	if len(t.events) < maxTrail {
		t.events = append(t.events, e)
		return
	}
	t.events[t.next] = e
	t.next = (t.next + 1) % maxTrail
}

// Trail gives the events so far, oldest first. The maps inside are shared: read
// only.
func (l *Lab) Trail() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Event, 0, len(l.trail.events))
	out = append(out, l.trail.events[l.trail.next:]...)
	return append(out, l.trail.events[:l.trail.next]...)
}

// mutating tells whether an operation changes something.
func mutating(op string) bool {
	for _, p := range []string{"Describe", "Get", "List", "Head", "Lookup", "Search"} {
		if strings.HasPrefix(op, p) {
			return false
		}
	}
	return op != "AssumeRole"
}

// dataEvents are the calls that CloudTrail counts as data, not management.
func dataEvent(service, op string) bool {
	return service == "ebs" || service == "s3" && strings.Contains(op, "Object")
}

func (l *Lab) record(q *Request, agent, source string, err error) {
	e := Event{
		EventTime: q.World.Now(), EventSource: q.Service + ".amazonaws.com", EventName: q.Operation,
		AWSRegion: q.Call.Region, SourceIPAddress: source, UserAgent: agent,
		RequestParameters: q.parameters(), ResponseElements: q.later,
		RequestID: q.id, EventID: "e" + q.id[1:], ReadOnly: !mutating(q.Operation),
		EventType: "AwsApiCall", ManagementEvent: !dataEvent(q.Service, q.Operation), RecipientAccount: q.Call.Account,
	}
	if q.key != nil {
		e.UserIdentity = UserIdentity{q.key.kind, q.key.userID, q.key.arn, q.key.account, q.key.id, q.key.issuer}
	}
	if err != nil {
		api := asAPIError(err)
		e.ErrorCode, e.ErrorMessage = api.Code, api.Message
	}
	l.trail.add(e)
}

// parameters is the call's input by name; never the signature of a presigned URL.
func (q *Request) parameters() map[string]any {
	out := make(map[string]any, len(q.Form)+len(q.path))
	for name, v := range q.Form {
		if name != "Action" && name != "Version" {
			out[name] = one(v)
		}
	}
	for name, v := range q.path {
		out[name] = v
	}
	for name, v := range q.Query {
		if !strings.HasPrefix(name, "X-Amz-") {
			out[name] = one(v)
		}
	}
	if q.service.protocol == json11 || q.service.protocol == restJSON {
		_ = q.JSON(&out) // a body that can't be read was refused already
	}
	return out
}

func one(v []string) string { return url.Values{"v": v}.Get("v") }
