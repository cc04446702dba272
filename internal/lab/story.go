package lab

import (
	"fmt"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// tell fills the world: an online shop with three accounts in two regions.
func (s *Story) tell(w *aws.World, seed uint64, now time.Time) error {
	t, err := newTeller(s, w, seed, now)
	if err != nil {
		return err
	}
	for _, a := range []struct{ id, name string }{
		{Production, "production"}, {Staging, "staging"}, {Acquired, "acquired"}, {Outsider, "outsider"}, {Partner, "partner"},
	} {
		w.AddAccount(a.id, a.name)
	}
	for _, id := range []string{Production, Staging, Acquired} {
		w.Account(id).Trust(AuditRole, Production)
		w.Account(id).Trust("OrganizationAccountAccessRole", Production)
	}
	w.SetOrg(org())
	// The access keys that lie on the lab's disks: one is in use, one was retired.
	w.Account(Production).AddUserKey(aws.UserKey{ID: "AKIARTX3GSDS567OKITU", User: "deploy", LastUsed: now.Add(-36 * time.Hour)})
	w.Account(Production).AddUserKey(aws.UserKey{ID: "AKIARTX3GSDSTC7X3HSD", User: "media-upload", Inactive: true})
	w.Account(Production).AddUserKey(aws.UserKey{ID: "AKIARTX3GSDS4DUY4ZUM", User: "backup", LastUsed: now.Add(-3 * time.Hour)})
	for _, p := range []struct {
		account, region string
		services        int
	}{
		{Production, EastRegion, 34},
		{Production, WestRegion, 20},
		{Staging, EastRegion, 16},
		{Staging, WestRegion, 10},
		{Acquired, EastRegion, 12},
		{Acquired, WestRegion, 6},
	} {
		t.everyday(w.Account(p.account).Region(p.region), p.services)
	}
	t.productionEast(w.Account(Production).Region(EastRegion))
	t.productionWest(w.Account(Production).Region(WestRegion))
	t.staging(w.Account(Staging).Region(EastRegion))
	t.acquired(w.Account(Acquired).Region(WestRegion), w.Account(Acquired).Region(EastRegion))
	t.left(w.Account(Production).Region(EastRegion))
	t.left(w.Account(Acquired).Region(EastRegion))
	t.others(w.Account(Outsider).Region(EastRegion))
	for _, account := range []string{Production, Staging, Acquired} {
		for _, region := range []string{EastRegion, WestRegion} {
			w.Account(account).Region(region).AddLifecyclePolicy(aws.LifecyclePolicy{ID: Policy, Description: "daily snapshots"})
		}
	}
	t.databases(w.Account(Production).Region(EastRegion))
	t.databases(w.Account(Acquired).Region(WestRegion))
	t.lightsail(w.Account(Acquired).Region(EastRegion))
	t.backups(w.Account(Production).Region(WestRegion))
	t.standing(w.Account(Production).Region(EastRegion))
	s.sort()
	return nil
}

func org() *aws.Org {
	return &aws.Org{ID: Organization, Management: Production, Root: &aws.OU{ID: "r-shop", Accounts: []string{Production}, Units: []*aws.OU{
		{ID: workloads, Name: "Workloads", Units: []*aws.OU{
			{ID: "ou-shop-nonprod01", Name: "NonProd", Accounts: []string{Staging}},
		}},
		{ID: "ou-shop-acquired1", Name: "Acquired", Accounts: []string{Acquired}},
	}}}
}

const workloads = "ou-shop-workload1"

// everyday is the innocent mass: services with instances launched from images
// of their own, volumes, and daily snapshots that a lifecycle policy makes.
func (t *teller) everyday(r *aws.Region, services int) {
	key := t.key(r, aws.Key{Alias: "alias/app"})
	for n := range services {
		name := fmt.Sprintf("svc-%02d", n+1)
		encrypted := n%2 == 0
		sealed := func(s aws.Snapshot) aws.Snapshot {
			if encrypted {
				s.Encrypted, s.Key = true, key.ARN()
			}
			return s
		}
		instance := t.id("i")
		img, snap := t.image(r, aws.Image{Name: name + "-base", LastLaunched: t.days(20), SourceInstance: t.id("i")},
			sealed(aws.Snapshot{Volume: t.id("vol")}), Truth{Why: "a private image in use"})
		var volumes []string
		for v := range 2 {
			vol := aws.Volume{AttachedTo: instance, Device: "/dev/xvd" + string(rune('a'+v)), Encrypted: encrypted, Tags: map[string]string{"Name": name}}
			if encrypted {
				vol.Key = key.ARN()
			}
			if v == 0 {
				vol.Snapshot = snap.ID
			}
			volumes = append(volumes, t.volume(r, vol).ID)
		}
		r.AddInstance(aws.Instance{ID: instance, Image: img.ID, Launched: t.days(20), Volumes: volumes, Tags: map[string]string{"Name": name}})
		for day := range 16 {
			s := sealed(aws.Snapshot{Volume: volumes[day%2], Start: t.days(day + 1), Description: "Created for policy: " + Policy + " schedule: daily"})
			s.Tags = map[string]string{"Name": name, "aws:dlm:lifecycle-policy-id": Policy, "dlm:managed": "true"}
			t.snapshot(r, s, Truth{Why: "a daily snapshot of a volume that exists"})
		}
	}
	t.fpga(r, "codec-v2", Truth{Why: "a private FPGA image"})
}

// shared are the permissions that name accounts.
func shared(accounts ...string) []aws.Permission {
	var out []aws.Permission
	for _, a := range accounts {
		out = append(out, aws.Permission{UserID: a})
	}
	return out
}

func everyone() []aws.Permission { return []aws.Permission{aws.Everyone} }

func verdict(v lenscap.Verdict, readable lenscap.Tri, why string) Truth {
	return Truth{Verdict: v, Readable: readable, Why: why}
}

func (truth Truth) on(disk string) Truth {
	truth.Disk = disk
	return truth
}
