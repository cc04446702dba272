package evidence

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/packages"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/evidence/nest"
	"github.com/lenscap/lenscap/internal/evidence/profile"
)

const (
	// batchFiles is how many files are chosen before they are read in the order
	// of the disk: it bounds memory, whatever the disk holds.
	batchFiles = 20_000
	// windowFiles is how many of them are fetched ahead at once.
	windowFiles = 256
	// chunkBytes is how much of a file is read at once.
	chunkBytes = 1 << 20
	// headBytes is what tells what a file is.
	headBytes = 4096
	// maxExtents is how many pieces of a file are looked at to order reads and to
	// tell whether it changed; a file in more is read again.
	maxExtents = 64
	// sameHits is how many finds of one type are told one by one in one file.
	sameHits = 20
)

// look is one look at one disk.
type look struct {
	opts     Options
	engine   *detect.Engine
	marker   *marker
	ref      lenscap.Ref
	carry    *carry
	deadline time.Time
	spent    func() float64
	progress func(done, total int64)
	profile  *profile.Profile
	packages packages.Reader
	usage    usage
	batch    []*wanted
	owners   map[*disk.Volume]*packages.Manifest
	roots    map[*disk.Volume]map[string]*root // directories that are databases

	mu     sync.Mutex // guards what follows
	ev     lenscap.Evidence
	gaps   map[gapKind]*lenscap.Gap
	more   map[gapKind]int
	marks  []mark
	read   int64 // bytes of files
	over   bool  // a budget is spent
	seen   int64 // nodes
	shown  int64 // nodes that the volumes say they have
	stayed int   // files carried over
}

// wanted is a file that is to be read.
type wanted struct {
	volume  *disk.Volume
	id      fsys.ID
	file    detect.File
	limit   int64 // bytes from its start
	at      int64 // where it starts on the disk; 0 when kept within metadata
	extents []block.Extent
	whole   bool // extents are all of them
	mark    mark
	marked  bool
}

// root is a directory that one database engine claimed.
type root struct {
	engine int
	path   string
	files  []*wanted
}

// walk looks at every node of every volume, and reads what is wanted a batch at
// a time.
func (l *look) walk(ctx context.Context, d *disk.Disk) error {
	for i := range d.Volumes {
		if v := &d.Volumes[i]; v.FS != nil {
			l.shown += int64(min(v.FS.Info().Files, 1<<40)) //nolint:gosec // bounded
		}
	}
	for i := range d.Volumes {
		v := &d.Volumes[i]
		switch {
		case v.FS != nil:
			if err := l.volume(ctx, v); err != nil {
				return err
			}
		case v.State == disk.Raw && v.Type == "swap" && v.Source != nil:
			l.raw(ctx, v)
		}
	}
	l.progress(l.shown, l.shown)
	return ctx.Err()
}

func (l *look) volume(ctx context.Context, v *disk.Volume) error {
	manifest, err := l.packages.Read(ctx, files{v})
	if err != nil {
		l.unread(v.Name, "/", fmt.Errorf("list of packages: %w", err))
	}
	l.owners[v] = manifest
	l.profile.Volume(v.Name, files{v}, manifest)
	err = v.Walk(ctx, ".", func(e disk.Entry) error { return l.visit(ctx, e) })
	if err == nil {
		err = l.flush(ctx)
	}
	if err == nil {
		err = l.databases(ctx, v)
	}
	if err == nil && l.opts.Deleted {
		err = l.deleted(ctx, v)
	}
	return err
}

// deleted looks into the deleted files of a volume that are still there.
func (l *look) deleted(ctx context.Context, v *disk.Volume) error {
	buf := make([]byte, chunkBytes)
	err := v.Deleted(ctx, func(g disk.Gone) error {
		if g.Data == nil || g.Mode.IsDir() {
			return ctx.Err()
		}
		w := &wanted{volume: v, file: detect.File{Path: "/" + g.Path, Size: g.Data.Size(), Mode: g.Mode, Modified: g.Modified}}
		if w.limit = w.file.Size; !l.allow(w, w.limit) {
			return ctx.Err()
		}
		k := &keeping{look: l, w: w, data: g.Data, deleted: true}
		head := buf[:min(headBytes, w.limit)]
		n, err := g.Data.ReadAt(head, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			k.failed(err)
		} else if !l.nested(ctx, k, head[:n]) {
			l.stream(ctx, k, buf)
		}
		clear(buf)
		k.finish(ctx)
		return ctx.Err()
	})
	if errors.Is(err, disk.ErrNoDeleted) {
		return nil
	}
	if err != nil && ctx.Err() == nil {
		l.unread(v.Name, "deleted files", err)
		return nil
	}
	return err
}

// visit decides about one node.
func (l *look) visit(ctx context.Context, e disk.Entry) error {
	if e.Err != nil {
		l.unread(e.Volume.Name, e.Absolute(), e.Err)
		return nil //nolint:nilerr // it became a gap
	}
	if l.seen++; l.seen%4096 == 0 {
		l.shown = max(l.shown, l.seen)
		l.progress(l.seen, l.shown)
	}
	p := e.Absolute()
	manifest := l.owners[e.Volume]
	owned := manifest.Owns(p)
	l.profile.See(e.Volume.Name, p, e.Size, e.Mode, owned)
	if !e.Mode.IsRegular() {
		return nil
	}
	l.ev.Files++
	l.usage.see(e.Volume.Name, p, e.Size)
	f := detect.File{Path: p, Size: e.Size, Mode: e.Mode, Modified: e.Modified}
	in := l.claim(e.Volume, f)
	if e.Encrypted {
		l.unread(e.Volume.Name, p, block.ErrEncrypted)
		return nil
	}
	limit := f.Size
	if !l.opts.AllFiles {
		if detect.Shelved(p) || owned && detect.Harmless(p) && packages.Unchanged(manifest, p, e.Modified) {
			limit = 0
		} else {
			limit = l.engine.Wants(f)
			if l.opens(f) {
				limit = max(limit, min(f.Size, headBytes))
			}
		}
	}
	if limit <= 0 && in == nil {
		return nil
	}
	w := &wanted{volume: e.Volume, id: e.ID, file: f, limit: limit}
	l.locate(w, e)
	if in != nil {
		in.files = append(in.files, w)
		return nil
	}
	if l.batch = append(l.batch, w); len(l.batch) >= batchFiles {
		return l.flush(ctx)
	}
	return nil
}

// locate finds where a file lies and marks it.
func (l *look) locate(w *wanted, e disk.Entry) {
	data, err := w.volume.FS.Tree().Open(w.id)
	if err != nil {
		return // reading it will tell
	}
	ext, err := data.Extents(maxExtents + 1)
	if err != nil {
		return
	}
	w.whole = len(ext) <= maxExtents
	w.extents = ext
	if w.whole && fsys.TellsHoles(data) {
		stored := int64(0)
		for _, x := range ext {
			stored += x.Length
		}
		w.limit = min(w.limit, max(stored, headBytes)) // holes cost nothing
	}
	if len(ext) > 0 {
		w.at = block.Locate(w.volume.Source, ext[0].Offset)
	}
	if w.whole {
		w.mark, w.marked = l.marker.file(e, w.file.Path, ext)
	}
}

// flush reads the files that were chosen, in the order of the disk. Where the
// source can fetch ahead, it is told what comes, a window at a time.
func (l *look) flush(ctx context.Context) error {
	batch := l.batch
	l.batch = nil
	slices.SortStableFunc(batch, func(a, b *wanted) int { return cmp.Compare(a.at, b.at) })
	todo := batch[:0]
	for _, w := range batch {
		if r := l.rootOf(w.volume, w.file.Path); r != nil {
			r.files = append(r.files, w) // its database was met after it
		} else if !l.carried(w) {
			todo = append(todo, w)
		}
	}
	for window := range slices.Chunk(todo, windowFiles) {
		if err := l.prefetch(ctx, window); err != nil {
			return err
		}
		if err := l.window(ctx, window); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// window reads files, several at once.
func (l *look) window(ctx context.Context, window []*wanted) error {
	g, gctx := errgroup.WithContext(ctx)
	next := make(chan *wanted)
	g.Go(func() error {
		defer close(next)
		for _, w := range window {
			select {
			case next <- w:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range min(len(window), runtime.GOMAXPROCS(0)) {
		g.Go(func() error {
			buf := make([]byte, chunkBytes)
			for w := range next {
				if err := gctx.Err(); err != nil {
					return err
				}
				l.file(gctx, w, buf)
			}
			return nil
		})
	}
	return g.Wait()
}

// prefetch asks the sources for the blocks of the next files. A source that
// fails here is not an error yet: the reads will tell.
func (l *look) prefetch(ctx context.Context, window []*wanted) error {
	ranges := map[block.Source][]block.Extent{}
	for _, w := range window {
		left := min(w.limit, 16*chunkBytes)
		for _, e := range w.extents {
			if left <= 0 {
				break
			}
			n := min(left, e.Length)
			ranges[w.volume.Source] = append(ranges[w.volume.Source], block.Extent{Offset: e.Offset, Length: n})
			left -= n
		}
	}
	for src, r := range ranges {
		_ = block.Prefetch(ctx, src, r)
	}
	return ctx.Err()
}

// allow takes n bytes from the budget; what does not fit is told once.
func (l *look) allow(w *wanted, n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ev.FilesRead >= l.opts.MaxFiles:
		l.budget(w, lenscap.CauseNotRead, fmt.Sprintf("more than %d files were to be read", l.opts.MaxFiles))
	case l.read+n > l.opts.MaxBytes:
		l.budget(w, lenscap.CauseNotRead, fmt.Sprintf("the budget of %d bytes is spent", l.opts.MaxBytes))
	case !l.deadline.IsZero() && l.opts.Now().After(l.deadline):
		l.budget(w, lenscap.CauseTimeout, fmt.Sprintf("the time of %s is over", l.opts.MaxTime))
	case l.opts.MaxCost > 0 && l.spent() >= l.opts.MaxCost:
		l.budget(w, lenscap.CauseNotRead, fmt.Sprintf("reading has cost %.2f USD, as much as was allowed", l.spent()))
	default:
		l.read += n
		return true
	}
	return false
}

func (l *look) budget(w *wanted, cause lenscap.Cause, why string) {
	l.over = true
	l.gapLocked(cause, fmt.Sprintf("%s: %s (%d bytes)", why, name(w.volume.Name, w.file.Path), w.file.Size))
}

// file reads one file and keeps what is found.
func (l *look) file(ctx context.Context, w *wanted, buf []byte) {
	if !l.allow(w, w.limit) {
		return
	}
	data, err := w.volume.FS.Tree().Open(w.id)
	if err != nil {
		l.unread(w.volume.Name, w.file.Path, err)
		return
	}
	head := buf[:min(headBytes, int64(len(buf)), w.file.Size)]
	n, err := data.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		l.unread(w.volume.Name, w.file.Path, err)
		return
	}
	defer clear(buf)
	head = head[:n]
	l.mu.Lock()
	l.ev.FilesRead++
	l.mu.Unlock()
	k := &keeping{look: l, w: w, data: data}
	switch {
	case detect.BigHive(w.file):
		if err := detect.ReadHive(w.file, data, func(f detect.Found) { k.found(0, "", f) }); err != nil {
			k.failed(err)
		}
	case l.single(ctx, k, head):
	case l.nested(ctx, k, head):
	case nest.Closed(head) != "":
		k.bad = true
		l.gap(lenscap.CauseUnsupported, name(w.volume.Name, w.file.Path)+": "+nest.Closed(head)+", not opened")
	default:
		l.stream(ctx, k, buf)
	}
	k.finish(ctx)
}

// stream sends a file's bytes through the engine.
func (l *look) stream(ctx context.Context, k *keeping, buf []byte) {
	want := l.engine.Wants(k.w.file)
	if l.opts.AllFiles || want == 0 && bytes.IndexByte(buf[:min(headBytes, k.w.file.Size)], 0) < 0 { // its ending does not fit it
		want = k.w.file.Size
	}
	want = min(want, k.w.file.Size)
	base := int64(0)
	begin := func() *detect.Scan {
		return l.engine.Scan(k.w.file, func(f detect.Found) { k.found(base, "", f) })
	}
	scan := begin()
	for off := int64(0); off < want && ctx.Err() == nil; {
		if next := l.past(k, off); next >= off+longHole { // what lies behind a long hole is begun anew
			k.scanned(scan, "")
			off, base = next, next
			scan = begin()
			continue
		}
		p := buf[:min(int64(len(buf)), want-off)]
		n, err := k.data.ReadAt(p, off)
		_, _ = scan.Write(p[:n]) // never fails
		off += int64(n)
		if err != nil && !errors.Is(err, io.EOF) {
			k.failed(err)
		}
		if err != nil || n == 0 {
			break
		}
	}
	k.scanned(scan, "")
}

// longHole is how long a hole must be to be passed over.
const longHole = 1 << 20

// past gives where data goes on at or after off.
func (l *look) past(k *keeping, off int64) int64 {
	if d, ok := k.data.(fsys.Data); ok {
		return fsys.NextData(d, off)
	}
	return off
}

// raw looks for secrets in what holds no files: pages of memory in a swap area.
func (l *look) raw(ctx context.Context, v *disk.Volume) {
	w := &wanted{volume: v, file: detect.File{Path: "/", Size: v.Size}, limit: v.Size}
	ext, err := block.Extents(ctx, v.Source)
	if err != nil {
		l.unread(v.Name, "", err)
		return
	}
	buf := make([]byte, chunkBytes)
	defer clear(buf)
	k := &keeping{look: l, w: w, data: v.Source}
	for _, run := range ext {
		if !l.allow(w, run.Length) {
			return
		}
		scan := l.engine.Scan(w.file, func(f detect.Found) { k.found(run.Offset, "", f) })
		_, err := io.CopyBuffer(onlyWriter{scan}, onlyReader{ctx, io.NewSectionReader(v.Source, run.Offset, run.Length)}, buf)
		k.scanned(scan, "")
		if err != nil {
			l.unread(v.Name, "", err)
			return
		}
	}
	k.finish(ctx)
}

type onlyWriter struct{ io.Writer }

// onlyReader reads until ctx ends.
type onlyReader struct {
	ctx context.Context
	r   io.Reader
}

func (r onlyReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// carried takes over what an earlier look found in a file that is as it was.
func (l *look) carried(w *wanted) bool {
	if !l.carry.same(w.mark, w) {
		return false
	}
	p, _ := disk.Printable(w.file.Path)
	k := place(w.volume.Name, p)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks = append(l.marks, w.mark)
	l.stayed++
	for _, it := range l.carry.items[k] {
		l.add(it)
	}
	if db, ok := l.carry.dbs[k]; ok {
		l.ev.Databases = append(l.ev.Databases, db)
	}
	return true
}

// dirs gives the directories above a path, the nearest first.
func dirs(p string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for p != "/" && p != "." {
			p = path.Dir(p)
			if !yield(p) {
				return
			}
		}
	}
}
