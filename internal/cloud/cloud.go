// Package cloud is the first stage: it reads which assets, grants, guards and
// keys there are. A [Collector] says what a cloud says, truthfully, and judges
// nothing. What it could not read it says as a gap; nothing it fails to read
// ever looks like an empty answer.
package cloud

import (
	"context"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// Collector reads one cloud. It holds no call that writes.
type Collector interface {
	// Provider is the cloud's name in references: aws, azure, gcp …
	Provider() string
	// Scopes lists the accounts and regions to be read. An account or region
	// that can't be read is given to the sink as a gap; the error is for what
	// makes every further step useless: no credentials, cancelled.
	Scopes(ctx context.Context, sink Sink) ([]Scope, error)
	// Collect reads one scope and gives all that it finds to sink. It may be
	// called for several scopes at once. Every failed call becomes a gap and
	// the rest is read. The error is not nil only when ctx ended or sink failed.
	Collect(ctx context.Context, scope Scope, sink Sink) error
}

// BlockOpener is an optional power of a [Collector]: it opens the bytes of an asset.
type BlockOpener interface {
	// OpenBlocks opens the asset for reading. A kind or state whose bytes the
	// cloud does not give is an error that wraps [ErrNotReadable].
	OpenBlocks(ctx context.Context, ref lenscap.Ref) (block.Source, error)
}

// KeyTracer is an optional power of a [Collector]: it tells whose a key is that
// was found on a disk.
type KeyTracer interface {
	// KeyOwner tells who holds a key, by its kind (an item's type) and its public
	// id. A key that is none of this cloud's is [ErrNoSuchKey]. What the caller's
	// rights hide is left out: then the error says so and the rest is told.
	KeyOwner(ctx context.Context, kind, id string) (lenscap.KeyOwner, error)
}

// Permission is one right that a collector's feature needs.
type Permission struct {
	Action  string // as the cloud writes it in a policy: ec2:DescribeSnapshots
	Feature string // scan, content, organization …
	Why     lenscap.Text
}

// Permitter is an optional power: it lists the rights that each feature needs.
type Permitter interface {
	Permissions() []Permission
	// Policy writes the least-privilege policy for the given features, all of
	// them when there are none, in the cloud's own language.
	Policy(features ...string) ([]byte, error)
}

// Scope is one part of a cloud that is read on its own: an account and region,
// with an empty Region for what is global. It is the unit of resumption.
type Scope struct {
	Account string
	Region  string
}

// Sink takes what a collector finds. It is safe for use by several goroutines.
// An error means that the run must stop. Assets may be kept by the sink: the
// caller must not change one after giving it away.
type Sink interface {
	Asset(lenscap.Asset) error
	Guard(lenscap.Guard) error
	Key(lenscap.Key) error
	Member(lenscap.Membership) error
	// Gap tells what could not be read. Gaps of one asset that the collector
	// still holds belong into Asset.Gaps instead.
	Gap(lenscap.Gap) error
	// Covered closes one kind of one scope: all its assets were given, or not.
	Covered(lenscap.Coverage) error
}

// Options is what a collector is asked to read. Empty lists mean all.
type Options struct {
	Accounts []string
	Regions  []string
	// Profile and the endpoint come from the SDK's own default chain.
	// AssumeRole is a role name or an ARN pattern with "{account}", used to
	// enter every account but the caller's own.
	AssumeRole string
	// Organization makes every account of the caller's organization a scope.
	Organization bool
	// Shares says which lists of named shares are read one by one.
	Shares SharesMode
	// SharesMaxAge is how old a list of shares may be before it is read again
	// in [SharesAuto]; older ones that could not be read anew are gaps (stale).
	SharesMaxAge time.Duration
	// Rate is the most calls a second that read one asset each, per account
	// and region; 0 means 5.
	Rate float64
	// Prior gives lists of shares that an earlier run read; may be nil.
	Prior Prior
	// Ledger counts every call; may be nil.
	Ledger *Ledger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// SharesMode says which per-asset share lists are read.
type SharesMode string

// The modes.
const (
	SharesAuto SharesMode = "auto" // those never read or too old
	SharesAll  SharesMode = "all"  // every one anew
	SharesSkip SharesMode = "skip" // none: only what bulk calls tell; the rest is unknown
)

// Prior remembers share lists that were read before.
type Prior interface {
	// Shares gives the grants that were read for the asset and when; ok is
	// false when they never were.
	Shares(ctx context.Context, ref lenscap.Ref) (grants []lenscap.Grant, at time.Time, ok bool)
}
