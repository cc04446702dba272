package aws

import (
	"context"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
)

const (
	callSnapshots     = "ec2:DescribeSnapshots"
	callSnapshotPerms = "ec2:DescribeSnapshotAttribute"
	// callPublic is the same call as callSnapshots with the filter that finds
	// public ones; the ledger counts both as one.
	callPublic = "ec2:DescribeSnapshots"
)

// snapshotReader reads the EBS snapshots of one scope. It streams: of the
// snapshots themselves only ids are kept.
type snapshotReader struct {
	*region
	client *ec2.Client
	public hits
	seen   map[string]struct{} // only ids that the bulk call named
	n      int
}

// hits is what the bulk call for public snapshots said.
type hits struct {
	ids map[string]struct{}
	err error // why it can't be told, nil when the call was read to its end
}

// snapshotsPart lists own EBS snapshots with who may read them.
func snapshotsPart() part {
	return part{name: "EBS snapshots", kinds: []lenscap.Kind{lenscap.KindDiskSnapshot}, collect: func(ctx context.Context, r *region) error {
		s := &snapshotReader{region: r, client: ec2.NewFromConfig(r.cfg)}
		return s.collect(ctx)
	}}
}

func (s *snapshotReader) collect(ctx context.Context) error {
	read, err := s.list(ctx)
	if err := asSink(err); err != nil {
		return err
	}
	if err := s.listed(ctx, callSnapshots, err, lenscap.KindDiskSnapshot); err != nil {
		return err
	}
	if err := s.stragglers(ctx); err != nil {
		return err
	}
	binErr := s.bin(ctx)
	if err := asSink(binErr); err != nil {
		return err
	}
	if err := s.listed(ctx, "ec2:ListSnapshotsInRecycleBin", binErr, lenscap.KindDiskSnapshot); err != nil {
		return err
	}
	return s.covered(lenscap.KindDiskSnapshot, s.n, stateOf(read, err, binErr))
}

// list reads the snapshots page by page. The bulk call for public ones and the
// locks are read only once there is any: an empty region costs one call.
func (s *snapshotReader) list(ctx context.Context) (read bool, err error) {
	asked := false
	err = pages(ctx, func(token *string) (*string, error) {
		out, err := s.client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
			OwnerIds: []string{"self"}, MaxResults: awssdk.Int32(1000), NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		read = true
		if len(out.Snapshots) > 0 && !asked {
			asked = true
			if s.public = s.readPublic(ctx); ctx.Err() != nil {
				return nil, sinkError{ctx.Err()}
			}
			if err := s.locks(ctx, s.client); err != nil {
				return nil, sinkError{err}
			}
		}
		return out.NextToken, each(ctx, out.Snapshots, &s.n, s.one, s.sight)
	})
	return read, err
}

// readPublic asks in bulk which own snapshots everybody may restore. Each
// answer is held against its owner: some clouds leave the filters out and
// return everybody's.
func (s *snapshotReader) readPublic(ctx context.Context) hits {
	h := hits{ids: make(map[string]struct{})}
	h.err = pages(ctx, func(token *string) (*string, error) {
		out, err := s.client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
			OwnerIds: []string{"self"}, RestorableByUserIds: []string{"all"},
			MaxResults: awssdk.Int32(1000), NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for i := range out.Snapshots {
			snap := &out.Snapshots[i]
			if id := awssdk.ToString(snap.SnapshotId); id != "" && !s.foreign(snap.OwnerId) {
				h.ids[id] = struct{}{}
			}
		}
		return out.NextToken, nil
	})
	return h
}

// sight notes that a snapshot which the bulk call named was listed, too.
func (s *snapshotReader) sight(snap *ec2types.Snapshot) {
	id := awssdk.ToString(snap.SnapshotId)
	if _, ok := s.public.ids[id]; !ok {
		return
	}
	if s.seen == nil {
		s.seen = make(map[string]struct{})
	}
	s.seen[id] = struct{}{}
}

// one gives one snapshot with who may read it.
func (s *snapshotReader) one(ctx context.Context, snap *ec2types.Snapshot) (given bool, err error) {
	id := awssdk.ToString(snap.SnapshotId)
	if id == "" || s.foreign(snap.OwnerId) {
		return false, nil
	}
	a := s.asset(snap)
	_, hit := s.public.ids[id]
	if why := s.unshareable(ctx, &a); why != "" && !hit {
		a.Attrs = addAttr(a.Attrs, "unshareable", why)
		return true, s.give1(a)
	}
	fresh, err := s.shares(ctx, &a, shareReader{call: callSnapshotPerms, must: hit, read: func(ctx context.Context) ([]lenscap.Grant, error) {
		return s.volumePermissions(ctx, id)
	}})
	if err != nil {
		return false, err
	}
	s.judgePublic(&a, hit, fresh)
	return true, s.give1(a)
}

// judgePublic adds what the bulk call says where the snapshot's own list could
// not be read: its answer, or that there was none.
func (s *snapshotReader) judgePublic(a *lenscap.Asset, hit, fresh bool) {
	switch {
	case fresh: // the snapshot's own attribute, just read, has the last word
	case hit:
		for i := range a.Grants {
			if a.Grants[i].Principal.Public() {
				return
			}
		}
		a.Grants = append(a.Grants, snapshotGrant(lenscap.Principal{Type: lenscap.AnyCustomer},
			s.proof(callPublic, "Snapshots[].SnapshotId (RestorableByUserIds=all)", a.Ref.ID)))
	case s.public.err != nil && a.Encryption.Encrypted != lenscap.Yes: // encrypted ones can't be public
		a.Gaps = append(a.Gaps, s.assetGap(a.Ref, callPublic, s.public.err))
	}
}

// unshareable tells why a snapshot can't be shared with anybody, "" when it can
// or when that is not known. One encrypted under a key that AWS manages can't
// (EBS user guide, "Share an Amazon EBS snapshot").
func (s *snapshotReader) unshareable(ctx context.Context, a *lenscap.Asset) string {
	switch ec2types.SnapshotState(a.State) {
	case ec2types.SnapshotStateError, ec2types.SnapshotStatePending:
		return a.State
	}
	if a.Encryption.Encrypted == lenscap.Yes && a.Encryption.Manager == managerProvider {
		return "default_key"
	}
	if a.Encryption.Encrypted != lenscap.Yes || a.Encryption.Key == "" {
		return ""
	}
	a.Encryption.Manager = s.manager(ctx, a.Encryption.Key)
	if a.Encryption.Manager == managerProvider {
		return "default_key"
	}
	return ""
}

// volumePermissions reads who may create volumes from a snapshot.
func (s *snapshotReader) volumePermissions(ctx context.Context, id string) ([]lenscap.Grant, error) {
	out, err := s.client.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{
		SnapshotId: &id, Attribute: ec2types.SnapshotAttributeNameCreateVolumePermission,
	})
	if err != nil {
		return nil, err
	}
	if got := awssdk.ToString(out.SnapshotId); got != "" && got != id {
		return nil, fmt.Errorf("asked for %s, the answer is about %s: %w", id, got, errMalformed)
	}
	var grants []lenscap.Grant
	for i := range out.CreateVolumePermissions {
		p := &out.CreateVolumePermissions[i]
		switch user := awssdk.ToString(p.UserId); {
		case p.Group != "": // "all" is the only group there is
			grants = append(grants, snapshotGrant(lenscap.Principal{Type: lenscap.AnyCustomer},
				s.proof(callSnapshotPerms, "CreateVolumePermissions[].Group", string(p.Group))))
		case user != "":
			grants = append(grants, snapshotGrant(lenscap.Principal{Type: lenscap.Account, ID: user},
				s.proof(callSnapshotPerms, "CreateVolumePermissions[].UserId", user)))
		}
	}
	return grants, nil
}

func snapshotGrant(who lenscap.Principal, proof lenscap.Proof) lenscap.Grant {
	return lenscap.Grant{
		Principal: who, Allows: []lenscap.Access{lenscap.AccessRead, lenscap.AccessCopy},
		Path: lenscap.PathACL, Proof: proof,
	}
}

// stragglers gives the public snapshots that the bulk call named and the
// listing did not: it broke off before them, or they were made meanwhile.
func (s *snapshotReader) stragglers(ctx context.Context) error {
	var left []ec2types.Snapshot
	for id := range s.public.ids {
		if _, ok := s.seen[id]; !ok {
			left = append(left, ec2types.Snapshot{SnapshotId: awssdk.String(id)})
		}
	}
	err := each(ctx, left, &s.n, s.one, func(*ec2types.Snapshot) {})
	return asSink(err)
}

// bin lists the snapshots in the recycle bin: nobody can restore from them
// until they are taken out.
func (s *snapshotReader) bin(ctx context.Context) error {
	return pages(ctx, func(token *string) (*string, error) {
		out, err := s.client.ListSnapshotsInRecycleBin(ctx, &ec2.ListSnapshotsInRecycleBinInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Snapshots {
			b := &out.Snapshots[i]
			id := awssdk.ToString(b.SnapshotId)
			if id == "" {
				continue
			}
			a := lenscap.Asset{
				Ref: s.ref(lenscap.KindDiskSnapshot, id), State: stateRecycled,
				Attrs: attrs("description", bounded(awssdk.ToString(b.Description), maxMessage),
					"recycled_at", stamp(b.RecycleBinEnterTime), "deleted_at", stamp(b.RecycleBinExitTime)),
			}
			s.origin(&a, awssdk.ToString(b.VolumeId), awssdk.ToString(b.Description))
			if err := s.give(a, &s.n); err != nil {
				return nil, err
			}
		}
		return out.NextToken, nil
	})
}
