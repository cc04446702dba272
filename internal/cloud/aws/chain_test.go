package aws

import (
	"slices"
	"testing"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/cloudtest"
)

// TestLedgerCountsAttempts counts what reached the wire, retries included.
func TestLedgerCountsAttempts(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.fail("ec2:DescribeVolumes", throttled)
	ledger := &cloud.Ledger{}
	cloudtest.Collect(t, f.collector(t, cloud.Options{Ledger: ledger}))
	for _, tally := range ledger.Tallies() {
		op := tally.Service + ":" + tally.Operation
		if tally.Service == "s3-control" {
			op = "s3:AccountPublicAccessBlock" // S3 Control signs as S3
		}
		if got := f.count(op) + f.count(op+"#public"); got != tally.Count {
			t.Errorf("%s: the ledger has %d attempts, the endpoint saw %d", op, tally.Count, got)
		}
		if tally.Account == "" && op != "sts:GetCallerIdentity" || tally.Region != "us-east-1" || tally.Time <= 0 {
			t.Errorf("incomplete tally %+v", tally)
		}
		if op == "ec2:DescribeVolumes" && (tally.Count != quick.attempts || tally.Failed != quick.attempts || tally.Retried != quick.attempts-1) {
			t.Errorf("throttled: %+v, want %d attempts, all failed", tally, quick.attempts)
		}
	}
}

// TestSilentService leaves a service alone that answers nothing: the run ends
// soon, and what was not asked is unknown for the same reason.
func TestSilentService(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for op := range f.answers {
		if op != "ec2:DescribeRegions" && op[:4] == "ec2:" {
			f.fail(op, hanging)
		}
	}
	c := f.collector(t, cloud.Options{})
	c.tune.trip = 3
	start := time.Now()
	sink := cloudtest.Collect(t, c)
	if took := time.Since(start); took > 10*quick.timeout {
		t.Errorf("took %s, want a few timeouts of %s", took, quick.timeout)
	}
	for _, cov := range sink.Coverage() {
		if slices.Contains([]lenscap.Kind{lenscap.KindKey, lenscap.KindDatabaseSnapshot, lenscap.KindSharePolicy, lenscap.KindBackup, lenscap.KindBackupVault}, cov.Kind) {
			continue // other services answer
		}
		if cov.Kind == lenscap.KindDiskSnapshot && cov.State == lenscap.CoveragePartial {
			continue // Lightsail answered
		}
		if cov.State != lenscap.CoverageFailed {
			t.Errorf("%s is %s, want failed", cov.Kind, cov.State)
		}
	}
	for _, g := range sink.AllGaps() {
		if g.Cause != lenscap.CauseTimeout {
			t.Errorf("gap %+v, want the cause timeout", g)
		}
	}
}

func TestGuards(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]lenscap.GuardEffect{
		"unblocked": lenscap.GuardOff, "block-new-sharing": lenscap.GuardNewOnly,
		"block-all-sharing": lenscap.GuardAll, "block-some": lenscap.GuardUnknown, "": lenscap.GuardUnknown,
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answers["ec2:GetSnapshotBlockPublicAccessState"] = ec2Body("GetSnapshotBlockPublicAccessState", "<state>"+state+"</state>")
			for _, g := range cloudtest.Collect(t, f.collector(t, cloud.Options{})).Guards() {
				if g.Name != guardSnapshots {
					continue
				}
				if g.Effect != want || (g.Gap != nil) != (want == lenscap.GuardUnknown) {
					t.Errorf("guard %+v, want the effect %s", g, want)
				}
				return
			}
			t.Error("no guard was given")
		})
	}
}
