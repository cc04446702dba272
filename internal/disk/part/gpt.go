package part

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Limits of a GPT; the usual table has 128 entries of 128 bytes.
const (
	maxGPTEntries = 4096
	maxGPTEntry   = 4096
)

// readGPT reads the GPT behind the first sector, or its copy at the end of the
// disk. found is false when neither is there.
func (t *Table) readGPT(src block.Source) (found bool, err error) {
	var why []string
	for _, sector := range []int64{512, 4096} {
		last := (src.Size()/sector - 1) * sector
		for i, at := range []int64{sector, last} {
			if at < sector || at+sector > src.Size() {
				continue
			}
			signed, entries, size, gerr := gptEntries(src, at, sector)
			if !signed {
				continue
			}
			if gerr != nil {
				why = append(why, fmt.Sprintf("the GPT at byte %d is damaged: %v", at, gerr))
				continue
			}
			t.Scheme = "gpt"
			for _, w := range why {
				t.note("%s", w)
			}
			if i == 1 {
				t.note("read from the second GPT, at the end of the disk")
			}
			t.addGPT(src, entries, size, sector)
			return true, nil
		}
	}
	if len(why) > 0 {
		return false, fmt.Errorf("%w: %s", ErrDamaged, strings.Join(why, "; "))
	}
	return false, nil
}

// gptEntries reads the header at a byte and the array it names, both with
// their checksums. signed tells whether there is a header at all.
func gptEntries(src block.Source, at, sector int64) (signed bool, entries []byte, size int, err error) {
	h := make([]byte, 512)
	if err := block.ReadFull(src, h, at); err != nil || string(h[:8]) != "EFI PART" {
		return false, nil, 0, nil //nolint:nilerr // an unreadable place holds no header
	}
	length := le.Uint32(h[12:])
	if length < 92 || length > 512 {
		return true, nil, 0, fmt.Errorf("header of %d bytes", length)
	}
	want := le.Uint32(h[16:])
	clear(h[16:20])
	if got := crc32.ChecksumIEEE(h[:length]); got != want {
		return true, nil, 0, fmt.Errorf("header has checksum %#x, want %#x", got, want)
	}
	first, n, each := le.Uint64(h[72:]), le.Uint32(h[80:]), le.Uint32(h[84:])
	switch {
	case each < 128 || each > maxGPTEntry || n == 0 || n > maxGPTEntries:
		return true, nil, 0, fmt.Errorf("%d entries of %d bytes", n, each)
	case first > uint64(src.Size()/sector):
		return true, nil, 0, fmt.Errorf("entries at sector %d, beyond the disk", first)
	}
	entries = make([]byte, n*each)
	if err := block.ReadFull(src, entries, int64(first)*sector); err != nil {
		return true, nil, 0, fmt.Errorf("read entries: %w", err)
	}
	if got := crc32.ChecksumIEEE(entries); got != le.Uint32(h[88:]) {
		return true, nil, 0, fmt.Errorf("entries have checksum %#x, want %#x", got, le.Uint32(h[88:]))
	}
	return true, entries, int(each), nil
}

func (t *Table) addGPT(src block.Source, entries []byte, size int, sector int64) {
	for i := 0; (i+1)*size <= len(entries); i++ {
		e := entries[i*size:]
		if bytes.Equal(e[:16], make([]byte, 16)) {
			continue
		}
		p := Partition{Name: fmt.Sprintf("p%d", i+1), Type: "gpt:" + guid(e[:16]), Label: gptLabel(e[56:128])}
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		if last < first || last == ^uint64(0) {
			t.lose("%s ends at sector %d, before its start %d", p.Name, last, first)
			continue
		}
		t.add(src, p, first, last-first+1, sector)
	}
}

// guid writes a GUID in its mixed byte order.
func guid(b []byte) string {
	var o [16]byte
	binary.BigEndian.PutUint32(o[:], le.Uint32(b))
	binary.BigEndian.PutUint16(o[4:], le.Uint16(b[4:]))
	binary.BigEndian.PutUint16(o[6:], le.Uint16(b[6:]))
	copy(o[8:], b[8:16])
	h := hex.EncodeToString(o[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func gptLabel(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		c := le.Uint16(b[i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}
