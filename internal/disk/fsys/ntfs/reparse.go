package ntfs

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Reparse tags ([MS-FSCC] 2.1.2.1) that say what a node is.
const (
	tagJunction = 0xA0000003
	tagSymlink  = 0xA000000C
	tagNFS      = 0x80000014
	tagLXLink   = 0xA000001D
	tagSocket   = 0x80000023
	tagLXFifo   = 0x80000024
	tagLXChar   = 0x80000025
	tagLXBlock  = 0x80000026
	tagDedup    = 0x80000013
	tagWOF      = 0x80000017
	tagCloud    = 0x9000001A // the four bits above 12 number the provider
	cloudMask   = 0xFFFF0FFF
)

// placeholders names the tags of files whose bytes may lie elsewhere: what is
// a hole here is data there.
var placeholders = map[uint32]string{
	tagCloud: "cloud files (OneDrive)", 0x80000021: "OneDrive", 0xC0000004: "hierarchical storage", 0x80000006: "hierarchical storage",
	0x80000007: "single instance storage", 0x8000001E: "Azure File Sync", 0x9000001C: "projected file system",
	0x80000018: "container layer", 0x90001018: "container layer", 0x80000020: "container layer",
	0x80000008: "WIM mount", 0x80000009: "cluster shared volume", 0x80000012: "replicated file system",
}

const maxReparse = 16 << 10 // bytes of data behind a reparse point's header

// reparseValue reads a reparse point: its tag and data.
func (f *file) reparseValue(a attr) (tag uint32, data []byte, err error) {
	b, err := f.value(a, maxReparse+24)
	if err == nil && (len(b) < 8 || int(le.Uint16(b[4:])) > len(b)-8) {
		err = block.Damaged("%d bytes", len(b))
	}
	if err != nil {
		return 0, nil, fmt.Errorf("MFT record %d: reparse point: %w", f.rec.num, err)
	}
	tag, data = le.Uint32(b), b[8:8+int(le.Uint16(b[4:]))]
	if tag&0x80000000 == 0 { // not Microsoft's: a GUID comes first
		data, _ = cut(b, 24, uint64(len(data)))
	}
	return tag, data, nil
}

// reparseKind tells what a node with a reparse point is.
func (n *node) reparseKind() (mode fs.FileMode, target string, err error) {
	switch n.tag {
	case tagJunction:
		target, err = n.windowsLink(8)
		return fs.ModeSymlink, target, err
	case tagSymlink:
		target, err = n.windowsLink(12)
		return fs.ModeSymlink, target, err
	case tagLXLink:
		// A version comes before the target, which is bytes and no UTF-16.
		if len(n.reparse) < 4 {
			return 0, "", n.badReparse()
		}
		return fs.ModeSymlink, string(n.reparse[4:]), nil
	case tagSocket:
		return fs.ModeSocket, "", nil
	case tagLXFifo:
		return fs.ModeNamedPipe, "", nil
	case tagLXChar:
		return fs.ModeDevice | fs.ModeCharDevice, "", nil
	case tagLXBlock:
		return fs.ModeDevice, "", nil
	case tagNFS:
		return n.nfsKind()
	}
	if n.isDir() {
		return fs.ModeDir, "", nil
	}
	return 0, "", nil
}

func (n *node) badReparse() error {
	return block.Damaged("MFT record %d: reparse point %#x with %d bytes", n.rec.num, n.tag, len(n.reparse))
}

// windowsLink gives the target of a symbolic link or a junction; the paths are
// behind at bytes of header.
func (n *node) windowsLink(at int) (string, error) {
	b := n.reparse
	if len(b) < at {
		return "", n.badReparse()
	}
	name, ok := cut(b[at:], uint64(le.Uint16(b)), uint64(le.Uint16(b[2:])))
	if !ok {
		return "", n.badReparse()
	}
	return linkTarget(text(name)), nil
}

// linkTarget turns Windows' own form of a path into the one that people know.
// One that is relative, to the link or to the volume, gets slashes; one with a
// drive, a volume or a server stays as it is.
func linkTarget(s string) string {
	for _, prefix := range []string{`\??\`, `\\?\`, `\\.\`} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			if share, ok := strings.CutPrefix(rest, `UNC\`); ok {
				return `\\` + share
			}
			return rest
		}
	}
	if strings.HasPrefix(s, `\\`) || len(s) >= 2 && s[1] == ':' {
		return s
	}
	return strings.ReplaceAll(s, `\`, "/")
}

// Types of an NFS reparse point ([MS-FSCC] 2.1.2.6).
const (
	nfsLink   = 0x014B4E4C
	nfsChar   = 0x00524843
	nfsBlock  = 0x004B4C42
	nfsFifo   = 0x4F464946
	nfsSocket = 0x4B434F53
)

func (n *node) nfsKind() (fs.FileMode, string, error) {
	if len(n.reparse) < 8 {
		return 0, "", n.badReparse()
	}
	switch le.Uint64(n.reparse) {
	case nfsLink:
		return fs.ModeSymlink, text(n.reparse[8:]), nil
	case nfsChar:
		return fs.ModeDevice | fs.ModeCharDevice, "", nil
	case nfsBlock:
		return fs.ModeDevice, "", nil
	case nfsFifo:
		return fs.ModeNamedPipe, "", nil
	case nfsSocket:
		return fs.ModeSocket, "", nil
	}
	return 0, "", block.Unsupported("MFT record %d: NFS special file of type %#x", n.rec.num, le.Uint64(n.reparse))
}

// reparsed opens the bytes of a file with a reparse point.
func (n *node) reparsed() (fsys.Data, error) {
	switch {
	case n.tag == tagWOF:
		return n.wof()
	case n.tag == tagDedup:
		return nil, block.Unsupported("MFT record %d: data deduplication", n.rec.num)
	case n.data.typ == 0:
		return resident(nil), nil
	}
	name := placeholders[n.tag]
	if n.tag&cloudMask == tagCloud {
		name = placeholders[tagCloud]
	}
	if name == "" {
		name = "its reparse point"
	}
	absent := block.Unsupported("MFT record %d: bytes kept elsewhere by %s (tag %#x)", n.rec.num, name, n.tag)
	d, err := n.open(n.data)
	if err != nil {
		return nil, err
	}
	var m *mapped
	switch d := d.(type) {
	case *mapped:
		m = d
	case *compressed:
		m = d.mapped
	default:
		return d, nil
	}
	if m.size > 0 && (m.valid == 0 || n.data.compressed == 0) {
		return nil, absent
	}
	// The bytes that were never written are zeros only for who owns them.
	m.absent = absent
	return d, nil
}

// Sizes and starts of the files by which Services for UNIX and ntfs-3g keep
// what Windows has no type for.
const (
	interixLink  = "IntxLNK\x01"
	interixChar  = "IntxCHR\x00"
	interixBlock = "IntxBLK\x00"
	maxInterix   = 8 + 2*4096
)

// interixKind tells what a file with the system attribute is.
func (n *node) interixKind() (fs.FileMode, string, error) {
	size := n.data.length()
	switch {
	case size == 0 && n.attrs&fileHidden == 0:
		return fs.ModeNamedPipe, "", nil
	case size == 1 && n.attrs&fileHidden == 0:
		return fs.ModeSocket, "", nil
	case size <= 8 || size > maxInterix || n.data.flags&attrEncrypted != 0:
		return 0, "", nil
	}
	b, err := n.value(n.data, maxInterix)
	if err != nil {
		return 0, "", err
	}
	switch magic := string(b[:8]); {
	case magic == interixLink:
		return fs.ModeSymlink, text(b[8:]), nil
	case magic == interixChar && size == 24:
		return fs.ModeDevice | fs.ModeCharDevice, "", nil
	case magic == interixBlock && size == 24:
		return fs.ModeDevice, "", nil
	}
	return 0, "", nil
}
