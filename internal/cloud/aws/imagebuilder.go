package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	ibtypes "github.com/aws/aws-sdk-go-v2/service/imagebuilder/types"

	"github.com/lenscap/lenscap"
)

const (
	callDistributions = "imagebuilder:ListDistributionConfigurations"
	callDistribution  = "imagebuilder:GetDistributionConfiguration"
)

// imageBuilderPart reads the distribution configurations of EC2 Image Builder:
// each shares every image that its pipelines make.
func imageBuilderPart() part {
	return part{name: "image distributions", kinds: []lenscap.Kind{lenscap.KindSharePolicy}, collect: func(ctx context.Context, r *region) error {
		client := imagebuilder.NewFromConfig(r.cfg)
		_, err := r.listing(ctx, lenscap.KindSharePolicy, callDistributions, func(token *string, n *int) (*string, error) {
			out, err := client.ListDistributionConfigurations(ctx, &imagebuilder.ListDistributionConfigurationsInput{NextToken: token})
			if err != nil {
				return nil, err
			}
			return out.NextToken, each(ctx, out.DistributionConfigurationSummaryList, n, func(ctx context.Context, s *ibtypes.DistributionConfigurationSummary) (bool, error) {
				return r.distribution(ctx, client, s)
			}, func(*ibtypes.DistributionConfigurationSummary) {})
		})
		return err
	}}
}

func (r *region) distribution(ctx context.Context, client *imagebuilder.Client, s *ibtypes.DistributionConfigurationSummary) (bool, error) {
	arn := awssdk.ToString(s.Arn)
	if arn == "" {
		return false, nil
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindSharePolicy, arn), Name: awssdk.ToString(s.Name), Tags: s.Tags,
		Created: parseTime(s.DateCreated), Attrs: attrs("service", "imagebuilder"),
	}
	out, err := client.GetDistributionConfiguration(ctx, &imagebuilder.GetDistributionConfigurationInput{DistributionConfigurationArn: &arn})
	switch {
	case err != nil && ctx.Err() != nil:
		return false, ctx.Err()
	case err == nil && out.DistributionConfiguration == nil:
		err = errNoID
	}
	if err != nil {
		a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callDistribution, err))
		return true, r.give1(a)
	}
	for _, d := range out.DistributionConfiguration.Distributions {
		if d.AmiDistributionConfiguration != nil {
			a.Grants = append(a.Grants, r.launchGrants(d.AmiDistributionConfiguration.LaunchPermission)...)
		}
	}
	return true, r.give1(a)
}

// launchGrants reads a launch permission: groups (all is everybody), accounts,
// organizations and units.
func (r *region) launchGrants(p *ibtypes.LaunchPermissionConfiguration) []lenscap.Grant {
	if p == nil {
		return nil
	}
	var grants []lenscap.Grant
	add := func(who lenscap.Principal, field, value string) {
		g := imageGrant(who, r.proof(callDistribution, "distributions[].amiDistributionConfiguration.launchPermission."+field, value))
		g.Path = lenscap.PathSchedule
		grants = append(grants, g)
	}
	for _, v := range p.UserGroups {
		add(lenscap.Principal{Type: lenscap.AnyCustomer}, "userGroups[]", v)
	}
	for _, v := range p.UserIds {
		add(lenscap.Principal{Type: lenscap.Account, ID: v}, "userIds[]", v)
	}
	for _, v := range p.OrganizationArns {
		add(orgPrincipal(lenscap.Organization, v), "organizationArns[]", v)
	}
	for _, v := range p.OrganizationalUnitArns {
		add(orgPrincipal(lenscap.OrgUnit, v), "organizationalUnitArns[]", v)
	}
	return grants
}
