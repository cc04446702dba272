package qcow2

import (
	"fmt"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// describeSnapshots says which internal snapshots there are. Their names are
// read as far as they can be.
func (h *header) describeSnapshots(src block.Source) string {
	const shown = 10
	var names []string
	at, fixed := h.snapshotTable, make([]byte, 40)
	for range min(h.snapshots, shown) {
		if at > 1<<62 || block.ReadFull(src, fixed, int64(at)) != nil {
			break
		}
		id, name, extra := uint64(be.Uint16(fixed[12:])), be.Uint16(fixed[14:]), uint64(be.Uint32(fixed[36:]))
		text := make([]byte, min(name, 256))
		if block.ReadFull(src, text, int64(at+40+extra+id)) != nil {
			break
		}
		names = append(names, fmt.Sprintf("%q", text))
		at += (40 + extra + id + uint64(name) + 7) &^ 7
	}
	more := ""
	if uint32(len(names)) < h.snapshots {
		more = ", …"
	}
	return fmt.Sprintf("%d internal snapshots are not shown: %s%s", h.snapshots, strings.Join(names, ", "), more)
}
