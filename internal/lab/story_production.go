package lab

import (
	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// productionEast holds one of nearly every leak, and a look-alike beside it.
func (t *teller) productionEast(r *aws.Region) {
	t.public(r)
	t.named(r)
	t.encrypted(r)
	t.images(r)
	t.kept(r)
	t.fpga(r, "matcher-v1", verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public FPGA image"), aws.Everyone)
	t.fpga(r, "matcher-v2", verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "an FPGA image shared with a stranger"), shared(Outsider)...)
	t.exports(r)
}

// public: two snapshots open to everybody. The first has a private copy with
// the same bytes, since the EBS direct APIs refuse a public one.
func (t *teller) public(r *aws.Region) {
	open := verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public snapshot of a web server's root disk").on("web")
	twin := t.id("snap")
	open.ReadFrom = twin
	s := t.snapshot(r, aws.Snapshot{
		ID: "snap-0bad5eed00000001", Start: t.days(47), Shares: everyone(),
		Description: "before migration, shared for the contractor", Tags: map[string]string{"Name": "web-1-root"},
	}, open)
	t.snapshot(r, aws.Snapshot{
		ID: twin, Volume: "vol-ffffffff", Start: t.days(46), Tags: map[string]string{"Name": "web-1-root-copy"},
		Description: "[Copied " + s.ID + " from " + r.Name + "] before migration",
	}, Truth{Disk: "web", Why: "the private copy of a public snapshot"})
	t.snapshot(r, aws.Snapshot{Start: t.days(200), Shares: everyone(), Tags: map[string]string{"Name": "workshop"}},
		verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public snapshot with nothing on it that matters").on("plain"))
}

// named: shares with accounts, each judged by who that is.
func (t *teller) named(r *aws.Region) {
	t.snapshot(r, aws.Snapshot{ID: "snap-0bad5eed00000002", Start: t.days(90), Shares: shared(Outsider), Tags: map[string]string{"Name": "pg-data"}},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "a database's disk shared with a stranger").on("data"))
	t.snapshot(r, aws.Snapshot{Shares: shared(Partner, Outsider)},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "shared with a partner and a stranger").on("web"))
	t.snapshot(r, aws.Snapshot{Shares: shared(Partner)}, verdict(lenscap.VerdictTrusted, lenscap.Yes, "shared with a trusted partner").on("data"))
	t.snapshot(r, aws.Snapshot{Shares: shared(Staging)}, verdict(lenscap.VerdictOrgShare, lenscap.Yes, "shared within the organization").on("plain"))
	t.snapshot(r, aws.Snapshot{Shares: shared(Production)}, Truth{Why: "shared with its own account only"})
}

// encrypted: a share is worth what its key allows.
func (t *teller) encrypted(r *aws.Region) {
	closed := t.key(r, aws.Key{Alias: "alias/vault"})
	open := t.key(r, aws.Key{Alias: "alias/partners", Decrypters: []string{Outsider}})
	granted := t.key(r, aws.Key{Alias: "alias/pipeline", Grants: []aws.KeyGrant{{
		ID: "3f1c9e", Grantee: "arn:aws:iam::" + Outsider + ":role/reader", Created: t.days(80),
	}}})
	family := t.key(r, aws.Key{Alias: "alias/family", Decrypters: []string{Staging}})
	own := t.key(r, aws.Key{Alias: "alias/aws/ebs", Managed: true})

	t.snapshot(r, aws.Snapshot{Encrypted: true, Key: closed.ARN(), Shares: shared(Outsider)},
		verdict(lenscap.VerdictUntrustedShare, lenscap.No, "shared with a stranger whom the key refuses").on("data"))
	t.snapshot(r, aws.Snapshot{Encrypted: true, Key: open.ARN(), Shares: shared(Outsider)},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "shared with a stranger whom the key policy lets in").on("data"))
	t.snapshot(r, aws.Snapshot{Encrypted: true, Key: granted.ARN(), Shares: shared(Outsider)},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "shared with a stranger who holds a grant of the key").on("web"))
	t.snapshot(r, aws.Snapshot{Encrypted: true, Key: family.ARN(), Shares: shared(Staging)},
		verdict(lenscap.VerdictOrgShare, lenscap.Yes, "shared within the organization, key and all"))
	t.snapshot(r, aws.Snapshot{Encrypted: true, Key: open.ARN()}, Truth{Why: "private under a key that is shared"})
	for range 20 {
		t.snapshot(r, aws.Snapshot{Encrypted: true, Key: own.ARN()}, Truth{Why: "under the default key, which can't be shared"})
	}
}

// images: a shared image exposes the disk behind it.
func (t *teller) images(r *aws.Region) {
	inUse := func(name string, shares ...aws.Permission) aws.Image {
		return aws.Image{Name: name, LastLaunched: t.days(9), Shares: shares}
	}
	o := org()
	t.image(r, inUse("shop-web-golden", aws.Everyone), aws.Snapshot{ID: "snap-0bad5eed00000003", Volume: t.id("vol"), Tags: map[string]string{"Name": "shop-web-golden"}},
		verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public image").on("web"))
	old := inUse("shop-web-2024", aws.Everyone)
	old.Created, old.Deprecated = t.days(700), t.days(10)
	t.image(r, old, aws.Snapshot{}, verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public image that is deprecated").on("plain"))
	t.image(r, inUse("shop-base", aws.Permission{OrgARN: o.ARN()}), aws.Snapshot{},
		verdict(lenscap.VerdictOrgShare, lenscap.Yes, "an image shared with the own organization").on("plain"))
	t.image(r, inUse("shop-worker", aws.Permission{UnitARN: o.UnitARN(workloads)}), aws.Snapshot{},
		verdict(lenscap.VerdictOrgShare, lenscap.Yes, "an image shared with an own unit"))
	t.image(r, inUse("shop-agent", aws.Permission{OrgARN: "arn:aws:organizations::" + Outsider + ":organization/o-stranger99"}), aws.Snapshot{},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "an image shared with a foreign organization"))
	t.image(r, inUse("shop-edge", shared(Outsider)...), aws.Snapshot{},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "an image shared with a stranger").on("web"))
	t.image(r, inUse("shop-scan", shared(Partner)...), aws.Snapshot{},
		verdict(lenscap.VerdictTrusted, lenscap.Yes, "an image shared with a trusted partner"))
	off := inUse("shop-web-2023")
	off.State = "disabled"
	t.image(r, off, aws.Snapshot{}, Truth{Why: "a disabled image"})
	tmpl, _ := t.image(r, inUse("shop-batch"), aws.Snapshot{}, Truth{Why: "an image that a launch template names"})
	r.AddLaunchTemplate(aws.LaunchTemplate{ID: t.id("lt"), Name: "batch", Created: t.days(50), Images: []string{tmpl.ID}})
}

// kept: private snapshots in unusual states.
func (t *teller) kept(r *aws.Region) {
	for n := range 6 {
		t.snapshot(r, aws.Snapshot{Tier: "archive", Start: t.days(300 + n)}, Truth{Why: "archived"})
	}
	t.snapshot(r, aws.Snapshot{Lock: &aws.Lock{State: "compliance", Created: t.days(30), Days: 365, Expires: t.now.AddDate(0, 0, 335)}}, Truth{Why: "locked"})
	t.snapshot(r, aws.Snapshot{Lock: &aws.Lock{State: "governance", Created: t.days(5), Days: 30, Expires: t.now.AddDate(0, 0, 25)}}, Truth{Why: "locked"})
	r.Settings().RecycleDays = 14
	for range 5 {
		t.snapshot(r, aws.Snapshot{Recycled: t.days(2), RecycledTo: t.now.AddDate(0, 0, 12)}, Truth{Why: "in the recycle bin"})
	}
}

// productionWest is held back by the region's block: what is public there is
// only latent, but an image is not covered by the snapshots' block.
func (t *teller) productionWest(r *aws.Region) {
	set := r.Settings()
	set.SnapshotBlock, set.ImageBlock = "block-all-sharing", "block-new-sharing"
	for n, disk := range []string{"data", "web", "plain"} {
		t.snapshot(r, aws.Snapshot{Start: t.days(150 + n), Shares: everyone()},
			verdict(lenscap.VerdictLatentPublic, lenscap.No, "public, held back by the region's block").on(disk))
	}
	t.snapshot(r, aws.Snapshot{Shares: shared(Outsider)},
		verdict(lenscap.VerdictUntrustedShare, lenscap.Yes, "the block holds no named share back").on("data"))
	t.image(r, aws.Image{Name: "shop-web-eu", LastLaunched: t.days(4), Shares: everyone()}, aws.Snapshot{},
		verdict(lenscap.VerdictLivePublic, lenscap.Yes, "a public image from before the image block").on("web"))
}
