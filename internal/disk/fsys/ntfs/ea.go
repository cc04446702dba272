package ntfs

import (
	"bytes"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxEA bounds the extended attributes of a file (Windows: 64 KiB).
const maxEA = 128 << 10

// extended gives a file's extended attributes ([MS-FSCC] 2.4.16).
func (n *node) extended(yield func(name string, value []byte)) error {
	b, err := n.value(n.ea, maxEA)
	if err != nil {
		return fmt.Errorf("MFT record %d: extended attributes: %w", n.rec.num, err)
	}
	for len(b) >= 8 {
		next, nameLen := uint64(le.Uint32(b)), uint64(b[5])
		entry, ok := cut(b, 8, nameLen+1+uint64(le.Uint16(b[6:])))
		if !ok {
			return block.Damaged("MFT record %d: extended attribute of %d bytes in %d", n.rec.num, le.Uint16(b[6:]), len(b))
		}
		if nameLen > 0 {
			yield(string(entry[:nameLen]), entry[nameLen+1:])
		}
		if next == 0 {
			break
		}
		if next < 8 || next > uint64(len(b)) {
			return block.Damaged("MFT record %d: extended attribute of %d bytes in %d", n.rec.num, next, len(b))
		}
		b = b[next:]
	}
	return nil
}

// Attributes implements [fsys.Attributer]: the extended attributes by their
// names as they stand, which Linux gives its own ones, too.
func (t *tree) Attributes(id fsys.ID) (map[string][]byte, error) {
	n, err := t.node(id)
	if err != nil || n.ea.typ == 0 || n.stream != 0 {
		return nil, err
	}
	out := map[string][]byte{}
	err = n.extended(func(name string, value []byte) { out[name] = bytes.Clone(value) })
	return out, err
}

// linuxOwner takes owner and permissions that Linux on Windows keeps.
func (n *node) linuxOwner(st *fsys.Stat) error {
	return n.extended(func(name string, value []byte) {
		if len(value) != 4 {
			return
		}
		switch v := le.Uint32(value); name {
		case "$LXUID":
			st.UID = v
		case "$LXGID":
			st.GID = v
		case "$LXMOD":
			st.Mode = st.Mode.Type() | permissions(v)
		}
	})
}
