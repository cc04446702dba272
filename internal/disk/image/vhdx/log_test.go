package vhdx_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/image/vhdx"
)

// change is what a descriptor of a log entry says: a sector, or zeros.
type change struct {
	off  int
	zero int // bytes
	data []byte
}

var logID = []byte("the log's own id")

// entry makes a log entry.
func entry(sequence uint64, tail, fileSize int, changes ...change) []byte {
	n := 0
	for _, c := range changes {
		if c.data != nil {
			n++
		}
	}
	head := (64 + 32*len(changes) + 4095) / 4096 * 4096
	b := make([]byte, head, head+4096*n)
	copy(b, "loge")
	le.PutUint32(b[12:], uint32(tail))
	le.PutUint64(b[16:], sequence)
	le.PutUint32(b[24:], uint32(len(changes)))
	copy(b[32:], logID)
	le.PutUint64(b[48:], uint64(fileSize))
	le.PutUint64(b[56:], uint64(fileSize))
	for i, c := range changes {
		d := b[64+32*i:]
		le.PutUint64(d[16:], uint64(c.off))
		le.PutUint64(d[24:], sequence)
		if c.data == nil {
			copy(d, "zero")
			le.PutUint64(d[8:], uint64(c.zero))
			continue
		}
		copy(d, "desc")
		copy(d[4:8], c.data[4092:])
		copy(d[8:16], c.data)
		s := bytes.Clone(c.data)
		copy(s, "data")
		le.PutUint32(s[4:], uint32(sequence>>32))
		le.PutUint32(s[4092:], uint32(sequence))
		b = append(b, s...)
	}
	le.PutUint32(b[8:], uint32(len(b)))
	resum(b)
	return b
}

// withLog puts entries into the log of an image, at the places given, and says
// so in its headers.
func withLog(file []byte, entries map[int][]byte) []byte {
	out := bytes.Clone(file)
	at := headers[0]
	log, length := int(le.Uint64(out[at+72:])), int(le.Uint32(out[at+68:]))
	for at, e := range entries {
		for i, c := range e { // the log is a ring
			out[log+(at+i)%length] = c
		}
	}
	for _, at := range headers {
		copy(out[at+48:], logID)
		resum(out[at : at+4096])
	}
	return out
}

// replayed gives the disk as QEMU reads it after it replayed the log.
func replayed(t *testing.T, file []byte) []byte {
	t.Helper()
	path := write(t, filepath.Join(t.TempDir(), "copy.vhdx"), file)
	out := disktest.Run(t, disktest.Tool(t, "qemu-img"), "check", "-r", "all", "-f", "vhdx", path)
	if bytes.Equal(read(t, path), file) {
		t.Fatalf("QEMU did not replay the log: %s", out)
	}
	return read(t, disktest.Raw(t, "vhdx", path))
}

func filled(c byte) []byte {
	b := bytes.Repeat([]byte{c}, 4096)
	for i := range 12 { // the bytes that the descriptor keeps
		b[i], b[4095-i] = byte(i)+1, byte(i)+100
	}
	return b
}

func TestLog(t *testing.T) {
	t.Parallel()
	raw, file := small(t, 8<<20, 1)
	table := bat(file)
	swapped := bytes.Clone(file[table : table+4096])
	copy(swapped, file[table+8:table+16])
	copy(swapped[8:], file[table:table+8])
	payload := int(le.Uint64(file[table:]) &^ 7)
	size := len(file)
	stale := entry(3, 0, size, change{off: payload, data: filled(0xEE)})
	first := entry(10, 0x8000, size,
		change{off: payload + 8192, data: filled(1)}, change{off: payload + 16384, zero: 12288}, change{off: table, data: swapped})
	second := entry(11, 0x8000, size, change{off: payload + 20480, data: filled(2)}, change{off: payload + 8192, data: filled(3)})
	third := entry(12, 0x8000, size, change{off: payload, zero: 4096}, change{off: payload + 4096, data: filled(4)}, change{off: payload + 4096, zero: 4096})
	broken := bytes.Clone(third)
	broken[5000]++
	at2, at3 := 0x8000+len(first), 0x8000+len(first)+len(second)
	ring := 1 << 20
	var many []change
	for i := range 200 {
		many = append(many, change{off: payload + 4096*(i%100), data: filled(byte(i))})
	}
	around := entry(20, ring-8192, size, many[:100]...)
	for _, c := range []struct {
		name    string
		entries map[int][]byte
	}{
		{"one", map[int][]byte{0: entry(1, 0, size, change{off: payload, data: filled(9)})}},
		{"three", map[int][]byte{0x8000: first, at2: second, at3: third}},
		{"stale before", map[int][]byte{0: stale, 0x8000: first, at2: second, at3: third}},
		{"last one broken", map[int][]byte{0x8000: first, at2: second, at3: broken}},
		{"around the end", map[int][]byte{ring - 8192: around}},
		{"zeros over all", map[int][]byte{0: entry(5, 0, size, change{off: payload, data: filled(1)}, change{off: payload, zero: 1 << 20})}},
		{"no changes", map[int][]byte{0: entry(5, 0, size)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dirty := withLog(file, c.entries)
			d := hold(t, dirty, replayed(t, dirty), image.Options{})
			if len(d.Notes) != 1 || d.Incomplete || !strings.Contains(d.Notes[0], "replayed") {
				t.Errorf("notes %q, incomplete %t", d.Notes, d.Incomplete)
			}
			disktest.DamageImage(t, vhdx.Format{}, write(t, filepath.Join(t.TempDir(), "dirty"), dirty), 20)
		})
	}
	// QEMU takes later entries for a sequence of their own here.
	alone := hold(t, withLog(file, map[int][]byte{0x8000: first, at2: third}), replayed(t, withLog(file, map[int][]byte{0x8000: first})), image.Options{})
	if len(alone.Notes) != 1 || !alone.Incomplete {
		t.Errorf("gap in the numbers: notes %q, incomplete %t", alone.Notes, alone.Incomplete)
	}
	// QEMU refuses entries whose descriptors take several sectors.
	want := bytes.Clone(raw)
	for i := range many {
		copy(want[4096*(i%100):], many[i].data)
	}
	hold(t, withLog(file, map[int][]byte{0: entry(5, 0, size, many...)}), want, image.Options{})
	for name, entries := range map[string]map[int][]byte{
		"empty":   {},
		"broken":  {0: broken},
		"no tail": {0x8000 + len(first): second},
	} {
		if d := hold(t, withLog(file, entries), raw, image.Options{}); len(d.Notes) != 1 || !d.Incomplete {
			t.Errorf("%s: notes %q, incomplete %t", name, d.Notes, d.Incomplete)
		}
	}
	if _, err := open(t, withLog(file, map[int][]byte{0: entry(1, 0, size+1<<20)}), image.Options{}); err == nil {
		t.Error("a file that was cut short after its log was written is read")
	}
}

// TestLogGrows replays a log that makes the file longer.
func TestLogGrows(t *testing.T) {
	t.Parallel()
	raw, file := small(t, 8<<20, 1)
	table := bat(file)
	end := (len(file) + 1<<20 - 1) >> 20 << 20
	moved := bytes.Clone(file[table : table+4096])
	le.PutUint64(moved, uint64(end)|6)
	e := entry(1, 0, len(file), change{off: table, data: moved}, change{off: end + 8192, data: filled(7)})
	le.PutUint64(e[56:], uint64(end+1<<20))
	resum(e)
	clear(raw[:1<<20])
	copy(raw[8192:], filled(7))
	hold(t, withLog(file, map[int][]byte{0: e}), raw, image.Options{})
}
