package iso9660

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Bounds of system use entries that go on elsewhere (Linux: 32 areas).
const (
	maxAreas = 32
	maxArea  = 64 << 10
)

// entries gives the system use entries of an area and of those where it goes on,
// until fn says false.
func (t *tree) entries(area []byte, fn func(kind string, data []byte) bool) error {
	for n := 0; ; n++ {
		var next []byte
		for len(area) >= 4 {
			size := int(area[2])
			if size < 4 || size > len(area) {
				if area[0] == 0 {
					break // padding
				}
				return block.Damaged("system use entry %q of %d bytes in %d", area[:2], size, len(area))
			}
			kind, data := string(area[:2]), area[4:size]
			area = area[size:]
			switch {
			case kind == "ST":
				area = nil
			case kind == "CE" && len(data) >= 24:
				next = data
			case !fn(kind, data):
				return nil
			}
		}
		if next == nil {
			return nil
		}
		off, size := int64(le.Uint32(next))*t.vol.blockSize+int64(le.Uint32(next[8:])), le.Uint32(next[16:])
		if n == maxAreas || size > maxArea {
			return block.Damaged("system use entries go on for %d bytes in area %d", size, n+1)
		}
		area = make([]byte, size)
		if err := block.ReadFull(t.src, area, off); err != nil {
			return fmt.Errorf("read system use entries: %w", err)
		}
	}
}

// findRock looks at the root's own record for Rock Ridge.
func (t *tree) findRock() error {
	r, err := t.record(t.root)
	if err != nil {
		return err
	}
	area := r.system()
	for _, skip := range []int{0, 14} { // behind what CD-ROM XA keeps there
		if len(area) < skip+7 || string(area[skip:skip+2]) != "SP" || area[skip+4] != 0xBE || area[skip+5] != 0xEF {
			continue
		}
		// One that can't be read to its end may still be Rock Ridge; each file
		// of it will tell.
		_ = t.entries(area[skip:], func(kind string, data []byte) bool {
			switch kind {
			case "RR", "PX", "NM", "TF":
				t.rock = true
			case "ER":
				id := string(data[min(4, len(data)):])
				t.rock = t.rock || strings.HasPrefix(id, "RRIP_1991A") || strings.HasPrefix(id, "IEEE_P1282") || strings.HasPrefix(id, "IEEE_1282")
			}
			return true
		})
		if t.rock {
			t.skip = int(area[skip+6])
			return nil
		}
	}
	return nil
}

// rock is what Rock Ridge says of a record.
type rock struct {
	name     string // empty when it says none
	dots     bool   // the name is "." or ".."
	hasMode  bool
	mode     uint32
	links    uint32
	uid, gid uint32
	modified, accessed, changed,
	created time.Time
	target    target
	child     uint32 // block of the directory that this record stands for
	hasChild  bool
	relocated bool // shown elsewhere, by its child link
	sparse    bool
	zisofs    *zisofs
	unknown   string // a compression that is not read
}

// rockOf reads the Rock Ridge entries of a record; it is empty without any.
func (t *tree) rockOf(r record) (rock, error) {
	var x rock
	if !t.rock {
		return x, nil
	}
	area := r.system()
	if len(area) < 2 || string(area[:2]) != "SP" { // that one is not behind what is skipped
		area = area[min(t.skip, len(area)):]
	}
	err := t.entries(area, func(kind string, b []byte) bool {
		x.add(kind, b)
		return true
	})
	return x, err
}

// add takes an entry.
func (x *rock) add(kind string, b []byte) {
	switch {
	case kind == "NM" && len(b) >= 1:
		x.dots = x.dots || b[0]&6 != 0
		x.name += string(b[1:])
	case kind == "PX" && len(b) >= 32:
		x.hasMode = true
		x.mode, x.links, x.uid, x.gid = le.Uint32(b), le.Uint32(b[8:]), le.Uint32(b[16:]), le.Uint32(b[24:])
	case kind == "TF" && len(b) >= 1:
		x.times(b[0], b[1:])
	case kind == "SL" && len(b) >= 1:
		x.target.add(b[1:])
	case kind == "CL" && len(b) >= 8:
		x.child, x.hasChild = le.Uint32(b), true
	case kind == "RE":
		x.relocated = true
	case kind == "SF":
		x.sparse = true
	case kind == "ZF" && len(b) >= 8 && string(b[:2]) == "pz":
		x.zisofs = &zisofs{headerSize: int64(b[2]) * 4, blockShift: b[3], size: int64(le.Uint32(b[4:]))}
	case kind == "ZF" && len(b) >= 2:
		x.unknown = string(b[:2])
	}
}

// times reads the times that flags name, in their order.
func (x *rock) times(flags byte, b []byte) {
	width, read := 7, stamp
	if flags&0x80 != 0 {
		width, read = 17, longStamp
	}
	for i, to := range []*time.Time{&x.created, &x.modified, &x.accessed, &x.changed} {
		if flags>>i&1 == 0 {
			continue
		}
		if len(b) < width {
			return
		}
		*to = read(b)
		b = b[width:]
	}
}

// target puts the target of a symbolic link together.
type target struct {
	text []byte
	next bool // the next component begins behind a slash
}

// add takes the components of an entry.
func (l *target) add(b []byte) {
	for len(b) >= 2 && 2+int(b[1]) <= len(b) {
		flags, text := b[0], string(b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
		if l.next {
			l.text = append(l.text, '/')
		}
		l.next = flags&0x09 == 0 // it neither goes on nor is the root
		switch {
		case flags&0x02 != 0:
			text = "."
		case flags&0x04 != 0:
			text = ".."
		case flags&0x08 != 0:
			text = "/"
		}
		l.text = append(l.text, text...)
	}
}

// stat puts what Rock Ridge says over what the record says.
func (x *rock) stat(st *fsys.Stat) {
	if x.hasMode {
		st.Mode, st.Links, st.UID, st.GID = fsys.UnixMode(x.mode), x.links, x.uid, x.gid
	}
	for _, v := range []struct{ to, from *time.Time }{
		{&st.Modified, &x.modified}, {&st.Accessed, &x.accessed}, {&st.Changed, &x.changed}, {&st.Created, &x.created},
	} {
		if !v.from.IsZero() {
			*v.to = *v.from
		}
	}
	if x.zisofs != nil && st.Mode.IsRegular() {
		st.Size = x.zisofs.size
	}
	if st.Mode&fs.ModeSymlink != 0 {
		st.Size = int64(len(x.target.text))
	}
}
