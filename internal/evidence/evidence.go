// Package evidence looks inside one disk: it opens it, chooses files, reads those
// within a budget, in the order in which they lie on the disk, sends each through
// the detectors in one pass, opens archives and databases, and says what is there
// without keeping any of it. With the ledger of an earlier look it reads only what
// changed since.
//
// A secret's value lives in buffers that are zeroed after each file. What
// leaves the package is its kind, place, length, a hint of at most four
// characters or a public part, and an HMAC under the installation's key.
package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/detect/packages"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/evidence/profile"
)

// version changes when the same disk may give other evidence than before.
const version = "2"

// Options are how disks are looked into. Engine, Disk and Key are needed.
type Options struct {
	// Engine is what looks for secrets and personal data in bytes.
	Engine *detect.Engine
	// Databases are the engines whose files are read as tables.
	Databases []database.Engine
	// Disk is how disks are opened.
	Disk disk.Options
	// Key is the installation's: fingerprints are HMAC-SHA-256 under it.
	Key []byte
	// MaxBytes bounds the bytes of files that are read on one disk, MaxFiles
	// the files, MaxItems the items kept; 0 means 4 GiB, 1,000,000 and 10,000.
	// What is left out is a gap, or counted in Truncated.
	MaxBytes int64
	MaxFiles int
	MaxItems int
	// MaxTime bounds a look, and MaxCost what it may cost, in USD, at sources
	// whose provider has a price for reading ([block.Spender]); 0 is no bound.
	MaxTime time.Duration
	MaxCost float64
	// AllFiles looks also into what packages brought and is plainly unchanged, and
	// into what holds no text by its name.
	AllFiles bool
	// Deleted looks also into deleted files that are still there.
	Deleted bool
	// Sample is how many masked rows of each table are given; 0 gives none.
	Sample int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Inspector looks inside disks. It is safe for use by several goroutines.
type Inspector struct {
	opts   Options
	marker *marker
}

// New makes an inspector.
func New(opts Options) *Inspector {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = 4 << 30
	}
	if opts.MaxFiles <= 0 {
		opts.MaxFiles = 1_000_000
	}
	if opts.MaxItems <= 0 {
		opts.MaxItems = 10_000
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Inspector{opts, newMarker(opts.Key)}
}

// Version changes when the same disk may give other evidence than before.
func (i *Inspector) Version() string {
	return fmt.Sprintf("%s.%s.%d.%d.%t.%t", version, i.opts.Engine.Version(), len(i.opts.Databases),
		len(i.opts.Disk.Drivers)+len(i.opts.Disk.Managers)+len(i.opts.Disk.Formats), i.opts.AllFiles, i.opts.Deleted)
}

// ErrNoKey says that an inspector was made without the installation's key.
var ErrNoKey = errors.New("no key for fingerprints")

// Request is one disk to look into.
type Request struct {
	Ref lenscap.Ref
	// Source is the disk's bytes. It stays the caller's to close.
	Source block.Source
	// Before is what an earlier look left, nil when there was none: what is as
	// it was then is not read again.
	Before *Before
	// Progress, which may be nil, is told how many of the disk's files and
	// directories are done.
	Progress func(done, total int64)
}

// Result is what a look gives.
type Result struct {
	Evidence lenscap.Evidence
	// Ledger is for the next look; empty when nothing may be carried over.
	Ledger Ledger
	// Carried is how many files were not read since they were as before.
	Carried int
}

// Inspect looks inside a disk. What could not be read is a gap with aspect
// content, and Complete is false; the error is not nil only when ctx ended or
// nothing could be read at all.
func (i *Inspector) Inspect(ctx context.Context, r Request) (Result, error) {
	if len(i.opts.Key) == 0 {
		return Result{}, ErrNoKey
	}
	if r.Progress == nil {
		r.Progress = func(int64, int64) {}
	}
	carry, err := newCarry(r.Before, i.Version())
	if err != nil && !errors.Is(err, ErrLedger) {
		return Result{}, err
	}
	counter := block.NewCounter(r.Source)
	l := &look{
		opts: i.opts, engine: i.opts.Engine, marker: i.marker, ref: r.Ref, carry: carry, progress: r.Progress,
		gaps: map[gapKind]*lenscap.Gap{}, more: map[gapKind]int{}, spent: func() float64 { return block.Spent(r.Source) },
		owners: map[*disk.Volume]*packages.Manifest{}, roots: map[*disk.Volume]map[string]*root{}, profile: profile.New(),
	}
	for _, e := range i.opts.Databases {
		if e.Name() == "sqlite" {
			l.packages.SQLite = e // rpm keeps its list in one
		}
	}
	if i.opts.MaxTime > 0 {
		l.deadline = i.opts.Now().Add(i.opts.MaxTime)
	}
	l.ev = lenscap.Evidence{Asset: r.Ref, At: i.opts.Now().UTC(), Version: i.Version(), Size: r.Source.Size()}
	d, err := disk.Open(ctx, counter, i.opts.Disk)
	if err != nil {
		return Result{}, fmt.Errorf("open disk: %w", err)
	}
	defer d.Close() //nolint:errcheck // reading only: nothing is lost
	l.volumes(d)
	if err := l.walk(ctx, d); err != nil {
		return Result{}, fmt.Errorf("look into disk: %w", err)
	}
	l.finish(r.Before)
	l.ev.BytesRead = counter.Bytes()
	l.ev.Cost = l.spent()
	out := Result{Evidence: l.ev, Carried: l.stayed}
	if l.ev.Truncated == 0 && !l.over {
		out.Ledger = newLedger(i.Version(), l.marks)
	}
	return out, nil
}

// finish orders what was found and says whether the look was complete.
func (l *look) finish(before *Before) {
	unlocked(l.ev.Items)
	firstSeen(l.ev.Items, l.ev.At, before)
	slices.SortStableFunc(l.ev.Items, func(a, b lenscap.Item) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Inside, b.Inside),
			cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Type, b.Type))
	})
	slices.SortFunc(l.ev.Databases, func(a, b lenscap.Database) int {
		return cmp.Or(cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Path, b.Path))
	})
	l.ev.Profile = l.profile.Result()
	l.ev.Usage = l.usage.result()
	l.closeGaps()
	l.ev.Complete = len(l.ev.Gaps) == 0
}

// unlocked raises what the registry of Windows keeps encrypted where the key for
// it lies on the same volume.
func unlocked(items []lenscap.Item) {
	keys := map[string]bool{}
	for i := range items {
		if items[i].Type == "windows_boot_key" {
			keys[items[i].Volume] = true
		}
	}
	for i := range items {
		it := &items[i]
		if (it.Type == "windows_password_hash" || it.Type == "windows_lsa_secret" && it.Severity >= lenscap.SeverityMedium) && keys[it.Volume] {
			it.Severity = max(it.Severity, lenscap.SeverityHigh)
			it.Detail = strings.TrimPrefix(it.Detail+", its boot key is on the same volume", ", ")
		}
	}
}

// firstSeen keeps the time at which an item was first found.
func firstSeen(items []lenscap.Item, now time.Time, before *Before) {
	known := map[string]time.Time{}
	id := func(it *lenscap.Item) string {
		return strings.Join([]string{it.Type, it.Volume, it.Path, it.Inside, it.Fingerprint}, "\x00")
	}
	if before != nil {
		for i := range before.Evidence.Items {
			it := &before.Evidence.Items[i]
			known[id(it)] = it.FirstSeen
		}
	}
	for i := range items {
		if t := known[id(&items[i])]; !t.IsZero() {
			items[i].FirstSeen = t
		} else if items[i].FirstSeen.IsZero() {
			items[i].FirstSeen = now
		}
	}
}

// volumes notes what is on the disk; each volume that is not read is a gap.
func (l *look) volumes(d *disk.Disk) {
	for _, n := range d.Notes {
		if d.Incomplete {
			l.gap(lenscap.CauseMalformed, n)
		}
	}
	for _, v := range d.Volumes {
		label, _ := disk.Printable(v.Label)
		out := lenscap.Volume{Name: v.Name, Type: v.Type, Label: label, Size: v.Size, State: string(v.State), Note: v.Note}
		what := fmt.Sprintf("volume %s (%s): %s", v.Name, v.Type, v.Note)
		switch v.State {
		case disk.Blank:
			out.Type, out.State = "blank", string(disk.Read)
		case disk.Read:
			if v.Incomplete {
				l.gap(lenscap.CauseMalformed, what)
			}
		case disk.Damaged:
			l.gap(lenscap.CauseMalformed, what)
		case disk.Part:
			if v.Incomplete {
				l.gap(lenscap.CauseMalformed, what)
			}
		case disk.Raw:
			if v.Type == "swap" && v.Source == nil { // pages of memory lie there
				l.gap(lenscap.CauseUnsupported, what)
			}
		case disk.Missing:
			l.gap(lenscap.CauseNotRead, what)
		case disk.Encrypted, disk.Unsupported:
			l.gap(lenscap.CauseUnsupported, what)
		}
		l.ev.Volumes = append(l.ev.Volumes, out)
	}
}
