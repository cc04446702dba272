// Package registry reads the hives of the Windows registry, the files that hold
// its keys and values: SAM, SECURITY, SYSTEM, SOFTWARE, NTUSER.DAT.
//
// It follows the format as Maxim Suhanov's "Windows registry file format
// specification" describes it, versions 1.3 to 1.6. Transaction logs are not
// applied: a hive that was in use is read as it lies there, see [Hive.Dirty].
//
// Every byte is taken as hostile. A hive is given a number of steps; when they
// are used up, keys and values end early and [Hive.Truncated] tells so.
package registry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf16"
)

const (
	baseSize = 0x1000 // of the base block, in bytes; offsets of cells start behind it
	segment  = 16344  // bytes of a value in one part of a big value
	maxValue = 1 << 20
	maxName  = 512 // bytes; a name has at most 255 characters
	maxSteps = 1 << 20
	perStep  = 64 // bytes read that cost one step more
	maxList  = 1 << 20
	noCell   = 0xFFFFFFFF
)

// Types of values.
const (
	String    = 1
	Expand    = 2
	Binary    = 3
	DWord     = 4
	MultiText = 7
)

// ErrFormat is what errors of a file that is no hive wrap.
var ErrFormat = errors.New("no registry hive")

// Hive is one hive. It is for one goroutine.
type Hive struct {
	src   *source
	steps int
	root  uint32
	minor uint32
	// Dirty tells that the hive was not closed cleanly: its newest changes may lie
	// in its log only.
	Dirty bool
	// Sound tells that the checksum of the base block holds.
	Sound bool
	// Truncated tells that a key or value could not be read: it is damaged, lies
	// behind the end of what there is, or the steps are used up.
	Truncated bool
}

// Open reads the base block of a hive of the given size in bytes. It reads a
// file from its start, also when only its first bytes are there.
func Open(r io.ReaderAt, size int64) (*Hive, error) {
	h := &Hive{src: &source{r: r, size: size}, steps: maxSteps}
	return h, h.open()
}

// OpenBytes is [Open] for a hive in memory.
func OpenBytes(b []byte) (*Hive, error) {
	h := &Hive{src: &source{data: b, size: int64(len(b))}, steps: maxSteps}
	return h, h.open()
}

func (h *Hive) open() error {
	b, ok := h.src.view(0, 512)
	if !ok {
		return fmt.Errorf("base block: expected 512 bytes, found %d: %w", h.src.size, ErrFormat)
	}
	if string(b[:4]) != "regf" {
		return fmt.Errorf("base block: expected regf at offset 0: %w", ErrFormat)
	}
	if major := le32(b[20:]); major != 1 {
		return fmt.Errorf("base block: expected version 1 at offset 20, found %d: %w", major, ErrFormat)
	}
	if kind := le32(b[28:]); kind > 1 {
		return fmt.Errorf("base block: expected a primary file, type 0 or 1 at offset 28, found %d: %w", kind, ErrFormat)
	}
	h.minor, h.root = le32(b[24:]), le32(b[36:])
	h.Dirty = le32(b[4:]) != le32(b[8:])
	h.Sound = checksum(b) == le32(b[508:])
	first, ok := h.src.view(baseSize, 4)
	if !ok || string(first) != "hbin" {
		return fmt.Errorf("first bin: expected hbin at offset %d: %w", baseSize, ErrFormat)
	}
	return nil
}

// checksum is that of a base block: its first 127 words by exclusive or.
func checksum(b []byte) uint32 {
	sum := uint32(0)
	for i := range 127 {
		sum ^= le32(b[4*i:])
	}
	switch sum {
	case 0:
		return 1
	case 0xFFFFFFFF:
		return 0xFFFFFFFE
	}
	return sum
}

func le16(b []byte) int    { return int(binary.LittleEndian.Uint16(b)) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// step takes one of the hive's steps.
func (h *Hive) step() bool {
	if h.steps <= 0 {
		h.Truncated = true
		return false
	}
	h.steps--
	return true
}

// cell gives up to want bytes of a cell's data and where they start in the file,
// in bytes. It gives fewer where the cell is shorter.
func (h *Hive) cell(off uint32, want int64) (b []byte, at int64, ok bool) {
	if off == noCell || !h.step() {
		return nil, 0, false
	}
	at = baseSize + int64(off)
	head, ok := h.src.view(at, 4)
	if !ok {
		h.Truncated = true
		return nil, 0, false
	}
	// An allocated cell has its size as a negative number.
	n := -int64(int32(le32(head)))
	if n < 8 {
		h.Truncated = true
		return nil, 0, false
	}
	b, ok = h.src.view(at+4, min(n-4, want))
	h.steps -= (len(b) + h.src.read) / perStep
	h.src.read = 0
	h.Truncated = h.Truncated || !ok
	return b, at + 4, ok
}

// Key is one key of a hive.
type Key struct {
	h     *Hive
	fixed [76]byte // of its cell
	name  string
}

// Root gives the key that all others lie under.
func (h *Hive) Root() (Key, bool) { return h.key(h.root) }

// key reads a key's cell.
func (h *Hive) key(off uint32) (Key, bool) {
	b, _, ok := h.cell(off, 76+maxName)
	if !ok || len(b) < 76 || string(b[:2]) != "nk" {
		h.Truncated = true
		return Key{}, false
	}
	k := Key{h: h}
	copy(k.fixed[:], b)
	n := le16(b[72:])
	if 76+n > len(b) {
		h.Truncated = true
		return Key{}, false
	}
	k.name = text(b[76:76+n], le16(b[2:])&0x20 != 0)
	return k, true
}

// text reads a name: one byte a character, or two.
func text(b []byte, narrow bool) string {
	if !narrow {
		return UTF16(b)
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// UTF16 reads text as values hold it, up to a zero.
func UTF16(b []byte) string {
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// Name is the key's own, without those above it.
func (k Key) Name() string { return k.name }

// Class is the text that some keys carry, empty without one.
func (k Key) Class() string {
	n := int64(le16(k.fixed[74:]))
	if n == 0 {
		return ""
	}
	b, _, ok := k.h.cell(le32(k.fixed[48:]), n)
	if !ok || int64(len(b)) < n {
		return ""
	}
	return UTF16(b)
}

// Keys gives the keys right under this one, in the hive's order.
func (k Key) Keys() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		if le32(k.fixed[20:]) > 0 {
			k.h.list(le32(k.fixed[28:]), true, yield)
		}
	}
}

// list walks a list of keys; a list of lists may stand at the top only, so that
// there are no loops.
func (h *Hive) list(off uint32, top bool, yield func(Key) bool) bool {
	b, _, ok := h.cell(off, 4+8*0xFFFF)
	if !ok || len(b) < 4 {
		return true
	}
	kind, n, each := string(b[:2]), le16(b[2:]), 4
	switch kind {
	case "lf", "lh":
		each = 8
	case "li":
	case "ri":
		if !top {
			h.Truncated = true
			return true
		}
	default:
		h.Truncated = true
		return true
	}
	if have := (len(b) - 4) / each; have < n {
		h.Truncated = true
		n = have
	}
	for i := range n {
		to := le32(b[4+each*i:])
		if kind == "ri" {
			if !h.list(to, false, yield) {
				return false
			}
			continue
		}
		if h.steps <= 0 {
			h.Truncated = true
			return false
		}
		if k, ok := h.key(to); ok && !yield(k) {
			return false
		}
	}
	return true
}

// Key goes down a path of names, compared without regard to case.
func (k Key) Key(path ...string) (Key, bool) {
	for _, name := range path {
		found := false
		for sub := range k.Keys() {
			if strings.EqualFold(sub.name, name) {
				k, found = sub, true
				break
			}
		}
		if !found {
			return Key{}, false
		}
	}
	return k, true
}

// Value is one value of a key. Data is at most 1 MiB of it.
type Value struct {
	Name    string // empty for the key's default
	Type    uint32
	RawName []byte // as it lies in the file, at NameAt
	NameAt  int64
	Data    []byte
	// At is where Data starts in the file, in bytes; of a value in several parts
	// Data's first 16344 bytes lie there.
	At int64
}

// Contiguous is how many bytes of Data lie at At.
func (v Value) Contiguous() int {
	return min(len(v.Data), segment)
}

// Text is the value as text, empty for a value that holds none.
func (v Value) Text() string {
	if v.Type != String && v.Type != Expand && v.Type != MultiText {
		return ""
	}
	return UTF16(v.Data)
}

// Values gives the key's values, in the hive's order.
func (k Key) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		n := min(int64(le32(k.fixed[36:])), maxList)
		if n == 0 {
			return
		}
		b, _, ok := k.h.cell(le32(k.fixed[40:]), 4*n)
		if !ok {
			return
		}
		if int64(len(b)/4) < n {
			k.h.Truncated = true
		}
		for ; len(b) >= 4; b = b[4:] {
			if k.h.steps <= 0 {
				k.h.Truncated = true
				return
			}
			if v, ok := k.h.value(le32(b)); ok && !yield(v) {
				return
			}
		}
	}
}

// Value gives a value by its name, without regard to case.
func (k Key) Value(name string) (Value, bool) {
	for v := range k.Values() {
		if strings.EqualFold(v.Name, name) {
			return v, true
		}
	}
	return Value{}, false
}

func (h *Hive) value(off uint32) (Value, bool) {
	b, at, ok := h.cell(off, 20+maxName)
	if !ok || len(b) < 20 || string(b[:2]) != "vk" || 20+le16(b[2:]) > len(b) {
		h.Truncated = true
		return Value{}, false
	}
	v := Value{RawName: b[20 : 20+le16(b[2:])], NameAt: at + 20, Type: le32(b[12:])}
	v.Name = text(v.RawName, le16(b[16:])&1 != 0)
	size := le32(b[4:])
	switch n := int64(size &^ 0x80000000); {
	case size&0x80000000 != 0: // in the cell itself
		if n > 4 {
			h.Truncated = true
			return Value{}, false
		}
		v.Data, v.At = b[8:8+n], at+8
	case n == 0:
		v.At = at + 8
	default:
		v.Data, v.At, ok = h.big(le32(b[8:]), min(n, maxValue))
	}
	return v, ok
}

// big reads a value's own cell, or the several of a big one.
func (h *Hive) big(off uint32, n int64) (data []byte, at int64, ok bool) {
	b, at, ok := h.cell(off, n)
	if !ok {
		return nil, 0, false
	}
	if n <= segment || h.minor < 4 || len(b) < 8 || string(b[:2]) != "db" {
		h.Truncated = h.Truncated || int64(len(b)) < n
		return b, at, int64(len(b)) == n
	}
	parts := le16(b[2:])
	list, _, ok := h.cell(le32(b[4:]), 4*int64(parts))
	if !ok || len(list) < 4*parts {
		h.Truncated = true
		return nil, 0, false
	}
	for i := range parts {
		part, where, ok := h.cell(le32(list[4*i:]), min(segment, n-int64(len(data))))
		if !ok {
			return nil, 0, false
		}
		if i == 0 {
			at = where
		}
		data = append(data, part...)
		if int64(len(data)) >= n {
			return data, at, true
		}
	}
	h.Truncated = true
	return nil, 0, false
}
