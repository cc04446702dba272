package aws

import (
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// resolved is a condition that names somebody.
type resolved struct {
	who  []lenscap.Principal
	cond lenscap.Condition // as written
}

// resolve sorts the conditions of an Allow: those that surely name somebody and
// the rest, as written. possible is false when one excludes everybody.
func resolve(conds []lenscap.Condition) (named []resolved, rest []lenscap.Condition, possible bool) {
	for _, c := range conds {
		if throughDisks(c) || everybody(c) {
			continue
		}
		if !positive(c.Operator) {
			rest = append(rest, c)
			continue
		}
		if len(c.Values) == 0 {
			return nil, nil, false
		}
		if who, ok := names(c); ok {
			named = append(named, resolved{who, c})
			continue
		}
		rest = append(rest, c)
	}
	return named, rest, true
}

// positive tells whether an operator demands that the key be there and match.
// With IfExists or ForAllValues a request without the key passes: an account
// of no organization has no aws:PrincipalOrgID.
func positive(operator string) bool {
	op := strings.ToLower(operator)
	op = strings.TrimPrefix(op, "foranyvalue:")
	switch op {
	case "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike":
		return true
	}
	return false
}

// throughDisks tells whether a condition only demands that a key be used
// through the services that read disks and database snapshots: that is the way
// every reader goes, so it narrows nobody out.
func throughDisks(c lenscap.Condition) bool {
	if !strings.EqualFold(c.Key, "kms:ViaService") || !positive(c.Operator) {
		return false
	}
	return slices.ContainsFunc(c.Values, func(v string) bool {
		return v == "*" || strings.HasPrefix(v, "ec2.") || strings.HasPrefix(v, "rds.")
	})
}

// everybody tells whether a condition holds for every signed request.
func everybody(c lenscap.Condition) bool {
	switch strings.ToLower(c.Key) {
	case "aws:sourceip":
		return strings.EqualFold(c.Operator, "IpAddress") && slices.Contains(c.Values, "0.0.0.0/0")
	case "aws:principalaccount", "kms:calleraccount", "aws:principalarn", "aws:userid":
		return strings.EqualFold(c.Operator, "StringLike") && slices.Contains(c.Values, "*")
	}
	return false
}

// names gives the principals that a positive condition names for certain.
func names(c lenscap.Condition) (who []lenscap.Principal, ok bool) {
	for _, v := range c.Values {
		p, ok := nameOf(strings.ToLower(c.Key), v)
		if !ok {
			return nil, false
		}
		if !slices.Contains(who, p) {
			who = append(who, p)
		}
	}
	return who, len(who) > 0
}

// nameOf reads one value of a condition key (IAM user guide, "AWS global
// condition context keys"; KMS developer guide, "kms:CallerAccount").
func nameOf(key, v string) (lenscap.Principal, bool) {
	if strings.Contains(v, "${") {
		return lenscap.Principal{}, false
	}
	switch key {
	case "aws:principalorgid":
		return lenscap.Principal{Type: lenscap.Organization, ID: v}, strings.HasPrefix(v, "o-") && !wild(v)
	case "aws:principalorgpaths":
		return pathPrincipal(v)
	case "aws:principalaccount", "kms:calleraccount", "aws:sourceaccount":
		return lenscap.Principal{Type: lenscap.Account, ID: v}, isAccountID(v)
	case "aws:principalarn":
		return arnPrincipal(v)
	}
	return lenscap.Principal{}, false
}

// pathPrincipal reads o-a1/r-b2/ou-b2-c3/*: the last unit, or the organization.
func pathPrincipal(v string) (lenscap.Principal, bool) {
	steps := strings.Split(strings.TrimSuffix(strings.TrimSuffix(v, "*"), "/"), "/")
	if wild(strings.Join(steps, "/")) || !strings.HasPrefix(steps[0], "o-") {
		return lenscap.Principal{}, false
	}
	last := steps[len(steps)-1]
	if strings.HasPrefix(last, "ou-") {
		return lenscap.Principal{Type: lenscap.OrgUnit, ID: last}, true
	}
	return lenscap.Principal{Type: lenscap.Organization, ID: steps[0]}, len(steps) <= 2
}

// arnPrincipal reads the ARN of a user or role; with a wildcard behind the
// account it names the whole account, which holds all that the pattern matches.
func arnPrincipal(v string) (lenscap.Principal, bool) {
	part := strings.SplitN(v, ":", 6)
	if len(part) != 6 || part[0] != "arn" || !isAccountID(part[4]) {
		return lenscap.Principal{}, false
	}
	if wild(v) || part[5] == "root" {
		return lenscap.Principal{Type: lenscap.Account, ID: part[4]}, true
	}
	return lenscap.Principal{Type: lenscap.Identity, ID: v, Account: part[4]}, true
}

func wild(s string) bool { return strings.ContainsAny(s, "*?") }

// denied holds a principal against the Deny statements. left are the actions
// that no Deny surely takes away; conds are denials that may hold; narrowed,
// when not nil, are the only principals that denials leave of everybody.
func (p *policy) denied(who lenscap.Principal, actions []string, resource string) (
	left []string, conds []lenscap.Condition, narrowed []lenscap.Principal,
) {
	left = slices.Clone(actions)
	for _, s := range p.statements {
		if !s.deny || !s.touches(resource) {
			continue
		}
		hit := func(a string) bool { return s.speaksOf(a) }
		if !slices.ContainsFunc(left, hit) || !s.mayMean(who) {
			continue
		}
		all := !slices.ContainsFunc(left, func(a string) bool { return !hit(a) })
		only := s.leaves()
		switch {
		case len(s.conditions) == 0 && !s.notPrincipals && s.surelyTouches(resource) && s.surelyMeans(who):
			left = slices.DeleteFunc(left, hit)
		case only != nil && who.Public() && all && narrowed == nil && s.surelyTouches(resource):
			narrowed = only
		default:
			conds = append(conds, lenscap.Condition{Operator: "Deny", Key: "statement", Values: []string{s.summary()}})
		}
	}
	return left, conds, narrowed
}

// leaves reads the usual fence, "deny everybody whose organization (account) is
// not this one", and gives those whom it leaves; nil when it is another Deny.
// A negated operator holds when the key is absent, so that it keeps out accounts
// of no organization, too.
func (s *statement) leaves() []lenscap.Principal {
	if len(s.conditions) != 1 || s.notPrincipals || len(s.notActions) > 0 ||
		!slices.ContainsFunc(s.principals, lenscap.Principal.Public) {
		return nil
	}
	c := s.conditions[0]
	switch strings.ToLower(c.Operator) {
	case "stringnotequals", "stringnotlike", "arnnotequals", "arnnotlike":
	default:
		return nil
	}
	if strings.EqualFold(c.Key, "aws:SourceAccount") {
		return nil
	}
	who, ok := names(c)
	if !ok {
		return nil
	}
	return who
}

// mayMean tells whether a Deny may speak of the principal.
func (s *statement) mayMean(who lenscap.Principal) bool {
	if s.notPrincipals {
		return true
	}
	if who.Public() { // the public is not narrowed by denying somebody
		return slices.ContainsFunc(s.principals, lenscap.Principal.Public)
	}
	return slices.ContainsFunc(s.principals, func(p lenscap.Principal) bool {
		switch {
		case p.Public(), p == who:
			return true
		case accountOf(who) != "":
			return accountOf(p) == accountOf(who)
		}
		// Whether an organization's or a service's callers are meant can't be told.
		return who.Type != lenscap.Service
	})
}

// surelyMeans tells whether a Deny speaks of all that the principal stands for.
func (s *statement) surelyMeans(who lenscap.Principal) bool {
	return slices.ContainsFunc(s.principals, func(p lenscap.Principal) bool {
		return p.Public() || p == who || p.Type == lenscap.Account && p.ID == accountOf(who)
	})
}

// glob matches * (any run) and ? (one character), as policies do.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
