package aws

import (
	"context"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ram"
	ramtypes "github.com/aws/aws-sdk-go-v2/service/ram/types"

	"github.com/lenscap/lenscap"
)

const callShares = "ram:ListPrincipals"

// resourceShares reads with whom a resource is shared by AWS RAM: one grant for each
// principal of each share, with the same access for all. What was read before
// an error is given with it.
func (r *region) resourceShares(ctx context.Context, arn string, allows ...lenscap.Access) ([]lenscap.Grant, error) {
	client := ram.NewFromConfig(r.cfg)
	var grants []lenscap.Grant
	err := pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListPrincipals(ctx, &ram.ListPrincipalsInput{
			ResourceOwner: ramtypes.ResourceOwnerSelf, ResourceArn: &arn, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for i := range out.Principals {
			p := &out.Principals[i]
			id := awssdk.ToString(p.Id)
			who, ok := sharePrincipal(id)
			if !ok {
				continue
			}
			proof := r.proof(callShares, "principals[].id", id+" in "+awssdk.ToString(p.ResourceShareArn))
			grants = append(grants, lenscap.Grant{Principal: who, Allows: allows, Path: lenscap.PathShare, Proof: proof})
		}
		return out.NextToken, nil
	})
	return grants, err
}

// sharePrincipal reads a principal of a resource share: an account, an
// organization or unit, a role or user, a service (AWS RAM API reference,
// "Principal").
func sharePrincipal(id string) (lenscap.Principal, bool) {
	switch {
	case id == "":
		return lenscap.Principal{}, false
	case strings.Contains(id, ":organizations:") && strings.Contains(id, ":organization/"):
		return orgPrincipal(lenscap.Organization, id), true
	case strings.Contains(id, ":organizations:") && strings.Contains(id, ":ou/"):
		return orgPrincipal(lenscap.OrgUnit, id), true
	case strings.HasSuffix(id, ".amazonaws.com"):
		return principal("Service", id)
	}
	return principal("AWS", id)
}
