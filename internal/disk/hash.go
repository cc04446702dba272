package disk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Line is one line of `disk hash`. A path or target that is not UTF-8 is
// printed with \xNN for each such byte, and its bytes are given in base64.
type Line struct {
	Volume     string `json:"volume"`
	Path       string `json:"path"`
	PathBytes  string `json:"path_base64,omitempty"`
	Type       string `json:"type"`           // file, stream, dir, link, fifo, socket, char, block, other, unreadable
	Size       int64  `json:"size"`           // bytes
	Mode       string `json:"mode,omitempty"` // octal, with setuid, setgid and sticky
	SHA256     string `json:"sha256,omitempty"`
	Target     string `json:"target,omitempty"`
	TargetByte string `json:"target_base64,omitempty"`
	Error      string `json:"error,omitempty"` // what could not be read
}

// Line gives an entry as a line, without its hash.
func (e Entry) Line() Line {
	path := e.Absolute()
	l := Line{Volume: e.Volume.Name, PathBytes: Exact(path), TargetByte: Exact(e.Target)}
	l.Path, _ = Printable(path)
	l.Target, _ = Printable(e.Target)
	if e.Err != nil {
		l.Error, _ = Printable(e.Err.Error())
	}
	if e.Err != nil && e.Links == 0 && e.Mode == 0 {
		l.Type = "unreadable"
		return l
	}
	l.Type, l.Size, l.Mode = fsys.TypeName(e.Mode), e.Size, unixMode(e.Mode)
	if e.Stream != "" {
		l.Type = "stream"
	}
	if e.Mode.IsDir() {
		l.Size = 0 // a directory's size says nothing of what is in it
	}
	return l
}

// unixMode gives permissions as people write them.
func unixMode(m fs.FileMode) string {
	v := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		v |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		v |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		v |= 0o1000
	}
	return fmt.Sprintf("%04o", v)
}

// Hash writes one JSON line for every node below path on a volume, on all that
// are read when volume is empty, in the order of the walk. Files are read in the
// order in which they lie on the disk, a batch at a time. It gives how many
// nodes could not be read; the error is for what ends the work.
func (d *Disk) Hash(ctx context.Context, w io.Writer, volume, path string) (unread int, err error) {
	h := &hashing{ctx: ctx, enc: json.NewEncoder(w)}
	h.enc.SetEscapeHTML(false)
	if volume == "" && fsys.Clean(path) == "." {
		err = d.Walk(ctx, h.visit)
	} else {
		var v *Volume
		if v, err = d.Volume(volume); err != nil {
			return 0, err
		}
		err = v.Walk(ctx, path, h.visit)
	}
	if err == nil {
		err = h.flush()
	}
	return h.unread, err
}

// Bounds of a batch of files that are hashed together.
const (
	batchFiles = 2048
	batchBytes = 256 << 20
	batchPaths = 4 << 20 // bytes of paths
)

// hashing gathers entries in a batch and hashes those that are files.
type hashing struct {
	ctx    context.Context
	enc    *json.Encoder
	batch  []hashed
	bytes  int64
	paths  int
	unread int
}

type hashed struct {
	Entry
	line Line
	data fsys.Data    // nil when there is nothing to read
	at   int64        // where it starts on the disk
	run  block.Extent // its first stretch on the volume
	done chan struct{}
}

// maxHoles is the largest file that is read through however many holes it has.
const maxHoles = 1 << 40

// holes gives an error for a file that can be little but holes: reading it
// through would take hours or for ever.
func (v *Volume) holes(size int64) error {
	if size > maxHoles && size/4 > v.Size {
		return block.Unsupported("it has %d bytes on a volume of %d: nearly all of it is holes, it is not read through", size, v.Size)
	}
	return nil
}

func (h *hashing) visit(e Entry) error {
	f := hashed{Entry: e, line: e.Line()}
	if e.Err == nil && e.Mode.IsRegular() {
		data, err := e.Volume.FS.Tree().Open(e.ID)
		if err == nil {
			err = e.Volume.holes(data.Size())
		}
		if err != nil {
			f.line.Error, _ = Printable(err.Error())
		} else {
			f.data = data
			h.bytes += data.Size()
			if ext, err := data.Extents(1); err == nil && len(ext) > 0 {
				f.run, f.at = ext[0], block.Locate(e.Volume.Source, ext[0].Offset)
			}
		}
	}
	h.batch = append(h.batch, f)
	h.paths += len(e.Path)
	if len(h.batch) < batchFiles && h.bytes < batchBytes && h.paths < batchPaths {
		return nil
	}
	return h.flush()
}

// flush hashes the files of the batch, several at once, and writes its lines.
func (h *hashing) flush() error {
	var order []*hashed
	for i := range h.batch {
		if h.batch[i].data != nil {
			h.batch[i].done = make(chan struct{})
			order = append(order, &h.batch[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *hashed) int { return cmp.Compare(a.at, b.at) })
	h.prefetch(order)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(order)) {
		wg.Go(func() {
			buf := make([]byte, 256<<10)
			for i := next.Add(1) - 1; i < int64(len(order)) && h.ctx.Err() == nil; i = next.Add(1) - 1 {
				order[i].hash(h.ctx, buf)
				close(order[i].done)
			}
		})
	}
	defer wg.Wait()
	for i := range h.batch {
		if done := h.batch[i].done; done != nil {
			select { // lines are written as soon as those before them are
			case <-done:
			case <-h.ctx.Done():
			}
		}
		if err := h.ctx.Err(); err != nil {
			return err
		}
		if h.batch[i].line.Error != "" {
			h.unread++
		}
		if err := h.enc.Encode(h.batch[i].line); err != nil {
			next.Store(int64(len(order)))
			return err
		}
	}
	wg.Wait()
	clear(h.batch)
	h.batch, h.bytes, h.paths = h.batch[:0], 0, 0
	return nil
}

// prefetch tells the sources what is going to be read. One that fails here is
// not an error yet: the reads will tell.
func (h *hashing) prefetch(order []*hashed) {
	ranges := map[block.Source][]block.Extent{}
	for _, f := range order {
		if f.run.Length > 0 {
			ranges[f.Volume.Source] = append(ranges[f.Volume.Source], f.run)
		}
	}
	for src, r := range ranges {
		_ = block.Prefetch(h.ctx, src, r)
	}
}

// hash reads a file into its line.
func (f *hashed) hash(ctx context.Context, buf []byte) {
	sum := sha256.New()
	_, err := io.CopyBuffer(sum, reader{ctx, io.NewSectionReader(f.data, 0, f.data.Size())}, buf)
	if err != nil {
		f.line.Error, _ = Printable(err.Error())
		return
	}
	f.line.SHA256 = hex.EncodeToString(sum.Sum(nil))
}

// reader stops when ctx ends, within a huge sparse file, too.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
