package evidence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// look is one look at one disk.
type look struct {
	opts     Options
	ref      lenscap.Ref
	ev       lenscap.Evidence
	gaps     map[gapKind]*lenscap.Gap
	more     map[gapKind]int
	wanted   []wanted
	total    int64
	profile  profile
	progress func(done, total int64)
	buf      []byte
}

// wanted is a file that detectors asked for.
type wanted struct {
	volume *disk.Volume
	id     fsys.ID
	file   detect.File
	limit  int64        // bytes from its start
	at     int64        // where it starts on the disk; 0 when kept within metadata
	first  block.Extent // on its volume
}

// choose walks the disk and notes which files are to be read.
func (l *look) choose(ctx context.Context, d *disk.Disk) error {
	return d.Walk(ctx, func(e disk.Entry) error {
		if e.Err != nil {
			l.unread(e.Volume.Name, e.Absolute(), e.Err)
			return nil //nolint:nilerr // it became a gap
		}
		l.profile.see(e)
		if !e.Mode.IsRegular() {
			return nil
		}
		l.ev.Files++
		f := detect.File{Path: e.Absolute(), Size: e.Size, Mode: e.Mode}
		limit := l.profile.wants(f)
		for _, det := range l.opts.Detectors {
			limit = max(limit, det.Wants(f))
		}
		switch {
		case limit <= 0:
			return nil
		case len(l.wanted) >= l.opts.MaxFiles:
			l.gap(lenscap.CauseNotRead, fmt.Sprintf("more than %d files were to be read", l.opts.MaxFiles))
			return nil
		case l.total+limit > l.opts.MaxBytes:
			l.gap(lenscap.CauseNotRead, fmt.Sprintf("the budget of %d bytes is spent: %s", l.opts.MaxBytes, name(e.Volume.Name, f.Path)))
			return nil
		}
		l.total += limit
		l.wanted = append(l.wanted, wanted{volume: e.Volume, id: e.ID, file: f, limit: limit})
		return nil
	})
}

// place finds where each wanted file starts, so that they are read in order.
func (l *look) place() {
	for i := range l.wanted {
		w := &l.wanted[i]
		data, err := w.volume.FS.Tree().Open(w.id)
		if err != nil {
			continue // reading it will tell
		}
		if ext, err := data.Extents(1); err == nil && len(ext) > 0 {
			w.at, w.first = block.Locate(w.volume.Source, ext[0].Offset), ext[0]
		}
	}
	slices.SortStableFunc(l.wanted, func(a, b wanted) int { return cmp.Compare(a.at, b.at) })
}

// read reads the wanted files and gives them to the detectors. Where the source
// can fetch ahead, it is told what comes, a window at a time.
func (l *look) read(ctx context.Context) error {
	l.place()
	defer l.forget()
	done := int64(0)
	for window := range slices.Chunk(l.wanted, 256) {
		if err := l.prefetch(ctx, window); err != nil {
			return err
		}
		for _, w := range window {
			if err := ctx.Err(); err != nil {
				return err
			}
			l.file(w)
			done += w.limit
			l.progress(done, l.total)
		}
	}
	return ctx.Err()
}

// prefetch asks the sources for the blocks of the next files. A source that
// fails here is not an error yet: the reads will tell.
func (l *look) prefetch(ctx context.Context, window []wanted) error {
	ranges := map[block.Source][]block.Extent{}
	for _, w := range window {
		if w.first.Length > 0 {
			src := w.volume.Source
			ranges[src] = append(ranges[src], block.Extent{Offset: w.first.Offset, Length: min(w.limit, w.first.Length)})
		}
	}
	for src, r := range ranges {
		_ = block.Prefetch(ctx, src, r)
	}
	return ctx.Err()
}

// file reads one file and keeps what the detectors find.
func (l *look) file(w wanted) {
	data, err := w.volume.FS.Tree().Open(w.id)
	if err != nil {
		l.unread(w.volume.Name, w.file.Path, err)
		return
	}
	if int64(cap(l.buf)) < w.limit {
		l.buf = make([]byte, w.limit)
	}
	buf := l.buf[:w.limit]
	defer clear(buf)
	n, err := data.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		l.unread(w.volume.Name, w.file.Path, err)
	}
	buf = buf[:n]
	l.ev.FilesRead++
	l.profile.read(w.file, buf)
	for _, det := range l.opts.Detectors {
		want := min(det.Wants(w.file), int64(len(buf)))
		if want <= 0 {
			continue
		}
		part := buf[:want:want]
		for _, h := range det.Detect(w.file, part) {
			l.keep(w, part, h)
		}
	}
}

// forget zeroes what held file contents.
func (l *look) forget() {
	clear(l.buf[:cap(l.buf)])
	l.buf, l.wanted = nil, nil
}

// finish orders what was found and says whether the look was complete.
func (l *look) finish() {
	slices.SortStableFunc(l.ev.Items, func(a, b lenscap.Item) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset))
	})
	l.ev.Profile = l.profile.result()
	l.closeGaps()
	l.ev.Complete = len(l.ev.Gaps) == 0
}
