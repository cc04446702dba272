// Package lab puts simulated clouds on loopback, with a company in them that
// leaks in every way the program knows, and innocent look-alikes beside each
// leak. The demo runs on it; tests hold what a scan says against what the
// story knows to be true.
package lab

import (
	"context"
	"time"

	"github.com/lenscap/lenscap/internal/lab/aws"
)

// The accounts of the story.
const (
	Production = "111122223333" // management account of the organization
	Staging    = "444455556666"
	Acquired   = "777788889999" // a company that was bought, in a unit of its own
	Outsider   = "999900001111" // nobody knows whose it is
	Partner    = "123456789012" // on the trusted list
)

// The story's other fixed names.
const (
	Organization = "o-shop123456"
	AuditRole    = "lenscap-audit" // in every account of the organization, for Production to assume
	EastRegion   = "us-east-1"
	WestRegion   = "eu-west-1"
	// Policy is the lifecycle policy that made many of the snapshots, in each
	// account and region of the organization.
	Policy = "policy-0a1b2c3d4e5f60718"
	// StoreBucket and ExportBucket hold the exported disks in Production.
	StoreBucket  = "shop-ami-store"
	ExportBucket = "shop-vm-exports"
)

// Trusted are the accounts to put on the trusted list when the story is scanned.
func Trusted() []string { return []string{Partner} }

// Options says how the story is told. The zero value tells the same story,
// dated from today.
type Options struct {
	Seed    uint64
	Now     func() time.Time // nil means time.Now
	Address string           // to listen on; empty means 127.0.0.1:0
}

// StartAWS serves the story. Its keys are those of Production.
func StartAWS(ctx context.Context, opts Options) (*aws.Lab, *Story, error) {
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	story := new(Story)
	lab, err := aws.Start(ctx, aws.Options{
		Now: now, Login: Production, Address: opts.Address,
		Fill: func(w *aws.World) error { return story.tell(w, opts.Seed, now()) },
	})
	if err != nil {
		return nil, nil, err
	}
	return lab, story, nil
}
