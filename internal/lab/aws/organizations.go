package aws

import (
	"slices"
	"strings"
)

// Org is the organization: a tree of units with accounts in it.
type Org struct {
	ID         string // o-…
	Management string
	Root       *OU
}

// OU is one organizational unit; the root is one, too.
type OU struct {
	ID       string
	Name     string
	Units    []*OU
	Accounts []string
}

// SetOrg makes the world's organization.
func (w *World) SetOrg(o *Org) { w.org = o }

// ARN is the organization's name.
func (o *Org) ARN() string {
	return "arn:aws:organizations::" + o.Management + ":organization/" + o.ID
}

// UnitARN is the name of one of its units.
func (o *Org) UnitARN(id string) string {
	return "arn:aws:organizations::" + o.Management + ":ou/" + o.ID + "/" + id
}

// walk visits every unit with the one above it, the root first.
func (o *Org) walk(visit func(unit, parent *OU)) {
	var down func(u, parent *OU)
	down = func(u, parent *OU) {
		visit(u, parent)
		for _, sub := range u.Units {
			down(sub, u)
		}
	}
	down(o.Root, nil)
}

func (o *Org) has(account string) bool { return o.parentOf(account) != nil }

// parentOf gives the unit that an account or unit stands in.
func (o *Org) parentOf(id string) (found *OU) {
	o.walk(func(u, parent *OU) {
		if slices.Contains(u.Accounts, id) {
			found = u
		}
		if u.ID == id && parent != nil {
			found = parent
		}
	})
	return found
}

func (o *Org) unit(id string) (found *OU) {
	o.walk(func(u, _ *OU) {
		if u.ID == id {
			found = u
		}
	})
	return found
}

// inUnit tells whether an account stands in or below the unit of that ARN.
func (o *Org) inUnit(account, arn string) bool {
	for u := o.parentOf(account); u != nil; u = o.parentOf(u.ID) {
		if o.UnitARN(u.ID) == arn {
			return true
		}
	}
	return false
}

func orgService() *service {
	s := &service{protocol: json11, target: "AWSOrganizationsV20161128", ops: map[string]operation{}}
	for name, run := range map[string]func(*Request, *Org, orgInput) (any, error){
		"DescribeOrganization":                describeOrganization,
		"ListAccounts":                        listAccounts,
		"ListRoots":                           listRoots,
		"ListParents":                         listParents,
		"ListOrganizationalUnitsForParent":    listUnits,
		"ListAccountsForParent":               listAccountsFor,
		"DescribeAccount":                     describeAccount,
		"DescribeOrganizationalUnit":          describeUnit,
		"ListDelegatedAdministrators":         listDelegated,
		"ListAWSServiceAccessForOrganization": listServiceAccess,
	} {
		s.ops[name] = func(q *Request) (any, error) {
			var in orgInput
			if err := q.JSON(&in); err != nil {
				return nil, err
			}
			org := q.World.org
			if org == nil || !org.has(q.Call.Account) {
				return nil, bad("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
			}
			// All but the organization's own description is for the management account.
			if q.Call.Account != org.Management && name != "DescribeOrganization" {
				return nil, bad("AccessDeniedException", "You don't have permissions to access this resource.")
			}
			return run(q, org, in)
		}
	}
	return s
}

type orgInput struct {
	ParentID   string `json:"ParentId"`
	ChildID    string `json:"ChildId"`
	AccountID  string `json:"AccountId"`
	UnitID     string `json:"OrganizationalUnitId"`
	MaxResults int
	NextToken  string
}

func orgPage[T any](q *Request, in orgInput, name string, items []T) (any, error) {
	if in.MaxResults < 0 || in.MaxResults > 20 {
		return nil, bad("InvalidInputException", "MaxResults must be between 1 and 20")
	}
	if in.MaxResults == 0 {
		in.MaxResults = 20
	}
	part, next, err := paginate(q, items, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	if part == nil {
		part = []T{}
	}
	out := map[string]any{name: part}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}

func describeOrganization(q *Request, o *Org, _ orgInput) (any, error) {
	return map[string]any{"Organization": map[string]any{
		"Id": o.ID, "Arn": o.ARN(), "FeatureSet": "ALL", "MasterAccountId": o.Management,
		"MasterAccountArn":   "arn:aws:organizations::" + o.Management + ":account/" + o.ID + "/" + o.Management,
		"MasterAccountEmail": q.World.accounts[o.Management].Email, "AvailablePolicyTypes": []any{},
	}}, nil
}

func accountJSON(q *Request, o *Org, id string) map[string]any {
	a := q.World.accounts[id]
	if a == nil {
		a = &Account{ID: id, Name: id}
	}
	return map[string]any{
		"Id": id, "Name": a.Name, "Email": a.Email, "Status": "ACTIVE", "State": "ACTIVE", "JoinedMethod": "CREATED",
		"Arn": "arn:aws:organizations::" + o.Management + ":account/" + o.ID + "/" + id, "JoinedTimestamp": 1640995200,
	}
}

func listAccounts(q *Request, o *Org, in orgInput) (any, error) {
	var list []map[string]any
	o.walk(func(u, _ *OU) {
		for _, id := range u.Accounts {
			list = append(list, accountJSON(q, o, id))
		}
	})
	return orgPage(q, in, "Accounts", list)
}

func listRoots(q *Request, o *Org, in orgInput) (any, error) {
	return orgPage(q, in, "Roots", []map[string]any{{
		"Id": o.Root.ID, "Name": "Root", "PolicyTypes": []any{},
		"Arn": "arn:aws:organizations::" + o.Management + ":root/" + o.ID + "/" + o.Root.ID,
	}})
}

func listParents(q *Request, o *Org, in orgInput) (any, error) {
	u := o.parentOf(in.ChildID)
	if u == nil {
		return nil, bad("ChildNotFoundException", "You specified a child that does not exist.")
	}
	kind := "ORGANIZATIONAL_UNIT"
	if strings.HasPrefix(u.ID, "r-") {
		kind = "ROOT"
	}
	return orgPage(q, in, "Parents", []map[string]any{{"Id": u.ID, "Type": kind}})
}

func unitJSON(o *Org, u *OU) map[string]any {
	return map[string]any{"Id": u.ID, "Name": u.Name, "Arn": o.UnitARN(u.ID)}
}

func parent(o *Org, in orgInput) (*OU, error) {
	if u := o.unit(in.ParentID); u != nil {
		return u, nil
	}
	return nil, bad("ParentNotFoundException", "You specified a parent that does not exist.")
}

func listUnits(q *Request, o *Org, in orgInput) (any, error) {
	u, err := parent(o, in)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, sub := range u.Units {
		list = append(list, unitJSON(o, sub))
	}
	return orgPage(q, in, "OrganizationalUnits", list)
}

func listAccountsFor(q *Request, o *Org, in orgInput) (any, error) {
	u, err := parent(o, in)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, id := range u.Accounts {
		list = append(list, accountJSON(q, o, id))
	}
	return orgPage(q, in, "Accounts", list)
}

func describeAccount(q *Request, o *Org, in orgInput) (any, error) {
	if !o.has(in.AccountID) {
		return nil, bad("AccountNotFoundException", "You specified an account that doesn't exist.")
	}
	return map[string]any{"Account": accountJSON(q, o, in.AccountID)}, nil
}

func describeUnit(_ *Request, o *Org, in orgInput) (any, error) {
	u := o.unit(in.UnitID)
	if u == nil || u == o.Root {
		return nil, bad("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
	}
	return map[string]any{"OrganizationalUnit": unitJSON(o, u)}, nil
}

func listDelegated(q *Request, _ *Org, in orgInput) (any, error) {
	return orgPage(q, in, "DelegatedAdministrators", []map[string]any{})
}

func listServiceAccess(q *Request, _ *Org, in orgInput) (any, error) {
	return orgPage(q, in, "EnabledServicePrincipals", []map[string]any{})
}
