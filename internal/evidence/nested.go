package evidence

import (
	"context"
	"io"
	"io/fs"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/evidence/nest"
)

// opens tells whether a file is worth a look at its head, though no detector
// wants it by its name: it may be opened.
func (l *look) opens(f detect.File) bool { return nest.Named(f) }

// nested opens an archive, a disk image, an object of git, and looks at what is
// within. False says that the file is none.
func (l *look) nested(ctx context.Context, k *keeping, head []byte) bool {
	if !nest.Is(k.w.file, head) {
		return false
	}
	if !l.allow(k.w, max(0, k.w.file.Size-k.w.limit)) {
		k.bad = true
		return true
	}
	buf := make([]byte, 64<<10)
	defer clear(buf)
	opts := nest.Options{Disk: l.opts.Disk}
	err := nest.Walk(ctx, k.w.file, k.data, opts, func(m *nest.Member) error {
		l.member(ctx, k, m, buf)
		return ctx.Err()
	}, func(inside string, err error) {
		k.bad = true
		l.unread(k.w.volume.Name, k.w.file.Path+"!/"+inside, err)
	})
	if err != nil {
		k.bad = true
	}
	return true
}

// member looks at one file within another.
func (l *look) member(ctx context.Context, k *keeping, m *nest.Member, buf []byte) {
	f := m.File
	for i, e := range l.opts.Databases {
		if root, ok := e.Claims(f, m.Head); ok && root == f.Path {
			r, err := m.Hold()
			if err != nil {
				k.bad = true
				l.unread(k.w.volume.Name, k.w.file.Path+"!/"+m.Inside, err)
				return
			}
			if l.database(ctx, k, only{f, r}, i, root, m.Inside) {
				return
			}
			break
		}
	}
	if f.Size >= 0 && l.engine.Wants(f) == 0 && !l.opts.AllFiles {
		return
	}
	scan := l.engine.Scan(f, func(x detect.Found) { k.found(0, m.Inside, x) })
	_, err := io.CopyBuffer(onlyWriter{scan}, onlyReader{ctx, m.Reader}, buf)
	k.scanned(scan, m.Inside)
	if err != nil && ctx.Err() == nil {
		k.bad = true
		l.unread(k.w.volume.Name, k.w.file.Path+"!/"+m.Inside, err)
	}
}

// only is a tree of one file.
type only struct {
	file detect.File
	r    detect.Reader
}

// Open implements [detect.Files].
func (o only) Open(path string) (detect.Reader, error) {
	if path == o.file.Path {
		return o.r, nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// List implements [detect.Files].
func (o only) List(dir string, yield func(detect.File) bool) error {
	if strings.HasPrefix(o.file.Path, strings.TrimSuffix(dir, "/")+"/") {
		yield(o.file)
	}
	return nil
}
