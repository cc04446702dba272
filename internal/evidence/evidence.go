// Package evidence looks inside one disk: it opens it, asks detectors which
// files they want, reads those within a budget, in the order in which they lie
// on the disk, and says what is there without keeping any of it.
//
// A secret's value lives in one buffer, which is zeroed after each file. What
// leaves the package is its kind, place, length, a hint of at most four
// characters or a public part, and an HMAC under the installation's key.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// version changes when the same disk may give other evidence than before.
const version = "1"

// Options are how disks are looked into. Detectors, Disk and Key are needed.
type Options struct {
	Detectors []detect.Detector
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
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Inspector looks inside disks. It is safe for use by several goroutines.
type Inspector struct{ opts Options }

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
	return &Inspector{opts}
}

// Version changes when the same disk may give other evidence than before.
func (i *Inspector) Version() string {
	return fmt.Sprintf("%s.%d.%d", version, len(i.opts.Detectors), len(i.opts.Disk.Drivers)+len(i.opts.Disk.Managers)+len(i.opts.Disk.Formats))
}

// ErrNoKey says that an inspector was made without the installation's key.
var ErrNoKey = errors.New("no key for fingerprints")

// Inspect looks inside the disk src of the asset ref. progress, which may be
// nil, is told how many of the bytes to be read are done. What could not be
// read is a gap with aspect content, and Complete is false; the error is not
// nil only when ctx ended or nothing could be read at all. src stays the
// caller's to close.
func (i *Inspector) Inspect(ctx context.Context, ref lenscap.Ref, src block.Source, progress func(done, total int64)) (lenscap.Evidence, error) {
	if len(i.opts.Key) == 0 {
		return lenscap.Evidence{}, ErrNoKey
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	counter := block.NewCounter(src)
	l := &look{opts: i.opts, ref: ref, gaps: map[gapKind]*lenscap.Gap{}, progress: progress}
	l.ev = lenscap.Evidence{Asset: ref, At: i.opts.Now().UTC(), Version: i.Version(), Size: src.Size()}
	d, err := disk.Open(ctx, counter, i.opts.Disk)
	if err != nil {
		return lenscap.Evidence{}, fmt.Errorf("open disk: %w", err)
	}
	defer d.Close() //nolint:errcheck // reading only: nothing is lost
	l.volumes(d)
	if err := l.choose(ctx, d); err != nil {
		return lenscap.Evidence{}, fmt.Errorf("walk disk: %w", err)
	}
	if err := l.read(ctx); err != nil {
		return lenscap.Evidence{}, fmt.Errorf("read files: %w", err)
	}
	l.finish()
	l.ev.BytesRead = counter.Bytes()
	return l.ev, nil
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
			if v.Type == "swap" { // pages of memory lie there
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
