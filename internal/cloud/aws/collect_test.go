package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/cloudtest"
	"github.com/lenscap/lenscap/internal/disk/block"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, func(t *testing.T) cloud.Collector {
		t.Helper()
		return newFake(t).collector(t, cloud.Options{})
	})
}

// who lists the principals of an asset's grants.
func who(a lenscap.Asset) []string {
	out := []string{}
	for _, g := range a.Grants {
		out = append(out, strings.TrimSpace(string(g.Principal.Type)+" "+g.Principal.ID))
	}
	return out
}

func TestCollect(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	sink := cloudtest.Collect(t, f.collector(t, cloud.Options{}))
	for id, want := range map[string][]string{
		snapOwn: {}, snapOpen: {"any_customer"}, snapGiven: {"account " + outsider}, snapSafe: {}, snapBin: {},
		imageOwn: {"account " + outsider, "organization o-a1"}, imageOpen: {"any_customer"}, "afi-0a0a0a0a": {"account " + outsider},
	} {
		a, ok := sink.Find(id)
		if !ok {
			t.Errorf("%s was not given", id)
			continue
		}
		if diff := cmp.Diff(want, who(a)); diff != "" {
			t.Errorf("%s: grants (-want +got):\n%s", id, diff)
		}
		if len(a.Gaps) > 0 {
			t.Errorf("%s: gaps %+v", id, a.Gaps)
		}
	}
	for _, id := range []string{"snap-09090909", "ami-0f0f0f0f"} {
		if _, ok := sink.Find(id); ok {
			t.Errorf("%s of another owner was given", id)
		}
	}
	safe, _ := sink.Find(snapSafe)
	if safe.Encryption.Manager != managerProvider || safe.Attrs["unshareable"] != "default_key" {
		t.Errorf("default key: %+v, %v", safe.Encryption, safe.Attrs)
	}
	if n := f.count("ec2:DescribeSnapshotAttribute"); n != 4 {
		t.Errorf("%d share lists were read, want 4: one under AWS's own key can't be shared", n)
	}
	for _, m := range sink.Members() {
		want := []string(nil)
		if m.Account == self {
			want = []string{"ou-b2-c3"}
		}
		if m.Organization != "o-a1" || !slices.Equal(m.OUs, want) {
			t.Errorf("membership %+v, want o-a1 %v", m, want)
		}
	}
}

func TestLineage(t *testing.T) {
	t.Parallel()
	sink := cloudtest.Collect(t, newFake(t).collector(t, cloud.Options{}))
	state := func(l *lenscap.Link) string {
		if l == nil {
			return "none"
		}
		return l.Ref.ID + " " + string(l.State)
	}
	for id, want := range map[string][4]string{ // volume, instance, image, copy
		snapOwn:   {"vol-0a0a0a0a exists", "i-0a0a0a0a exists", "none", "none"},
		snapOpen:  {"vol-0b0b0b0b gone", "none", "none", "none"},
		snapGiven: {"none", "none", "none", "snap-01010101 unknown"},
		snapImage: {"vol-0b0b0b0b gone", "i-0b0b0b0b gone", imageOpen + " exists", "none"},
		imageOpen: {"none", "i-0b0b0b0b gone", "none", "none"},
	} {
		a, _ := sink.Find(id)
		l := a.Lineage
		got := [4]string{state(l.Volume), state(l.Instance), state(l.Image), state(l.Copy)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	own, _ := sink.Find(imageOwn)
	open, _ := sink.Find(imageOpen)
	if own.Lineage.NeverUsed != lenscap.No || open.Lineage.NeverUsed != lenscap.Yes {
		t.Errorf("never used: %q, %q, want no, yes", own.Lineage.NeverUsed, open.Lineage.NeverUsed)
	}
	if a, _ := sink.Find(snapOwn); a.Cost == nil || a.Cost.Monthly != 0.05 {
		t.Errorf("cost of 1 GiB: %+v, want 0.05", a.Cost)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	sink := cloudtest.Collect(t, newFake(t).collector(t, cloud.Options{}))
	got := map[string]string{}
	for _, k := range sink.Keys() {
		got[k.Ref.ID] = fmt.Sprintf("%s %s %d grants %d gaps", k.Ref.Account, k.Manager, len(k.Grants), len(k.Gaps))
	}
	want := map[string]string{
		"own": self + " customer 2 grants 0 gaps", "aws": self + " provider 1 grants 0 gaps", "stray": outsider + " customer 0 grants 1 gaps",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// TestFiltersIgnored is a cloud that leaves out every filter: it returns private
// snapshots, and other owners', as public.
func TestFiltersIgnored(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	all := f.answers["ec2:DescribeSnapshots"]
	f.answers["ec2:DescribeSnapshots#public"] = all
	sink := cloudtest.Collect(t, f.collector(t, cloud.Options{Shares: cloud.SharesSkip}))
	for id, want := range map[string][]string{snapOwn: {}, snapOpen: {"any_customer"}, snapSafe: {}} {
		a, _ := sink.Find(id)
		if diff := cmp.Diff(want, who(a)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

// TestEmptyRegion holds the economy of a region without anything in it.
func TestEmptyRegion(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for _, op := range []string{"DescribeSnapshots", "DescribeImages", "DescribeVolumes", "DescribeInstances", "DescribeFpgaImages", "ListSnapshotsInRecycleBin", "ListImagesInRecycleBin"} {
		f.answers["ec2:"+op] = ec2Body(op, "")
	}
	ledger := &cloud.Ledger{}
	c := f.collector(t, cloud.Options{Ledger: ledger})
	sink := cloudtest.Collect(t, c)
	if n := f.count("ec2:DescribeSnapshots") + f.count("ec2:DescribeSnapshots#public"); n != 1 {
		t.Errorf("%d calls for the snapshots of an empty region, want 1", n)
	}
	if len(sink.AllGaps()) > 0 {
		t.Errorf("gaps: %+v", sink.AllGaps())
	}
	n := 0
	for _, tally := range ledger.Tallies() {
		if tally.Service == "ec2" && tally.Operation != "DescribeRegions" {
			n += tally.Count
		}
	}
	if n > 15 { // six guards, nine listings
		t.Errorf("%d EC2 calls for an empty region, want at most 15: %+v", n, ledger.Tallies())
	}
}

// TestPolicyHoldsLedger holds the list of permissions against the calls made.
func TestPolicyHoldsLedger(t *testing.T) {
	t.Parallel()
	ledger := &cloud.Ledger{}
	s := newBlockServer(t)
	c := s.collector(t, cloud.Options{Ledger: ledger})
	cloudtest.Collect(t, c)
	src, err := c.OpenBlocks(t.Context(), ownSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.ReadAt(make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := src.(block.Differ).Changed(t.Context(), "snap-before"); err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, p := range c.Permissions() {
		listed[p.Action] = false
	}
	for _, tally := range ledger.Tallies() {
		action := actionOf(tally.Service, tally.Operation)
		if _, ok := listed[action]; !ok {
			t.Errorf("%s was called and is not in the policy", action)
		}
		listed[action] = true
	}
	for action, called := range listed {
		if _, why := uncalled()[action]; !called && !why {
			t.Errorf("%s is in the policy and was never called", action)
		}
	}
	doc, err := c.Policy(featureScan)
	if err != nil {
		t.Fatal(err)
	}
	var policy struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal(doc, &policy); err != nil || len(policy.Statement) != 1 || slices.Contains(policy.Statement[0].Action, "ebs:GetSnapshotBlock") {
		t.Errorf("policy of one feature: %v\n%s", err, doc)
	}
}

const keyOwnerTest = "used for keys found on disks: TestKeyOwner"

// uncalled lists the permissions that no call of their name uses, with why.
func uncalled() map[string]string {
	return map[string]string{
		"kms:Decrypt":    "AWS decrypts blocks with the caller's right; the caller makes no such call",
		"sts:AssumeRole": "used with several accounts: TestAssumeRole",

		"sts:GetAccessKeyInfo": keyOwnerTest, "iam:GetAccessKeyLastUsed": keyOwnerTest, "iam:ListAccessKeys": keyOwnerTest,
	}
}

// actionOf names the IAM action of an operation; they differ for some services.
func actionOf(service, operation string) string {
	if action, ok := actionNames()[service+":"+operation]; ok {
		return action
	}
	return service + ":" + operation
}
