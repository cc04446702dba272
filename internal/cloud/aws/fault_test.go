package aws

import (
	"slices"
	"testing"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/cloudtest"
)

// faultRow says what the failure of one operation must show as, and nothing
// else. A part of another service joins by adding its rows in its own file to
// faultRows.
type faultRow struct {
	op     string
	paged  bool           // a repeating token is a failure of it, too
	aspect lenscap.Aspect // of the gap
	kinds  []lenscap.Kind // that the gap must cover, nil: not bound to kinds
	asset  string         // that the gap must be about, "" for none
	open   []lenscap.Kind // kinds whose coverage may no longer be complete
	only   []fault        // when not all faults apply
}

func faultRows() []faultRow { return slices.Concat(ec2Rows(), kmsRows(), managedRows()) }

func ec2Rows() []faultRow {
	one := func(k lenscap.Kind) []lenscap.Kind { return []lenscap.Kind{k} }
	const assets, grants, guards = lenscap.AspectAssets, lenscap.AspectGrants, lenscap.AspectGuards
	snap, image, fpga := one(lenscap.KindDiskSnapshot), one(lenscap.KindMachineImage), one(lenscap.KindFPGAImage)
	return []faultRow{
		{op: "ec2:GetSnapshotBlockPublicAccessState", aspect: guards, kinds: snap},
		{op: "ec2:GetImageBlockPublicAccessState", aspect: guards, kinds: image},
		{op: "ec2:GetEbsEncryptionByDefault", aspect: guards},
		{op: "ec2:GetEbsDefaultKmsKeyId", aspect: guards},
		{op: "ec2:GetAllowedImagesSettings", aspect: guards},
		{op: "ec2:DescribeLockedSnapshots", paged: true, aspect: guards},
		{op: "ec2:DescribeVolumes", paged: true, aspect: assets, kinds: one(lenscap.KindVolume), open: one(lenscap.KindVolume)},
		{op: "ec2:DescribeInstances", paged: true, aspect: assets, kinds: one(lenscap.KindInstance), open: one(lenscap.KindInstance)},
		{op: "ec2:DescribeImages", paged: true, aspect: assets, kinds: image, open: image},
		{op: "ec2:DescribeImageAttribute", aspect: grants, kinds: image, asset: imageOwn},
		{op: "ec2:DescribeImageAttribute", aspect: grants, kinds: image, asset: imageOpen},
		{op: "ec2:ListImagesInRecycleBin", paged: true, aspect: assets, kinds: image, open: image},
		{op: "ec2:DescribeFpgaImages", paged: true, aspect: assets, kinds: fpga, open: fpga},
		{op: "ec2:DescribeFpgaImageAttribute", aspect: grants, kinds: fpga, asset: "afi-0a0a0a0a"},
		{op: "ec2:DescribeSnapshots", paged: true, aspect: assets, kinds: snap, open: snap},
		{op: "ec2:DescribeSnapshotAttribute", aspect: grants, kinds: snap, asset: snapOwn},
		{op: "ec2:DescribeSnapshotAttribute", aspect: grants, kinds: snap, asset: snapOpen},
		{op: "ec2:ListSnapshotsInRecycleBin", paged: true, aspect: assets, kinds: snap, open: snap},
	}
}

func kmsRows() []faultRow {
	key := []lenscap.Kind{lenscap.KindKey}
	return []faultRow{
		{op: "kms:DescribeKey", aspect: lenscap.AspectKeys, kinds: key, asset: "own", open: key},
		{op: "kms:GetKeyPolicy", aspect: lenscap.AspectKeys, kinds: key, asset: "own"},
		{op: "kms:ListGrants", paged: true, aspect: lenscap.AspectKeys, kinds: key, asset: "own"},
	}
}

var everyFault = []fault{denied, throttled, hanging, garbled, optIn, vanished}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, row := range faultRows() {
		faults := everyFault
		if row.only != nil {
			faults = row.only
		}
		if row.paged {
			faults = append(slices.Clone(faults), repeating)
		}
		for _, how := range faults {
			t.Run(row.op+"/"+row.asset+"/"+string(how), func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				f.fail(row.op, how)
				c := f.collector(t, cloud.Options{})
				sink := cloudtest.Collect(t, c)
				row.check(t, sink, lenscap.Cause(how))
			})
		}
	}
}

// check holds what was collected against the row.
func (row faultRow) check(t *testing.T, sink *cloudtest.Sink, cause lenscap.Cause) {
	t.Helper()
	matches := func(g lenscap.Gap) bool {
		if g.Call != row.op || g.Aspect != row.aspect || g.Cause != cause || g.Account == "" || g.Region == "" {
			return false
		}
		for _, k := range row.kinds {
			if !slices.Contains(g.Kinds, k) {
				return false
			}
		}
		return row.asset == "" || g.Asset == row.asset
	}
	if !slices.ContainsFunc(sink.AllGaps(), matches) {
		t.Errorf("no gap %s/%s of %s about %v %q among\n%+v", row.aspect, cause, row.op, row.kinds, row.asset, sink.AllGaps())
	}
	for _, g := range sink.AllGaps() {
		if g.Call != row.op && (g.Asset != "stray" || g.Cause != lenscap.CauseDenied) {
			t.Errorf("a gap of a call that did not fail: %+v", g)
		}
	}
	for _, cov := range sink.Coverage() {
		complete := cov.State == lenscap.CoverageComplete
		if want := !slices.Contains(row.open, cov.Kind); complete != want {
			t.Errorf("coverage of %s is %s, want complete: %v", cov.Kind, cov.State, want)
		}
	}
}

// TestPublicUnread fails the bulk call alone: what each snapshot's own list says
// stands, and where none was read it is unknown, never private.
func TestPublicUnread(t *testing.T) {
	t.Parallel()
	for _, how := range append(slices.Clone(everyFault), repeating) {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.fail("ec2:DescribeSnapshots#public", how)
			sink := cloudtest.Collect(t, f.collector(t, cloud.Options{}))
			open, _ := sink.Find(snapOpen)
			if len(open.Grants) != 1 || !open.Grants[0].Principal.Public() || len(open.Gaps) > 0 {
				t.Errorf("swept: grants %+v, gaps %+v", open.Grants, open.Gaps)
			}
			sink = cloudtest.Collect(t, f.collector(t, cloud.Options{Shares: cloud.SharesSkip}))
			a, _ := sink.Find(snapOwn)
			if !slices.ContainsFunc(a.Gaps, func(g lenscap.Gap) bool {
				return g.Aspect == lenscap.AspectGrants && g.Cause == lenscap.Cause(how) && g.Call == callPublic
			}) {
				t.Errorf("not swept: gaps %+v, want one of cause %s", a.Gaps, how)
			}
		})
	}
}
