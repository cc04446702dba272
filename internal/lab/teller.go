package lab

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
	"github.com/lenscap/lenscap/internal/lab/disks"
)

// teller makes assets and writes the truth about each down.
type teller struct {
	story *Story
	world *aws.World
	rnd   *rand.Rand
	now   time.Time
	disks map[string]*disks.Disk
}

func newTeller(s *Story, w *aws.World, seed uint64, now time.Time) (*teller, error) {
	t := &teller{
		story: s, world: w, now: now.UTC().Truncate(time.Hour), disks: make(map[string]*disks.Disk),
		rnd: rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "lenscap story %d", seed)))), //nolint:gosec // must be the same each time
	}
	for _, name := range []string{"web", "data", "plain"} {
		d, err := disks.Open(name)
		if err != nil {
			return nil, err
		}
		t.disks[name] = d
	}
	return t, nil
}

// id makes an id with 17 hexadecimal digits, as AWS writes them.
func (t *teller) id(prefix string) string { return fmt.Sprintf("%s-0%016x", prefix, t.rnd.Uint64()) }

func (t *teller) days(n int) time.Time { return t.now.AddDate(0, 0, -n) }

func ref(r *aws.Region, kind lenscap.Kind, id string) lenscap.Ref {
	return lenscap.Ref{Provider: "aws", Account: r.Account.ID, Region: r.Name, Kind: kind, ID: id}
}

// know writes the truth about an asset down. Without a verdict it is private.
func (t *teller) know(r *aws.Region, kind lenscap.Kind, id string, truth Truth) {
	truth.Ref = ref(r, kind, id)
	if truth.Verdict == "" {
		truth.Verdict = lenscap.VerdictPrivate
	}
	t.story.truths = append(t.story.truths, truth)
}

// snapshot adds a snapshot, three days old on a volume that exists unless told
// otherwise. The truth names its disk.
func (t *teller) snapshot(r *aws.Region, s aws.Snapshot, truth Truth) *aws.Snapshot {
	if s.ID == "" {
		s.ID = t.id("snap")
	}
	if s.Volume == "" {
		s.Volume = t.volume(r, aws.Volume{}).ID
	}
	if s.Start.IsZero() {
		s.Start = t.days(3)
	}
	if s.Disk = t.disks[truth.Disk]; s.Disk != nil && s.Size == 0 {
		s.Size = map[string]int{"web": 2, "data": 4, "plain": 1}[truth.Disk]
		s.FullBytes = s.Disk.Bytes()
	}
	if s.Size == 0 {
		s.Size = 8
	}
	if s.FullBytes == 0 {
		s.FullBytes = int64(s.Size) << 28
	}
	t.know(r, lenscap.KindDiskSnapshot, s.ID, truth)
	return r.AddSnapshot(s)
}

func (t *teller) volume(r *aws.Region, v aws.Volume) *aws.Volume {
	if v.ID == "" {
		v.ID = t.id("vol")
	}
	if v.Size == 0 {
		v.Size = 8
	}
	if v.Created.IsZero() {
		v.Created = t.days(120)
	}
	t.know(r, lenscap.KindVolume, v.ID, Truth{Why: "a volume"})
	return r.AddVolume(v)
}

// image adds an AMI with one backing snapshot, which carries the image's truth:
// whoever may launch the image reads the disk behind it.
func (t *teller) image(r *aws.Region, i aws.Image, s aws.Snapshot, truth Truth) (*aws.Image, *aws.Snapshot) {
	if i.ID == "" {
		i.ID = t.id("ami")
	}
	if i.Created.IsZero() {
		i.Created = t.days(60)
	}
	if i.SourceInstance != "" && s.Description == "" {
		s.Description = "Created by CreateImage(" + i.SourceInstance + ") for " + i.ID
	}
	s.Start = i.Created
	behind := truth
	behind.Residues, behind.Why = nil, truth.Why+" (the disk behind it)"
	snap := t.snapshot(r, s, behind)
	i.Snapshots = []string{snap.ID}
	truth.Disk = ""
	t.know(r, lenscap.KindMachineImage, i.ID, truth)
	return r.AddImage(i), snap
}

func (t *teller) fpga(r *aws.Region, name string, truth Truth, shares ...aws.Permission) {
	f := aws.FPGAImage{ID: t.id("afi"), GlobalID: t.id("agfi"), Name: name, Created: t.days(90), Shares: shares}
	r.AddFPGAImage(f)
	t.know(r, lenscap.KindFPGAImage, f.ID, truth)
}

func (t *teller) key(r *aws.Region, k aws.Key) *aws.Key {
	d := t.rnd
	k.ID = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", d.Uint32(), d.Uint32()&0xffff, d.Uint32()&0xfff, d.Uint32()&0xfff, d.Uint64()&0xffffffffffff)
	k.Created = t.days(400)
	return r.AddKey(k)
}
