package aws

import (
	"context"
	"errors"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// Scopes lists account × enabled region. It reads the caller's organization,
// which is global, and gives its members to sink.
func (c *Collector) Scopes(ctx context.Context, sink cloud.Sink) ([]cloud.Scope, error) {
	self, err := c.whoami(ctx)
	if err != nil {
		return nil, err
	}
	org, err := c.organization(ctx, sink)
	if err != nil {
		return nil, err
	}
	if c.opts.Organization && org.unread != nil {
		if err := sink.Gap(accountGap("", "", "organizations:ListAccounts", org.unread)); err != nil {
			return nil, err
		}
	}
	var scopes []cloud.Scope
	for _, account := range c.accounts(self.account, org) {
		if state := org.suspended[account]; state != "" {
			if err := sink.Gap(closedGap(account, state)); err != nil {
				return nil, err
			}
			continue
		}
		regions, err := c.regions(ctx, account, sink)
		if err != nil {
			return nil, err
		}
		for _, region := range regions {
			scopes = append(scopes, cloud.Scope{Account: account, Region: region})
		}
	}
	return scopes, nil
}

// accounts lists the accounts that are asked for: those named, of the
// organization if that is asked for too, else the caller's own.
func (c *Collector) accounts(self string, org *organization) []string {
	switch {
	case len(c.opts.Accounts) > 0:
		return unique(c.opts.Accounts)
	case c.opts.Organization:
		return unique(append([]string{self}, org.accounts...))
	}
	return []string{self}
}

// closedGap is an account that AWS has closed: it answers no call any more,
// yet keeps its resources for a while.
func closedGap(account, state string) lenscap.Gap {
	return lenscap.Gap{
		Provider: Provider, Account: account, Aspect: lenscap.AspectAssets, Cause: lenscap.CauseNotRead,
		Call: "organizations:ListAccounts", Message: "the account is " + state + ": it answers no call",
	}
}

// regions lists the regions of an account to be read. An account that can't be
// entered is a gap and has none.
func (c *Collector) regions(ctx context.Context, account string, sink cloud.Sink) ([]string, error) {
	cfg, err := c.enter(ctx, account)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, sink.Gap(accountGap(account, "", "sts:AssumeRole", err))
	}
	client := ec2.NewFromConfig(c.dress(cfg, account, cfg.Region))
	out, err := client.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: awssdk.Bool(true)})
	if err != nil {
		return c.regionsUnread(ctx, cfg, account, err, sink)
	}
	enabled, known := sortRegions(out.Regions)
	if len(enabled) == 0 {
		return c.regionsUnread(ctx, cfg, account, errNoRegion, sink)
	}
	if len(c.opts.Regions) == 0 {
		return enabled, nil
	}
	var chosen []string
	for _, name := range unique(c.opts.Regions) {
		if slices.Contains(enabled, name) {
			chosen = append(chosen, name)
			continue
		}
		if err := sink.Gap(disabledGap(account, name, known)); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// errNoRegion is an answer that can't be true: the caller stands in a region.
var errNoRegion = errors.New("the answer names no enabled region")

// sortRegions tells the enabled regions from all that the answer names.
func sortRegions(all []ec2types.Region) (enabled, known []string) {
	for i := range all {
		name := awssdk.ToString(all[i].RegionName)
		if name == "" {
			continue
		}
		known = append(known, name)
		if awssdk.ToString(all[i].OptInStatus) != "not-opted-in" {
			enabled = append(enabled, name)
		}
	}
	slices.Sort(enabled)
	return enabled, known
}

// regionsUnread falls back to the regions that the user named, else to the one
// configured, and says that the others are unread.
func (c *Collector) regionsUnread(ctx context.Context, cfg awssdk.Config, account string, err error, sink cloud.Sink) ([]string, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if gapErr := sink.Gap(accountGap(account, "", "ec2:DescribeRegions", err)); gapErr != nil {
		return nil, gapErr
	}
	if len(c.opts.Regions) > 0 {
		return unique(c.opts.Regions), nil
	}
	return []string{cfg.Region}, nil
}

// disabledGap is a region the user named that is not enabled, or that is none.
func disabledGap(account, name string, known []string) lenscap.Gap {
	g := lenscap.Gap{
		Provider: Provider, Account: account, Region: name, Aspect: lenscap.AspectAssets,
		Cause: lenscap.CauseDisabled, Call: "ec2:DescribeRegions",
		Message: "the region is not enabled in this account",
	}
	if !slices.Contains(known, name) {
		g.Message = "AWS names no such region"
	}
	return g
}

// unique drops repeats and keeps the order.
func unique(in []string) []string {
	seen := make(map[string]struct{}, len(in))
	var out []string
	for _, s := range in {
		if _, ok := seen[s]; !ok {
			seen[s] = struct{}{}
			out = append(out, s)
		}
	}
	return out
}
