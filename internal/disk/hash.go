package disk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Line is one line of `disk hash`. A path or target that is not UTF-8 is
// printed with \xNN for each such byte, and its bytes are given in base64.
type Line struct {
	Volume     string `json:"volume"`
	Path       string `json:"path"`
	PathBytes  string `json:"path_base64,omitempty"`
	Type       string `json:"type"`           // file, dir, link, fifo, socket, char, block, other, unreadable
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
// are read when volume is empty. It gives how many nodes could not be read; the
// error is for what ends the work.
func (d *Disk) Hash(ctx context.Context, w io.Writer, volume, path string) (unread int, err error) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	buf := make([]byte, 1<<20)
	visit := func(e Entry) error {
		l := e.Line()
		if e.Err == nil && e.Mode.IsRegular() {
			if err := e.hash(ctx, &l, buf); err != nil {
				return err
			}
		}
		if l.Error != "" {
			unread++
		}
		return enc.Encode(l)
	}
	if volume == "" && fsys.Clean(path) == "." {
		return unread, d.Walk(ctx, visit)
	}
	v, err := d.Volume(volume)
	if err != nil {
		return 0, err
	}
	err = v.Walk(ctx, path, visit)
	return unread, err
}

// hash reads a file into its line. The error is not nil only when ctx ended.
func (e Entry) hash(ctx context.Context, l *Line, buf []byte) error {
	data, err := e.Volume.FS.Tree().Open(e.ID)
	if err == nil {
		h := sha256.New()
		r := reader{ctx, io.NewSectionReader(data, 0, data.Size())}
		if _, err = io.CopyBuffer(h, r, buf); err == nil {
			l.SHA256 = hex.EncodeToString(h.Sum(nil))
			return nil
		}
	}
	l.Error, _ = Printable(err.Error())
	return ctx.Err()
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
