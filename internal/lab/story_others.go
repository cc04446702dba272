package lab

import (
	"fmt"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// staging blocks new public shares; the one from before still stands.
func (t *teller) staging(r *aws.Region) {
	r.Settings().SnapshotBlock, r.Settings().EncryptByDefault = "block-new-sharing", true
	t.snapshot(r, aws.Snapshot{Start: t.days(400), Shares: everyone()},
		verdict(lenscap.VerdictLivePublic, lenscap.Yes, "public from before the block of new shares").on("plain"))
	t.snapshot(r, aws.Snapshot{Shares: shared(Production, Acquired)},
		verdict(lenscap.VerdictOrgShare, lenscap.Yes, "shared within the organization").on("plain"))
}

// acquired is a company that nobody has tidied up yet.
func (t *teller) acquired(west, east *aws.Region) {
	open := verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public snapshot of a database's disk").on("data")
	twin := t.id("snap")
	open.ReadFrom = twin
	s := t.snapshot(west, aws.Snapshot{Start: t.days(510), Shares: everyone(), Tags: map[string]string{"Name": "crm-db"}}, open)
	t.snapshot(west, aws.Snapshot{
		ID: twin, Volume: "vol-ffffffff", Start: t.days(509), Description: "[Copied " + s.ID + " from " + west.Name + "] ",
	}, Truth{Disk: "data", Why: "the private copy of a public snapshot"})
	t.snapshot(east, aws.Snapshot{Shares: shared(Production)},
		verdict(lenscap.VerdictOrgShare, lenscap.Yes, "shared with the company that bought it").on("web"))
	t.snapshot(east, aws.Snapshot{Start: t.days(600), Shares: shared(Outsider)},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "shared with a former contractor").on("web"))
}

// left is residual data, and what looks like it but is still managed.
func (t *teller) left(r *aws.Region) {
	residue := func(why string, kinds ...lenscap.ResidueKind) Truth { return Truth{Residues: kinds, Why: why} }
	for n := range 5 {
		t.snapshot(r, aws.Snapshot{Volume: t.id("vol"), Start: t.days(380 + 20*n), Description: fmt.Sprintf("manual backup %d", n+1)},
			residue("its volume is gone", lenscap.ResidueVolumeGone).on([]string{"data", "", "", "", ""}[n]))
	}
	ended := t.id("i")
	r.AddInstance(aws.Instance{ID: ended, State: "terminated", Launched: t.days(300)})
	t.snapshot(r, aws.Snapshot{Volume: t.id("vol"), Start: t.days(250), Description: "Created by CreateImage(" + ended + ") for " + t.id("ami")},
		residue("its image, instance and volume are gone", lenscap.ResidueImageGone, lenscap.ResidueInstanceGone, lenscap.ResidueVolumeGone).on("web"))
	t.snapshot(r, aws.Snapshot{Volume: t.id("vol"), Start: t.days(260), Description: "Created by CreateImage(" + t.id("i") + ") for " + t.id("ami")},
		residue("its image, instance and volume are gone", lenscap.ResidueImageGone, lenscap.ResidueInstanceGone, lenscap.ResidueVolumeGone))
	running := t.id("i")
	vol := t.volume(r, aws.Volume{AttachedTo: running})
	r.AddInstance(aws.Instance{ID: running, Volumes: []string{vol.ID}, Launched: t.days(300)})
	t.snapshot(r, aws.Snapshot{Volume: vol.ID, Start: t.days(120), Description: "Created by CreateImage(" + running + ") for " + t.id("ami")},
		residue("only its image is gone", lenscap.ResidueImageGone))
	for n := range 2 {
		t.snapshot(r, aws.Snapshot{Volume: "vol-ffffffff", Start: t.days(420 + n), Description: "[Copied " + t.id("snap") + " from " + WestRegion + "] for the audit"},
			residue("a copy whose original is gone", lenscap.ResidueCopyLeft))
	}
	t.image(r, aws.Image{Name: "poc-never-launched", Created: t.days(200)}, aws.Snapshot{}, residue("an image that was never launched", lenscap.ResidueNeverUsed))
	t.image(r, aws.Image{Name: "release-candidate", Created: t.days(10)}, aws.Snapshot{}, Truth{Why: "an image not launched yet, but ten days old"})
	t.managed(r)
}

// managed: the volume is gone, yet a policy or plan still owns the snapshot.
func (t *teller) managed(r *aws.Region) {
	for n := range 4 {
		t.snapshot(r, aws.Snapshot{
			Volume: t.id("vol"), Start: t.days(30 + n), Description: "Created for policy: " + Policy + " schedule: monthly",
			Tags: map[string]string{"aws:dlm:lifecycle-policy-id": Policy, "dlm:managed": "true"},
		}, Truth{Why: "a lifecycle policy still owns it"})
	}
	for n := range 3 {
		t.snapshot(r, aws.Snapshot{
			Volume: t.id("vol"), Start: t.days(40 + n), Description: "This snapshot is created by the AWS Backup service.",
			Tags: map[string]string{"aws:backup:source-resource": "vol-0" + fmt.Sprintf("%016x", t.rnd.Uint64())},
		}, Truth{Why: "a backup plan still owns it"})
	}
}

// others: a stranger's public snapshot, which no scan of the organization may
// ever report.
func (t *teller) others(r *aws.Region) {
	r.AddSnapshot(aws.Snapshot{ID: t.id("snap"), Volume: t.id("vol"), Size: 8, Start: t.days(100), Shares: everyone(), Disk: t.disks["plain"]})
}
