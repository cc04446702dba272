package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// OpenBlocks opens an EBS snapshot, or the root disk of an AMI, through the EBS
// direct APIs. Reads end when ctx does. The source also is a [block.Mapper], a
// [block.Prefetcher] and a [block.Differ], which takes a snapshot's id.
//
// AWS gives no blocks of a snapshot while it is public, nor of an archived or
// recycled one: the error then wraps [cloud.ErrNotReadable] and says what to do.
func (c *Collector) OpenBlocks(ctx context.Context, ref lenscap.Ref) (block.Source, error) {
	if ref.Provider != Provider {
		return nil, fmt.Errorf("open %s: want an asset of %s: %w", ref, Provider, cloud.ErrNotReadable)
	}
	r, err := c.reader(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", ref, err)
	}
	id := ref.ID
	switch ref.Kind {
	case lenscap.KindDiskSnapshot:
	case lenscap.KindMachineImage:
		if id, err = r.rootSnapshot(ctx, ref.ID); err != nil {
			return nil, fmt.Errorf("find the root disk of %s: %w", ref.ID, err)
		}
	default:
		return nil, fmt.Errorf("open %s: only snapshots and machine images have blocks to read: %w", ref, cloud.ErrNotReadable)
	}
	b, err := openBlocks(ctx, ebs.NewFromConfig(r.cfg, lenient), id)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", id, r.explain(ctx, id, err))
	}
	return b, nil
}

// reader gives what is needed to read in the scope of ref. Without an account
// it is the caller's own, without a region the configured one.
func (c *Collector) reader(ctx context.Context, ref lenscap.Ref) (*region, error) {
	self, err := c.whoami(ctx)
	if err != nil {
		return nil, err
	}
	scope := cloud.Scope{Account: ref.Account, Region: ref.Region}
	if scope.Account == "" {
		scope.Account = self.account
	}
	cfg, err := c.enter(ctx, scope.Account)
	if err != nil {
		return nil, err
	}
	if scope.Region == "" {
		scope.Region = cfg.Region
	}
	return c.newRegion(cfg, scope, nil), nil
}

// errNoDisk is an image without a snapshot behind it.
var errNoDisk = errors.New("the image names no snapshot")

// rootSnapshot gives the snapshot behind an image's root device, or behind its
// first disk when the root is none.
func (r *region) rootSnapshot(ctx context.Context, image string) (string, error) {
	out, err := ec2.NewFromConfig(r.cfg).DescribeImages(ctx, &ec2.DescribeImagesInput{
		ImageIds: []string{image}, IncludeDisabled: awssdk.Bool(true), IncludeDeprecated: awssdk.Bool(true),
	})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(out.Images, func(img ec2types.Image) bool { return awssdk.ToString(img.ImageId) == image })
	if i < 0 {
		return "", errNoDisk
	}
	var a lenscap.Asset
	r.imageDisks(&out.Images[i], &a)
	if len(a.Lineage.Parts) == 0 {
		return "", errNoDisk
	}
	return a.Lineage.Parts[0].ID, nil
}

// explain tells why the blocks of a snapshot are refused, and what to do. It
// asks EC2 for what the refusal itself leaves out.
func (r *region) explain(ctx context.Context, id string, refusal error) error {
	var api smithy.APIError
	if !errors.As(refusal, &api) || ctx.Err() != nil {
		return refusal
	}
	switch causeOf(refusal) {
	case lenscap.CauseThrottled, lenscap.CauseTimeout, lenscap.CauseUnsupported:
		return refusal // says nothing of the snapshot
	}
	client := ec2.NewFromConfig(r.cfg)
	out, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}})
	if err == nil {
		for i := range out.Snapshots {
			snap := &out.Snapshots[i]
			if awssdk.ToString(snap.SnapshotId) != id {
				continue
			}
			if snap.StorageTier == ec2types.StorageTierArchive {
				return notReadable(refusal, "it is archived: restore it to the standard tier first (ec2:RestoreSnapshotTier)")
			}
			if snap.State != ec2types.SnapshotStateCompleted && snap.State != "" {
				return notReadable(refusal, "its state is "+string(snap.State)+": only a completed snapshot has blocks to read")
			}
		}
	}
	s := &snapshotReader{region: r, client: client}
	grants, err := s.volumePermissions(ctx, id)
	if err == nil && slices.ContainsFunc(grants, func(g lenscap.Grant) bool { return g.Principal.Public() }) {
		return notReadable(refusal, "it is public, and AWS gives no blocks of public snapshots: close it first, or read a private copy (ec2:CopySnapshot)")
	}
	if causeOf(refusal) == lenscap.CauseDenied {
		return fmt.Errorf("needs ebs:ListSnapshotBlocks, ebs:GetSnapshotBlock and, when it is encrypted, kms:Decrypt on its key: %w", refusal)
	}
	return refusal
}

func notReadable(refusal error, why string) error {
	return fmt.Errorf("%w: %s (%s)", cloud.ErrNotReadable, why, messageOf(refusal))
}
