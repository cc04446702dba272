package lab

import (
	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// databases are managed databases and their snapshots: open ones, shared ones,
// left ones, and innocent ones beside them.
func (t *teller) databases(r *aws.Region) {
	key := t.key(r, aws.Key{Alias: "alias/databases"})
	r.AddDatabase("shop", false)
	r.AddDatabase("ledger", true)
	snap := func(s aws.DBSnapshot, truth Truth) {
		s.Created = t.days(40)
		r.AddDBSnapshot(s)
		t.know(r, lenscap.KindDatabaseSnapshot, s.ID, truth)
	}
	open := Truth{Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes, Why: "a database snapshot open to all"}
	stranger := Truth{Verdict: lenscap.VerdictUntrustedShare, Readable: lenscap.Yes, Why: "a database snapshot shared with a stranger"}
	snap(aws.DBSnapshot{ID: "shop-before-migration", Database: "shop", Engine: "postgres", Shared: []string{"all", Partner}}, open)
	snap(aws.DBSnapshot{ID: "ledger-export", Database: "ledger", Cluster: true, Engine: "aurora-postgresql", Shared: []string{"all"}}, open)
	snap(aws.DBSnapshot{ID: "catalog-docdb", Database: "ledger", Cluster: true, Engine: "docdb", Shared: []string{Outsider}}, stranger)
	snap(aws.DBSnapshot{ID: "graph-neptune", Database: "ledger", Cluster: true, Engine: "neptune", Shared: []string{Outsider}}, stranger)
	snap(aws.DBSnapshot{ID: "shop-for-partner", Database: "shop", Engine: "postgres", Shared: []string{Partner}},
		Truth{Verdict: lenscap.VerdictTrusted, Readable: lenscap.Yes, Why: "shared with the trusted partner"})
	locked := stranger
	locked.Readable, locked.Why = lenscap.No, "shared, but its key is not"
	snap(aws.DBSnapshot{ID: "shop-sealed", Database: "shop", Engine: "postgres", Key: key.ARN(), Shared: []string{Outsider}}, locked)
	snap(aws.DBSnapshot{ID: "shop-manual", Database: "shop", Engine: "postgres"}, Truth{Verdict: lenscap.VerdictPrivate, Why: "a private manual snapshot"})
	snap(aws.DBSnapshot{ID: "rds:shop-2026-11-01", Database: "shop", Engine: "postgres", Type: "automated"}, Truth{Verdict: lenscap.VerdictPrivate, Why: "an automated snapshot"})
	snap(aws.DBSnapshot{ID: "rds:gone-2026-11-01", Database: "gone", Engine: "postgres", Type: "automated"}, Truth{Verdict: lenscap.VerdictPrivate, Why: "kept by the service after its database went"})
	snap(aws.DBSnapshot{ID: "old-blog-final", Database: "old-blog", Engine: "mysql"},
		Truth{Verdict: lenscap.VerdictPrivate, Residues: []lenscap.ResidueKind{lenscap.ResidueInstanceGone}, Why: "the final snapshot of a database that is gone"})
	t.redshift(r, key)
}

func (t *teller) redshift(r *aws.Region, key *aws.Key) {
	r.AddRedshift("reports", false)
	r.AddRedshift("adhoc", true)
	snap := func(s aws.RedshiftSnapshot, truth Truth) {
		s.Created = t.days(30)
		r.AddRedshiftSnapshot(s)
		t.know(r, lenscap.KindDatabaseSnapshot, s.ID, truth)
	}
	snap(aws.RedshiftSnapshot{ID: "reports-q3", Source: "reports", Shared: []string{Outsider}},
		Truth{Verdict: lenscap.VerdictUntrustedShare, Readable: lenscap.Yes, Why: "a warehouse shared with a stranger"})
	snap(aws.RedshiftSnapshot{ID: "reports-q2", Source: "reports", Key: key.ARN()}, Truth{Verdict: lenscap.VerdictPrivate, Why: "a private warehouse snapshot"})
	snap(aws.RedshiftSnapshot{ID: "old-reports", Source: "old-cluster"},
		Truth{Verdict: lenscap.VerdictPrivate, Residues: []lenscap.ResidueKind{lenscap.ResidueInstanceGone}, Why: "a warehouse that is gone"})
	shared := t.key(r, aws.Key{Alias: "alias/adhoc", Decrypters: []string{Outsider}})
	snap(aws.RedshiftSnapshot{ID: "adhoc-copy", Source: "adhoc", Serverless: true, Key: shared.ARN(), Shared: []string{Outsider}},
		Truth{Verdict: lenscap.VerdictUntrustedShare, Readable: lenscap.Yes, Why: "shared with a stranger, and its key too"})
	snap(aws.RedshiftSnapshot{ID: "adhoc-daily", Source: "adhoc", Serverless: true, Key: key.ARN()}, Truth{Verdict: lenscap.VerdictPrivate, Why: "a private serverless snapshot"})
}

// lightsail are snapshots of the small machines: of one that runs, of two that
// are gone.
func (t *teller) lightsail(r *aws.Region) {
	r.AddLightsail("instance", "blog")
	add := func(kind lenscap.Kind, s aws.LightsailSnapshot, truth Truth) {
		s.Created = t.days(200)
		truth.Verdict = lenscap.VerdictPrivate
		t.know(r, kind, r.AddLightsailSnapshot(s), truth)
	}
	gone := []lenscap.ResidueKind{lenscap.ResidueInstanceGone}
	add(lenscap.KindDiskSnapshot, aws.LightsailSnapshot{Name: "blog-1", Form: "instance", From: "blog"}, Truth{Why: "a snapshot of a machine that runs"})
	add(lenscap.KindDiskSnapshot, aws.LightsailSnapshot{Name: "old-site", Form: "instance", From: "old-site"}, Truth{Residues: gone, Why: "a snapshot of a small machine that is gone"})
	add(lenscap.KindDiskSnapshot, aws.LightsailSnapshot{Name: "old-data", Form: "disk", From: "old-data"},
		Truth{Residues: []lenscap.ResidueKind{lenscap.ResidueVolumeGone}, Why: "a snapshot of a disk that is gone"})
	add(lenscap.KindDatabaseSnapshot, aws.LightsailSnapshot{Name: "old-db", Form: "database", From: "old-db"}, Truth{Residues: gone, Why: "a snapshot of a small database that is gone"})
}

// standing are policies that share what does not exist yet.
func (t *teller) standing(r *aws.Region) {
	r.AddLifecyclePolicy(aws.LifecyclePolicy{ID: "policy-0feed0feed0feed01", Description: "nightly copies for a contractor", Targets: []string{Outsider}})
	t.know(r, lenscap.KindSharePolicy, "policy-0feed0feed0feed01", Truth{Verdict: lenscap.VerdictUntrustedShare, Readable: lenscap.Yes, Why: "a policy that shares with a stranger"})
	t.know(r, lenscap.KindSharePolicy, Policy, Truth{Verdict: lenscap.VerdictPrivate, Why: "a policy that shares nothing"})
	open := r.AddDistribution(aws.Distribution{Name: "golden-images", Groups: []string{"all"}})
	t.know(r, lenscap.KindSharePolicy, open, Truth{Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes, Why: "a pipeline that publishes its images"})
	kept := r.AddDistribution(aws.Distribution{Name: "base-images", Users: []string{Partner}})
	t.know(r, lenscap.KindSharePolicy, kept, Truth{Verdict: lenscap.VerdictTrusted, Readable: lenscap.Yes, Why: "a pipeline for the trusted partner"})
}
