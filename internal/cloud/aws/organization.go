package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// maxUnits bounds the walk through the units: two calls each. AWS's own quota
// is 2000 units; a tree larger than this is a gap.
const maxUnits = 1000

// maxDepth is how deep AWS lets units be nested below the root.
const maxDepth = 5

// organization is what could be read of the caller's organization. All is
// empty when there is none or it may not be read.
type organization struct {
	id        string
	accounts  []string            // all members
	names     map[string]string   // by account
	units     map[string][]string // by account, from the root's child down
	suspended map[string]string   // by account: suspended, pending_closure …
	unread    error               // why the members are not all listed, nil if they are
}

// organization reads the caller's organization and gives its members to sink.
func (c *Collector) organization(ctx context.Context, sink cloud.Sink) (*organization, error) {
	self := c.self.account
	org := &organization{
		names: make(map[string]string), units: make(map[string][]string), suspended: make(map[string]string),
	}
	cfg, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	client := organizations.NewFromConfig(c.dress(cfg, self, cfg.Region))
	out, err := client.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	var none *orgtypes.AWSOrganizationsNotInUseException
	switch {
	case errors.As(err, &none):
		// Not being in an organization is an answer, not a failure.
		return org, sink.Member(lenscap.Membership{Provider: Provider, Account: self})
	case err != nil:
		org.unread = err
		return org, trustGap(ctx, sink, "organizations:DescribeOrganization", err)
	case out.Organization == nil || awssdk.ToString(out.Organization.Id) == "":
		org.unread = errNoID
		return org, trustGap(ctx, sink, "organizations:DescribeOrganization", errNoID)
	}
	org.id = awssdk.ToString(out.Organization.Id)
	if err := c.members(ctx, client, org, sink); err != nil {
		return nil, err
	}
	return org, org.give(sink, self)
}

// errNoID is an answer that lacks what names its object.
var errNoID = errors.New("the answer lacks the id of what it describes")

// members reads accounts and units. What it may not read is a gap.
func (c *Collector) members(ctx context.Context, client *organizations.Client, org *organization, sink cloud.Sink) error {
	placed := true // whether every account came with its path
	err := pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Accounts {
			placed = org.add(&out.Accounts[i]) && placed
		}
		return out.NextToken, nil
	})
	if err != nil {
		org.unread = err
		return trustGap(ctx, sink, "organizations:ListAccounts", err)
	}
	if placed {
		return nil
	}
	if call, err := org.walk(ctx, client); err != nil {
		return trustGap(ctx, sink, call, err)
	}
	return nil
}

// add takes a listed account and tells whether the listing placed it.
func (o *organization) add(a *orgtypes.Account) (placed bool) {
	id := awssdk.ToString(a.Id)
	if !isAccountID(id) {
		return true
	}
	o.accounts = append(o.accounts, id)
	o.names[id] = awssdk.ToString(a.Name)
	state := string(a.State)
	if state == "" {
		state = string(a.Status)
	}
	if state != "" && state != string(orgtypes.AccountStateActive) {
		o.suspended[id] = strings.ToLower(state)
	}
	if len(a.Paths) == 0 {
		return false
	}
	o.units[id] = unitsOf(a.Paths[0])
	return true
}

// unitsOf picks the units of a path such as o-a1/r-b2/ou-b2-c3/ou-b2-d4/.
func unitsOf(path string) []string {
	var units []string
	for step := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(step, "ou-") {
			units = append(units, step)
		}
	}
	return units
}

// walk reads the tree of units from the root down and places each account. It
// gives the call that failed.
func (o *organization) walk(ctx context.Context, client *organizations.Client) (call string, err error) {
	type node struct {
		id   string
		path []string
	}
	var queue []node
	err = pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListRoots(ctx, &organizations.ListRootsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Roots {
			queue = append(queue, node{id: awssdk.ToString(out.Roots[i].Id)})
		}
		return out.NextToken, nil
	})
	if err != nil {
		return "organizations:ListRoots", err
	}
	for n := 0; len(queue) > 0; n++ {
		if n > maxUnits {
			return "organizations:ListOrganizationalUnitsForParent", fmt.Errorf("more than %d units: %w", maxUnits, errTruncated)
		}
		at := queue[0]
		queue = queue[1:]
		if err := o.place(ctx, client, at.id, at.path); err != nil {
			return "organizations:ListAccountsForParent", err
		}
		if len(at.path) >= maxDepth {
			continue
		}
		children, err := unitsBelow(ctx, client, at.id)
		if err != nil {
			return "organizations:ListOrganizationalUnitsForParent", err
		}
		for _, id := range children {
			queue = append(queue, node{id, append(slices.Clone(at.path), id)})
		}
	}
	return "", nil
}

func (o *organization) place(ctx context.Context, client *organizations.Client, parent string, path []string) error {
	return pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{
			ParentId: &parent, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for i := range out.Accounts {
			o.units[awssdk.ToString(out.Accounts[i].Id)] = path
		}
		return out.NextToken, nil
	})
}

func unitsBelow(ctx context.Context, client *organizations.Client, parent string) ([]string, error) {
	var ids []string
	err := pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{
			ParentId: &parent, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for i := range out.OrganizationalUnits {
			if id := awssdk.ToString(out.OrganizationalUnits[i].Id); id != "" {
				ids = append(ids, id)
			}
		}
		return out.NextToken, nil
	})
	return ids, err
}

// give hands the members to sink. The caller's own membership is known even
// when the list of accounts is not.
func (o *organization) give(sink cloud.Sink, self string) error {
	for _, id := range unique(append([]string{self}, o.accounts...)) {
		err := sink.Member(lenscap.Membership{
			Provider: Provider, Account: id, Name: o.names[id], Organization: o.id, OUs: o.units[id],
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// trustGap says that the organization, or part of it, could not be read.
func trustGap(ctx context.Context, sink cloud.Sink, call string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return sink.Gap(lenscap.Gap{
		Provider: Provider, Aspect: lenscap.AspectTrust,
		Cause: causeOf(err), Call: call, Message: messageOf(err),
	})
}
