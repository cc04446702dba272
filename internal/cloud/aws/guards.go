package aws

import (
	"context"
	"errors"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
)

// The names of the guards of EC2.
const (
	guardSnapshots = "snapshot_block_public_access"
	guardImages    = "image_block_public_access"
	guardEncrypt   = "encryption_by_default"
	guardLock      = "snapshot_lock"
	guardAllowed   = "allowed_images"
)

// errState is a state that the API reference does not name.
var errState = errors.New("unknown state")

// everyone are the principals that the block-public-access settings hold back.
func everyone() []lenscap.PrincipalType {
	return []lenscap.PrincipalType{lenscap.Anyone, lenscap.AnyCustomer}
}

// guardsPart reads the settings of the account in the region that limit sharing.
func guardsPart() part {
	return part{name: "EC2 guards", collect: func(ctx context.Context, r *region) error {
		client := ec2.NewFromConfig(r.cfg)
		for _, read := range []func(context.Context, *ec2.Client) (lenscap.Guard, error){
			r.snapshotBlock, r.imageBlock, r.encryptionDefault, r.allowedImages,
		} {
			g, err := read(ctx, client)
			if err := r.guard(ctx, g, err); err != nil {
				return err
			}
		}
		return nil
	}}
}

// guard gives a guard to the sink. One that could not be read is neither on nor
// off: it goes out with the gap, and the gap on its own as well.
func (r *region) guard(ctx context.Context, g lenscap.Guard, err error) error {
	g.Provider, g.Account, g.Region = Provider, r.account, r.name
	if err == nil {
		return r.sink.Guard(g)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	gap := r.gapOf(g.Proof.Call, err, lenscap.AspectGuards, g.Kinds...)
	g.Effect, g.State, g.Gap = lenscap.GuardUnknown, "", &gap
	if err := r.sink.Guard(g); err != nil {
		return err
	}
	return r.sink.Gap(gap)
}

func (r *region) snapshotBlock(ctx context.Context, client *ec2.Client) (lenscap.Guard, error) {
	g := lenscap.Guard{
		Name: guardSnapshots, Kinds: []lenscap.Kind{lenscap.KindDiskSnapshot}, Limits: everyone(),
		Proof: r.proof("ec2:GetSnapshotBlockPublicAccessState", "State", ""),
	}
	out, err := client.GetSnapshotBlockPublicAccessState(ctx, &ec2.GetSnapshotBlockPublicAccessStateInput{})
	if err != nil {
		return g, err
	}
	g.State, g.ManagedBy, g.Proof.Value = string(out.State), string(out.ManagedBy), string(out.State)
	switch out.State {
	case ec2types.SnapshotBlockPublicAccessStateBlockAllSharing:
		g.Effect = lenscap.GuardAll
	case ec2types.SnapshotBlockPublicAccessStateBlockNewSharing:
		g.Effect = lenscap.GuardNewOnly
	case ec2types.SnapshotBlockPublicAccessStateUnblocked:
		g.Effect = lenscap.GuardOff
	default:
		return g, stateError(g.State)
	}
	return g, nil
}

func (r *region) imageBlock(ctx context.Context, client *ec2.Client) (lenscap.Guard, error) {
	g := lenscap.Guard{
		Name: guardImages, Kinds: []lenscap.Kind{lenscap.KindMachineImage}, Limits: everyone(),
		Proof: r.proof("ec2:GetImageBlockPublicAccessState", "ImageBlockPublicAccessState", ""),
	}
	out, err := client.GetImageBlockPublicAccessState(ctx, &ec2.GetImageBlockPublicAccessStateInput{})
	if err != nil {
		return g, err
	}
	g.State, g.ManagedBy = awssdk.ToString(out.ImageBlockPublicAccessState), string(out.ManagedBy)
	g.Proof.Value = g.State
	switch g.State {
	case string(ec2types.ImageBlockPublicAccessEnabledStateBlockNewSharing):
		g.Effect = lenscap.GuardNewOnly
	case string(ec2types.ImageBlockPublicAccessDisabledStateUnblocked):
		g.Effect = lenscap.GuardOff
	default:
		return g, stateError(g.State)
	}
	return g, nil
}

// encryptionDefault reads whether new volumes and copies are encrypted, and by
// which key. It limits no grant that stands.
func (r *region) encryptionDefault(ctx context.Context, client *ec2.Client) (lenscap.Guard, error) {
	g := lenscap.Guard{Name: guardEncrypt, Proof: r.proof("ec2:GetEbsEncryptionByDefault", "EbsEncryptionByDefault", "")}
	out, err := client.GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
	switch {
	case err != nil:
		return g, err
	case out.EbsEncryptionByDefault == nil:
		return g, stateError("")
	case !*out.EbsEncryptionByDefault:
		g.Effect, g.State, g.Proof.Value = lenscap.GuardOff, "disabled", "false"
		return g, nil
	}
	g.Effect, g.State, g.Proof.Value = lenscap.GuardNewOnly, "enabled", "true"
	key, err := client.GetEbsDefaultKmsKeyId(ctx, &ec2.GetEbsDefaultKmsKeyIdInput{})
	if err != nil {
		// That encryption is on is known; only its key is not.
		return g, r.gap(ctx, "ec2:GetEbsDefaultKmsKeyId", err, lenscap.AspectGuards)
	}
	g.State = "enabled, key " + awssdk.ToString(key.KmsKeyId)
	return g, nil
}

// allowedImages reads which images the account lets its users launch. It limits
// no grant on the account's own images.
func (r *region) allowedImages(ctx context.Context, client *ec2.Client) (lenscap.Guard, error) {
	g := lenscap.Guard{Name: guardAllowed, Proof: r.proof("ec2:GetAllowedImagesSettings", "State", "")}
	out, err := client.GetAllowedImagesSettings(ctx, &ec2.GetAllowedImagesSettingsInput{})
	if err != nil {
		return g, err
	}
	g.State, g.ManagedBy = awssdk.ToString(out.State), string(out.ManagedBy)
	g.Proof.Value = g.State
	switch g.State {
	case "enabled":
		g.Effect = lenscap.GuardNewOnly
	case "disabled", "audit-mode":
		g.Effect = lenscap.GuardOff
	default:
		return g, stateError(g.State)
	}
	return g, nil
}

func stateError(state string) error {
	return fmt.Errorf("%w %q: %w", errState, state, errMalformed)
}

// locks gives a guard for each locked snapshot. A lock keeps a snapshot from
// being deleted; it limits no grant.
func (r *region) locks(ctx context.Context, client *ec2.Client) error {
	const call = "ec2:DescribeLockedSnapshots"
	err := pages(ctx, func(token *string) (*string, error) {
		out, err := client.DescribeLockedSnapshots(ctx, &ec2.DescribeLockedSnapshotsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Snapshots {
			s := &out.Snapshots[i]
			if owner := awssdk.ToString(s.OwnerId); owner != "" && owner != r.account {
				continue
			}
			if err := r.sink.Guard(lenscap.Guard{
				Name: guardLock, Provider: Provider, Account: r.account, Region: r.name,
				Asset: awssdk.ToString(s.SnapshotId), Effect: lenscap.GuardOff, State: string(s.LockState),
				Proof: r.proof(call, "Snapshots[].LockState", string(s.LockState)),
			}); err != nil {
				return nil, sinkError{err}
			}
		}
		return out.NextToken, nil
	})
	if err == nil {
		return nil
	}
	if err := asSink(err); err != nil {
		return err
	}
	return r.guard(ctx, lenscap.Guard{Name: guardLock, Proof: r.proof(call, "", "")}, err)
}
