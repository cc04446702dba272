package nest

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// isImage tells disk images by their magic, and raw ones by their name with a
// partition table's or a file system's mark in the head.
func isImage(f detect.File, head []byte) bool {
	for _, m := range []string{"QFI\xfb", "KDMV", "COWD", "vhdxfile", "conectix", "hsqs", "<<< Oracle VM VirtualBox Disk Image >>>"} {
		if strings.HasPrefix(string(head), m) {
			return true
		}
	}
	switch strings.ToLower(path.Ext(f.Path)) {
	case ".img", ".raw", ".iso", ".vhd", ".vmdk", ".qcow2", ".vdi", ".ext4", ".dd":
		return f.Size < 0 || f.Size >= 32<<10
	}
	return false
}

// openImage walks the volumes of a disk image. Names of volumes become the
// first part of the place: disk.qcow2/p1/etc/shadow.
func openImage(o *opening, m *Member, r detect.Reader) error {
	if len(o.o.Disk.Drivers) == 0 {
		return fmt.Errorf("disk images: %w", block.ErrUnsupported)
	}
	opts := o.o.Disk
	opts.More, opts.CacheBytes = nil, 8<<20
	opts.Image.SpillBytes, opts.Image.Backing, opts.Image.Extent = 0, nil, nil
	d, err := disk.Open(o.ctx, source{r}, opts)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // reading only: nothing is lost
	for i := range d.Volumes {
		v := &d.Volumes[i]
		if !v.Whole() {
			o.lost(join(m.Inside, "/"+v.Name), fmt.Errorf("volume %s (%s) is %s: %s", v.Name, v.Type, v.State, v.Note))
		}
		if v.FS == nil {
			continue
		}
		err := v.Walk(o.ctx, ".", func(e disk.Entry) error { return o.node(m, e) })
		if err != nil && o.ctx.Err() == nil && o.stop == nil && !errors.Is(err, o.bound) {
			o.lost(join(m.Inside, "/"+v.Name), err)
		}
		if err := errors.Join(o.ctx.Err(), o.stop, o.bound); err != nil {
			return err
		}
	}
	return nil
}

func (o *opening) node(m *Member, e disk.Entry) error {
	inside := "/" + e.Volume.Name + e.Absolute()
	if e.Err != nil {
		o.lost(join(m.Inside, inside), e.Err)
		return nil //nolint:nilerr // told
	}
	if !e.Mode.IsRegular() || e.Size == 0 {
		return nil
	}
	data, err := e.Volume.FS.Tree().Open(e.ID)
	if err != nil {
		o.lost(join(m.Inside, inside), err)
		return nil
	}
	up := &Member{Inside: join(m.Inside, "/"+e.Volume.Name)}
	return o.member(up, e.Absolute(), e.Size, reader(data), func() (detect.Reader, error) { return data, nil })
}

// reader reads a file from its start.
func reader(d fsys.Data) *sequential { return &sequential{d: d} }

type sequential struct {
	d   fsys.Data
	off int64
}

func (s *sequential) Read(p []byte) (int, error) {
	n, err := s.d.ReadAt(p, s.off)
	s.off += int64(n)
	return n, err
}
