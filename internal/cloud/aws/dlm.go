package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dlm"
	dlmtypes "github.com/aws/aws-sdk-go-v2/service/dlm/types"

	"github.com/lenscap/lenscap"
)

const (
	callPolicies = "dlm:GetLifecyclePolicies"
	callPolicy   = "dlm:GetLifecyclePolicy"
)

// dlmPart reads the policies of the Data Lifecycle Manager: which exist, since
// they own snapshots, and which share what they make.
func dlmPart() part {
	return part{name: "lifecycle policies", kinds: []lenscap.Kind{lenscap.KindSharePolicy}, collect: func(ctx context.Context, r *region) error {
		client := dlm.NewFromConfig(r.cfg)
		out, err := client.GetLifecyclePolicies(ctx, &dlm.GetLifecyclePoliciesInput{}) // one answer holds all
		if err != nil {
			if err := r.gap(ctx, callPolicies, err, lenscap.AspectAssets, lenscap.KindSharePolicy); err != nil {
				return err
			}
			state := lenscap.CoverageFailed
			if r.notOffered(err) {
				state = lenscap.CoverageComplete
			}
			return r.covered(lenscap.KindSharePolicy, 0, state)
		}
		policies := r.living(ownerPolicy)
		n := 0
		for i := range out.Policies {
			id := awssdk.ToString(out.Policies[i].PolicyId)
			policies.add(id)
			if err := r.lifecyclePolicy(ctx, client, &out.Policies[i], &n); err != nil {
				return err
			}
		}
		policies.complete = true
		return r.covered(lenscap.KindSharePolicy, n, lenscap.CoverageComplete)
	}}
}

// lifecyclePolicy gives one policy with the accounts that it shares with.
func (r *region) lifecyclePolicy(ctx context.Context, client *dlm.Client, s *dlmtypes.LifecyclePolicySummary, n *int) error {
	id := awssdk.ToString(s.PolicyId)
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindSharePolicy, id), Name: awssdk.ToString(s.Description), State: string(s.State),
		Tags: s.Tags, Attrs: attrs("service", "dlm"),
	}
	out, err := client.GetLifecyclePolicy(ctx, &dlm.GetLifecyclePolicyInput{PolicyId: &id})
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err == nil && (out.Policy == nil || out.Policy.PolicyDetails == nil):
		err = errNoID
	}
	if err != nil {
		a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callPolicy, err))
		return r.give(a, n)
	}
	for _, schedule := range out.Policy.PolicyDetails.Schedules {
		for _, rule := range schedule.ShareRules {
			grants := r.accountGrants(rule.TargetAccounts, callPolicy, "Policy.PolicyDetails.Schedules[].ShareRules[].TargetAccounts[]")
			for i := range grants {
				grants[i].Path = lenscap.PathSchedule
			}
			a.Grants = append(a.Grants, grants...)
		}
	}
	return r.give(a, n)
}
