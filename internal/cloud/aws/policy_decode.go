package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// errMalformed is a document that is not what its format says.
var errMalformed = errors.New("malformed")

// maxPolicy is more than any service's quota for a resource policy, in bytes.
const maxPolicy = 1 << 20

// maxSummary bounds what a proof quotes of a statement, in bytes.
const maxSummary = 200

// policy is a decoded policy document.
type policy struct{ statements []*statement }

// statement is one statement of a policy. A statement that does not name
// somebody ("NotPrincipal") speaks of everybody but those.
type statement struct {
	sid           string
	deny          bool
	principals    []lenscap.Principal
	notPrincipals bool
	actions       []string
	notActions    []string
	resources     []string
	notResources  []string
	conditions    []lenscap.Condition
}

type rawStatement struct {
	Sid          string
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       texts
	NotAction    texts
	Resource     texts
	NotResource  texts
	Condition    map[string]map[string]texts
}

// texts is a string or a list of strings; numbers and booleans are taken as written.
type texts []string

// UnmarshalJSON reads either form.
func (t *texts) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '[' {
		s, err := text(b)
		if err != nil {
			return err
		}
		*t = texts{s}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	out := make(texts, 0, len(list))
	for _, e := range list {
		s, err := text(e)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	*t = out
	return nil
}

func text(b []byte) (string, error) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return "", fmt.Errorf("empty value where a string was expected: %w", errMalformed)
	}
	switch b[0] {
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		return s, err
	case '{', '[':
		return "", fmt.Errorf("%q where a string was expected: %w", b[0], errMalformed)
	}
	return string(b), nil
}

func decodePolicy(doc []byte) (*policy, error) {
	if len(doc) > maxPolicy {
		return nil, fmt.Errorf("policy of %d bytes, more than %d: %w", len(doc), maxPolicy, errMalformed)
	}
	var raw struct{ Statement json.RawMessage }
	dec := json.NewDecoder(bytes.NewReader(doc))
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("read policy: %w: %w", errMalformed, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read policy: text after its end at byte %d: %w", dec.InputOffset(), errMalformed)
	}
	if len(raw.Statement) == 0 {
		return nil, fmt.Errorf("read policy: no Statement: %w", errMalformed)
	}
	list := []json.RawMessage{raw.Statement}
	if raw.Statement[0] == '[' {
		list = nil
		if err := json.Unmarshal(raw.Statement, &list); err != nil {
			return nil, fmt.Errorf("read policy statements: %w: %w", errMalformed, err)
		}
	}
	p := &policy{}
	for i, b := range list {
		s, err := decodeStatement(b)
		if err != nil {
			return nil, fmt.Errorf("read policy statement %d: %w", i, err)
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func decodeStatement(b []byte) (*statement, error) {
	var raw rawStatement
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	s := &statement{
		sid: raw.Sid, actions: raw.Action, notActions: raw.NotAction,
		resources: raw.Resource, notResources: raw.NotResource,
	}
	switch raw.Effect {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return nil, fmt.Errorf("effect %q: want Allow or Deny: %w", raw.Effect, errMalformed)
	}
	for operator, keys := range raw.Condition {
		for key, values := range keys {
			s.conditions = append(s.conditions, lenscap.Condition{Operator: operator, Key: key, Values: values})
		}
	}
	slices.SortFunc(s.conditions, func(a, b lenscap.Condition) int {
		return strings.Compare(a.Operator+"\x00"+a.Key, b.Operator+"\x00"+b.Key)
	})
	if len(raw.NotPrincipal) > 0 {
		s.notPrincipals = true
		s.principals = []lenscap.Principal{{Type: lenscap.AnyCustomer}}
		return s, nil
	}
	var err error
	s.principals, err = decodePrincipals(raw.Principal)
	return s, err
}

func decodePrincipals(b json.RawMessage) ([]lenscap.Principal, error) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, fmt.Errorf("no Principal in a resource policy: %w", errMalformed)
	}
	if b[0] != '{' {
		var all texts
		if err := all.UnmarshalJSON(b); err != nil {
			return nil, err
		}
		return principals("AWS", all), nil
	}
	var byType map[string]texts
	if err := json.Unmarshal(b, &byType); err != nil {
		return nil, fmt.Errorf("principal: %w: %w", errMalformed, err)
	}
	var out []lenscap.Principal
	for _, kind := range []string{"AWS", "Service", "Federated", "CanonicalUser"} {
		out = append(out, principals(kind, byType[kind])...)
		delete(byType, kind)
	}
	for kind := range byType {
		return nil, fmt.Errorf("principal type %q: want AWS, Service, Federated or CanonicalUser: %w", kind, errMalformed)
	}
	return out, nil
}

func principals(kind string, names []string) []lenscap.Principal {
	var out []lenscap.Principal
	for _, name := range names {
		p, ok := principal(kind, name)
		if ok && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// principal reads one name. A unique id (AIDA…, AROA…) stands for a user or
// role that was deleted and lets nobody in (IAM user guide, "AWS JSON policy
// elements: Principal"): ok is false.
func principal(kind, name string) (p lenscap.Principal, ok bool) {
	switch {
	case kind == "Service":
		return lenscap.Principal{Type: lenscap.Service, ID: name}, true
	case kind == "CanonicalUser":
		return lenscap.Principal{Type: lenscap.Account, ID: name}, true
	case name == "*":
		return lenscap.Principal{Type: lenscap.AnyCustomer}, true
	case isAccountID(name):
		return lenscap.Principal{Type: lenscap.Account, ID: name}, true
	}
	part := strings.SplitN(name, ":", 6)
	if part[0] != "arn" || len(part) != 6 {
		if kind == "AWS" && isUniqueID(name) {
			return lenscap.Principal{}, false
		}
		return lenscap.Principal{Type: lenscap.Identity, ID: name}, true
	}
	switch account := part[4]; {
	case strings.ContainsAny(account, "*?") || strings.ContainsAny(part[2], "*?"):
		return lenscap.Principal{Type: lenscap.AnyCustomer}, true
	case part[5] == "root" || part[5] == "*":
		return lenscap.Principal{Type: lenscap.Account, ID: account}, true
	default:
		return lenscap.Principal{Type: lenscap.Identity, ID: name, Account: account}, true
	}
}

// isUniqueID tells whether name has the form of an IAM unique identifier.
func isUniqueID(name string) bool {
	if len(name) < 16 || len(name) > 128 || name[0] != 'A' {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) < 0
}

// summary quotes what a proof needs of the statement, bounded.
func (s *statement) summary() string {
	effect := "Allow"
	if s.deny {
		effect = "Deny"
	}
	actions := strings.Join(s.actions, ",")
	if len(s.notActions) > 0 {
		actions = "not " + strings.Join(s.notActions, ",")
	}
	return bounded(strings.TrimSpace(s.sid+" "+effect+" "+actions), maxSummary)
}
