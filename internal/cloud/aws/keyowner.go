package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

var _ cloud.KeyTracer = (*Collector)(nil)

// KeyOwner implements [cloud.KeyTracer] for access keys. AWS tells the account
// of any key; the user, whether the key is active and when it was last used only
// within accounts that may be entered. A temporary key (ASIA…) has no user that
// could be asked for.
func (c *Collector) KeyOwner(ctx context.Context, kind, id string) (lenscap.KeyOwner, error) {
	if kind != "aws_access_key" || len(id) != 20 || !strings.HasPrefix(id, "AKIA") && !strings.HasPrefix(id, "ASIA") {
		return lenscap.KeyOwner{}, cloud.ErrNoSuchKey
	}
	own, err := c.reader(ctx, lenscap.Ref{})
	if err != nil {
		return lenscap.KeyOwner{}, err
	}
	info, err := sts.NewFromConfig(own.cfg).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &id})
	if err != nil {
		return lenscap.KeyOwner{}, fmt.Errorf("sts:GetAccessKeyInfo: %w", err)
	}
	owner := lenscap.KeyOwner{Account: awssdk.ToString(info.Account)}
	if strings.HasPrefix(id, "ASIA") || owner.Account == "" {
		return owner, nil
	}
	its, err := c.reader(ctx, lenscap.Ref{Account: owner.Account})
	if err != nil {
		return owner, fmt.Errorf("enter account %s: %w", owner.Account, err)
	}
	return c.keyUser(ctx, iam.NewFromConfig(its.cfg), id, owner)
}

func (c *Collector) keyUser(ctx context.Context, client *iam.Client, id string, owner lenscap.KeyOwner) (lenscap.KeyOwner, error) {
	used, err := client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil {
		return owner, fmt.Errorf("iam:GetAccessKeyLastUsed: %w", err)
	}
	owner.Name = awssdk.ToString(used.UserName)
	if used.AccessKeyLastUsed != nil {
		owner.LastUsed = awssdk.ToTime(used.AccessKeyLastUsed.LastUsedDate)
	}
	if owner.Name == "" {
		return owner, nil
	}
	err = pages(ctx, func(marker *string) (*string, error) {
		out, err := client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: used.UserName, Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, k := range out.AccessKeyMetadata {
			if awssdk.ToString(k.AccessKeyId) == id {
				owner.Active = lenscap.No
				if k.Status == iamtypes.StatusTypeActive {
					owner.Active = lenscap.Yes
				}
			}
		}
		return out.Marker, nil
	})
	if err != nil {
		return owner, fmt.Errorf("iam:ListAccessKeys: %w", err)
	}
	if owner.Active == "" {
		return owner, errors.New("iam:ListAccessKeys did not list the key")
	}
	return owner, nil
}
