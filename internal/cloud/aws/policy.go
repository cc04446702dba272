package aws

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap"
)

// parsePolicy reads a resource policy and gives a grant for each principal of
// each statement that allows an action in want, which maps actions ("kms:Decrypt")
// to what they allow. It follows the IAM user guide, "Policy evaluation logic"
// and "IAM JSON policy elements reference".
//
//   - The principal "*" is [lenscap.AnyCustomer]; where a service answers
//     unsigned requests too (S3), the caller widens it to [lenscap.Anyone].
//   - Conditions that surely name organizations, units or accounts become these
//     principals; those that surely exclude everybody give no grant; all others
//     stay in Grant.Conditions.
//   - A Deny that surely holds takes grants away; one that may hold is added to
//     the grant's conditions with the operator "Deny".
//   - The owner's own principals are given, too: the judge knows whose they are.
//
// Grants have Path [lenscap.PathPolicy] and Proof.Field and Value set; the
// caller sets the rest ([region.prove]).
func parsePolicy(doc []byte, owner string, want map[string]lenscap.Access) ([]lenscap.Grant, error) {
	return parsePolicyFor(doc, owner, "", want)
}

// parsePolicyFor is [parsePolicy] for one resource of those that the policy
// speaks of, by ARN: statements for others do not count.
func parsePolicyFor(doc []byte, owner, resource string, want map[string]lenscap.Access) ([]lenscap.Grant, error) {
	p, err := decodePolicy(doc)
	if err != nil {
		return nil, err
	}
	var grants []lenscap.Grant
	for i, s := range p.statements {
		if s.deny || !s.touches(resource) {
			continue
		}
		allowed := s.matched(want)
		if len(allowed) == 0 {
			continue
		}
		for _, g := range s.grants(owner) {
			g.Proof = lenscap.Proof{Field: "Policy.Statement[" + strconv.Itoa(i) + "]", Value: s.summary()}
			left, conds, narrowed := p.denied(g.Principal, allowed, resource)
			g.Allows = accesses(left, want)
			if len(g.Allows) == 0 {
				continue
			}
			g.Conditions = append(g.Conditions, conds...)
			grants = append(grants, narrow(g, narrowed)...)
		}
	}
	return grants, nil
}

// narrow replaces a grant to everybody by one for each principal that a Deny
// leaves; nil leaves all.
func narrow(g lenscap.Grant, to []lenscap.Principal) []lenscap.Grant {
	if to == nil || !g.Principal.Public() {
		return []lenscap.Grant{g}
	}
	out := make([]lenscap.Grant, 0, len(to))
	for _, p := range to {
		g.Principal = p
		out = append(out, g)
	}
	return out
}

// accesses gives what actions allow, each once, in a fixed order.
func accesses(actions []string, want map[string]lenscap.Access) []lenscap.Access {
	var out []lenscap.Access
	for _, a := range actions {
		if !slices.Contains(out, want[a]) {
			out = append(out, want[a])
		}
	}
	slices.Sort(out)
	return out
}

// matched lists the wanted actions that the statement speaks of, sorted.
func (s *statement) matched(want map[string]lenscap.Access) []string {
	var out []string
	for action := range want {
		if s.speaksOf(action) {
			out = append(out, action)
		}
	}
	slices.Sort(out)
	return out
}

func (s *statement) speaksOf(action string) bool {
	match := func(pattern string) bool { return glob(strings.ToLower(pattern), strings.ToLower(action)) }
	if len(s.notActions) > 0 {
		return !slices.ContainsFunc(s.notActions, match)
	}
	return slices.ContainsFunc(s.actions, match)
}

// touches tells whether the statement may speak of the resource; without a
// resource, it does.
func (s *statement) touches(resource string) bool {
	match := func(pattern string) bool { return strings.Contains(pattern, "${") || glob(pattern, resource) }
	switch {
	case resource == "":
		return true
	case len(s.notResources) > 0:
		return !slices.ContainsFunc(s.notResources, func(p string) bool { return !strings.Contains(p, "${") && glob(p, resource) })
	case len(s.resources) == 0:
		return true
	}
	return slices.ContainsFunc(s.resources, match)
}

// surelyTouches tells whether the statement holds for the resource for certain.
func (s *statement) surelyTouches(resource string) bool {
	if len(s.notResources) > 0 {
		return false
	}
	if len(s.resources) == 0 || slices.Contains(s.resources, "*") {
		return true
	}
	return resource != "" && slices.ContainsFunc(s.resources, func(p string) bool {
		return !strings.Contains(p, "${") && glob(p, resource)
	})
}

// grants gives the statement's principals with what its conditions leave of
// them. Allows and Proof are left to the caller.
func (s *statement) grants(owner string) []lenscap.Grant {
	named, rest, possible := resolve(s.conditions)
	if !possible {
		return nil
	}
	var out []lenscap.Grant
	for _, p := range s.principals {
		if p.Type != lenscap.AnyCustomer {
			if keep, conds := meet(p, named); keep {
				out = append(out, lenscap.Grant{Principal: p, Path: lenscap.PathPolicy, Conditions: slices.Concat(rest, conds)})
			}
			continue
		}
		best, others := narrowest(named)
		if best == nil {
			out = append(out, lenscap.Grant{Principal: p, Path: lenscap.PathPolicy, Conditions: slices.Clone(rest)})
			continue
		}
		for _, q := range best.who {
			out = append(out, lenscap.Grant{Principal: q, Path: lenscap.PathPolicy, Conditions: slices.Concat(rest, others)})
		}
	}
	return slices.DeleteFunc(out, func(g lenscap.Grant) bool {
		// A service that acts for the owner alone lets nobody else in.
		return g.Principal.Type == lenscap.Service && onlyFor(named, owner)
	})
}

// onlyFor tells whether a condition names the account and no other.
func onlyFor(named []resolved, account string) bool {
	return slices.ContainsFunc(named, func(r resolved) bool {
		return len(r.who) == 1 && r.who[0] == lenscap.Principal{Type: lenscap.Account, ID: account}
	})
}

// meet holds a principal against the conditions that name somebody: out when
// one surely excludes it; conditions that may exclude it are kept.
func meet(p lenscap.Principal, named []resolved) (keep bool, conds []lenscap.Condition) {
	for _, r := range named {
		switch {
		case slices.ContainsFunc(r.who, func(q lenscap.Principal) bool { return q.ID == p.ID || q.Type == lenscap.Account && q.ID == p.Account }):
		case accountsOnly(r.who) && accountOf(p) != "":
			return false, nil
		default:
			conds = append(conds, r.cond)
		}
	}
	return true, conds
}

func accountsOnly(who []lenscap.Principal) bool {
	return !slices.ContainsFunc(who, func(p lenscap.Principal) bool { return p.Type != lenscap.Account })
}

// accountOf is the account that a principal is or belongs to.
func accountOf(p lenscap.Principal) string {
	switch p.Type {
	case lenscap.Account:
		return p.ID
	case lenscap.Identity:
		return p.Account
	}
	return ""
}

// narrowest picks the condition that names the smallest circle and gives the
// others back as they were written.
func narrowest(named []resolved) (best *resolved, others []lenscap.Condition) {
	rank := func(r resolved) int {
		worst := 0
		for _, p := range r.who {
			worst = max(worst, slices.Index([]lenscap.PrincipalType{
				lenscap.Identity, lenscap.Account, lenscap.OrgUnit, lenscap.Organization,
			}, p.Type))
		}
		return worst
	}
	for i := range named {
		if best == nil || rank(named[i]) < rank(*best) {
			best = &named[i]
		}
	}
	for i := range named {
		if best != &named[i] {
			others = append(others, named[i].cond)
		}
	}
	return best, others
}
