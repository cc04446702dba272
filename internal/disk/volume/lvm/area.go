package lvm

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxText bounds the metadata of a volume group, in bytes: a group with 10,000
// volumes takes about 4 MiB.
const maxText = 8 << 20

// text is where metadata lies and what group it is of. The text itself is read
// again when it turns out to be the newest.
type text struct {
	src      block.Source
	area     block.Extent
	off, n   int64 // within the area, which is a ring
	sum      uint32
	id, name string // of the group
	seqno    int64
}

// readArea reads the header of a metadata area and the text it points at; both
// are nothing when the area is empty. A note tells of damage.
func (p *physical) readArea(src block.Source, area block.Extent) (*text, string) {
	b := make([]byte, sector)
	fail := func(format string, args ...any) (*text, string) {
		return nil, fmt.Sprintf("metadata area at byte %d: ", area.Offset) + fmt.Sprintf(format, args...)
	}
	if err := block.ReadFull(src, b, area.Offset); err != nil {
		return fail("%v", err)
	}
	if string(b[4:20]) != " LVM2 x[5A%r0N*>" {
		return fail("no header")
	}
	if got, want := sum(b[4:]), le.Uint32(b); got != want {
		return fail("header has checksum %#x, want %#x", got, want)
	}
	off, n, ignored := le.Uint64(b[40:]), le.Uint64(b[48:]), le.Uint32(b[60:])&1 != 0
	if off == 0 || ignored {
		return nil, ""
	}
	if off < sector || off >= uint64(area.Length) || n == 0 || n > uint64(area.Length)-sector || n > maxText {
		return fail("text of %d bytes at byte %d", n, off)
	}
	t := &text{src: src, area: area, off: int64(off), n: int64(n), sum: le.Uint32(b[56:])}
	root, err := t.read()
	if err != nil {
		return fail("%v", err)
	}
	for _, e := range root.entries {
		if vg, ok := e.value.(*section); ok {
			t.name, t.id, t.seqno = e.key, vg.text("id"), vg.number("seqno")
			return t, ""
		}
	}
	return fail("no volume group in the text")
}

// read gives the text's content, checked and parsed.
func (t *text) read() (*section, error) {
	b := make([]byte, t.n)
	first := min(t.n, t.area.Length-t.off)
	if err := block.ReadFull(t.src, b[:first], t.area.Offset+t.off); err != nil {
		return nil, fmt.Errorf("read text: %w", err)
	}
	if err := block.ReadFull(t.src, b[first:], t.area.Offset+sector); err != nil {
		return nil, fmt.Errorf("read text: %w", err)
	}
	if got := sum(b); got != t.sum {
		return nil, block.Damaged("text has checksum %#x, want %#x", got, t.sum)
	}
	return parse(string(b))
}
