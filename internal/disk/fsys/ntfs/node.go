package ntfs

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Bits of the file attributes in $STANDARD_INFORMATION.
const (
	fileReadOnly = 0x1
	fileHidden   = 0x2
	fileSystem   = 0x4
)

// node is a file with what its attributes tell, read in one pass.
type node struct {
	*file
	stream uint16
	times  [4]time.Time // created, modified, changed, accessed
	attrs  uint32       // file attributes
	names  uint32       // without 8.3 aliases
	data   attr         // the stream that the node stands for; typ is 0 when there is none
	packed attr         // the stream WofCompressedData
	tag    uint32       // of the reparse point; 0 when there is none
	// reparse is the reparse point's data.
	reparse []byte
	ea      attr
}

const nodeMask = 1<<(typStandard>>4) | 1<<(typFileName>>4) | 1<<(typData>>4) | 1<<(typReparse>>4) | 1<<(typEA>>4)

// wofName is the stream that holds the bytes of a file that Windows compressed.
const wofName = "WofCompressedData"

func (t *tree) node(id fsys.ID) (*node, error) {
	num, seq, stream := splitID(id)
	f, err := t.file(num, seq)
	if err != nil {
		return nil, err
	}
	return f.node(stream)
}

func (f *file) node(stream uint16) (*node, error) {
	n := &node{file: f, stream: stream}
	streams, point := uint16(0), attr{}
	err := f.each(nodeMask, func(a attr) bool {
		switch a.typ {
		case typStandard:
			if a.resident && len(a.value) >= 36 {
				for i := range n.times {
					n.times[i] = fileTime(le.Uint64(a.value[8*i:]))
				}
				n.attrs = le.Uint32(a.value[32:])
			}
		case typFileName:
			if a.resident && len(a.value) >= 66 && a.value[65] != namespaceDOS {
				n.names++
			}
		case typData:
			if len(a.name) > 0 && streams < 1<<16-1 {
				streams++
			}
			if len(a.name) == 0 && stream == 0 || len(a.name) > 0 && streams == stream {
				n.data = a
			}
			if a.named(wofName) {
				n.packed = a
			}
		case typReparse:
			point = a
		case typEA:
			n.ea = a
		}
		return true
	})
	if err != nil && !f.deleted {
		return nil, err
	}
	if stream != 0 && n.data.typ == 0 {
		return nil, block.Damaged("MFT record %d has no stream %d", f.rec.num, stream)
	}
	if point.typ == 0 {
		return n, nil
	}
	n.tag, n.reparse, err = f.reparseValue(point)
	return n, err
}

// fileTime turns a time in units of 100 ns since 1601 into Go's.
func fileTime(v uint64) time.Time {
	const perSecond, to1970 = 10_000_000, 11_644_473_600
	return time.Unix(int64(v/perSecond)-to1970, int64(v%perSecond)*100).UTC()
}

// isDir tells whether the record is a directory's.
func (n *node) isDir() bool { return n.stream == 0 && n.rec.flag(recordDirectory) }

// kind tells what type of node it is, and the target of a link.
func (n *node) kind() (mode fs.FileMode, target string, err error) {
	switch {
	case n.stream != 0:
		return 0, "", nil
	case n.tag != 0:
		return n.reparseKind()
	case n.isDir():
		return fs.ModeDir, "", nil
	case n.attrs&fileSystem != 0:
		return n.interixKind()
	}
	return 0, "", nil
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	n, err := t.node(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	return n.stat()
}

func (n *node) stat() (fsys.Stat, error) {
	mode, target, err := n.kind()
	if err != nil {
		return fsys.Stat{}, err
	}
	st := fsys.Stat{
		ID: nodeID(n.rec.num, n.rec.seq(), n.stream), Mode: mode | 0o777, Links: n.names,
		Created: n.times[0], Modified: n.times[1], Changed: n.times[2], Accessed: n.times[3],
	}
	if n.attrs&fileReadOnly != 0 && !mode.IsDir() {
		st.Mode &^= 0o222
	}
	switch {
	case mode&fs.ModeSymlink != 0:
		st.Size = int64(len(target))
	case mode.IsRegular():
		if n.data.length() > 1<<62 {
			return fsys.Stat{}, block.Damaged("MFT record %d: stream of %d bytes", n.rec.num, n.data.length())
		}
		st.Size = int64(n.data.length())
		st.Encrypted = n.data.flags&attrEncrypted != 0
	}
	if n.ea.typ != 0 {
		if err := n.linuxOwner(&st); err != nil {
			return fsys.Stat{}, err
		}
	}
	return st, nil
}

// ReadLink implements [fsys.Tree].
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	n, err := t.node(id)
	if err != nil {
		return "", err
	}
	mode, target, err := n.kind()
	if err == nil && mode&fs.ModeSymlink == 0 {
		err = fmt.Errorf("MFT record %d: want a symbolic link, found %s", n.rec.num, fsys.TypeName(mode))
	}
	return target, err
}

// Streams implements [fsys.Streamer].
func (t *tree) Streams(id fsys.ID) ([]fsys.Entry, error) {
	num, seq, stream := splitID(id)
	if stream != 0 {
		return nil, nil
	}
	f, err := t.file(num, seq)
	if err != nil {
		return nil, err
	}
	list, err := f.streams()
	for i := range list {
		list[i].ID |= nodeID(num, f.rec.seq(), 0)
	}
	return list, err
}

// streams lists the named streams with their places among them. The bytes that
// Windows compressed are the file's own and no further stream.
func (f *file) streams() (list []fsys.Entry, err error) {
	index, wof, odd := uint16(0), -1, error(nil)
	mask := uint32(1<<(typData>>4) | 1<<(typReparse>>4))
	err = f.each(mask, func(a attr) bool {
		if a.typ == typReparse {
			if tag, _, terr := f.reparseValue(a); terr == nil && tag == tagWOF && wof >= 0 {
				list = append(list[:wof], list[wof+1:]...)
			}
			return true
		}
		if len(a.name) == 0 || index == 1<<16-1 {
			return true
		}
		index++
		name := text(a.name)
		if !validName(name) {
			odd = block.Damaged("MFT record %d: stream named %q", f.rec.num, name)
			return true
		}
		if name == wofName {
			wof = len(list)
		}
		list = append(list, fsys.Entry{Name: name, ID: fsys.ID(index)})
		return true
	})
	if err == nil {
		err = odd
	}
	return list, err
}

// system opens the bytes of one of the volume's own files.
func (t *tree) system(num uint64) (fsys.Data, error) {
	f, err := t.file(num, 0)
	if err != nil {
		return nil, err
	}
	n, err := f.node(0)
	if err != nil {
		return nil, err
	}
	return n.bytes()
}

// permissions turns the mode bits of Linux without the type into Go's.
func permissions(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0x800: fs.ModeSetuid, 0x400: fs.ModeSetgid, 0x200: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= flag
		}
	}
	return mode
}
