// Package registrytest writes registry hives for tests: as Windows lays them
// out, but for the space that it leaves free.
package registrytest

import (
	"encoding/binary"
	"unicode/utf16"
)

// Key is a key to write.
type Key struct {
	Name   string
	Class  string
	Keys   []*Key
	Values []Value
}

// Value is a value to write.
type Value struct {
	Name string
	Type uint32
	Data []byte
}

// Text is a value of text.
func Text(name, s string) Value { return Value{name, 1, append(UTF16(s), 0, 0)} }

// UTF16 is text as a hive holds it.
func UTF16(s string) []byte {
	var b []byte
	for _, c := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

// perList is how many keys stand in one list; more of them make a list of lists.
const perList = 500

// Hive writes a hive of version 1.5 with lists of the given kind: lf, lh or li.
func Hive(root *Key, list string) []byte {
	w := &writer{kind: list, b: make([]byte, 32)}
	w.security()
	at := w.key(root, 0xFFFFFFFF, 0x2C)
	if rest := (len(w.b) + 8) % 4096; rest != 0 { // one bin, the end of it free
		n := 4096 - rest + 8
		free := make([]byte, n)
		binary.LittleEndian.PutUint32(free, uint32(n))
		w.b = append(w.b, free...)
	}
	for len(w.b)%4096 != 0 {
		w.b = append(w.b, 0)
	}
	copy(w.b, "hbin")
	binary.LittleEndian.PutUint32(w.b[8:], uint32(len(w.b)))
	head := make([]byte, 4096)
	copy(head, "regf")
	for at, v := range map[int]uint32{4: 1, 8: 1, 20: 1, 24: 5, 32: 1, 36: at, 40: uint32(len(w.b)), 44: 1} {
		binary.LittleEndian.PutUint32(head[at:], v)
	}
	sum := uint32(0)
	for i := range 127 {
		sum ^= binary.LittleEndian.Uint32(head[4*i:])
	}
	binary.LittleEndian.PutUint32(head[508:], sum)
	return append(head, w.b...)
}

type writer struct {
	b    []byte
	kind string
	sk   uint32 // the security descriptor that all keys share
	keys uint32
}

// security writes an empty descriptor, linked to itself.
func (w *writer) security() {
	b := append([]byte("sk"), make([]byte, 38)...)
	binary.LittleEndian.PutUint32(b[16:], 20)
	b[20], b[23] = 1, 0x80 // revision 1, relative to itself
	w.sk = w.cell(b)
	binary.LittleEndian.PutUint32(w.b[w.sk+4+4:], w.sk)
	binary.LittleEndian.PutUint32(w.b[w.sk+4+8:], w.sk)
}

// cell writes a cell and gives its offset.
func (w *writer) cell(data []byte) uint32 {
	at := len(w.b)
	n := (len(data) + 4 + 7) &^ 7
	c := make([]byte, n)
	binary.LittleEndian.PutUint32(c, uint32(-int32(n)))
	copy(c[4:], data)
	w.b = append(w.b, c...)
	return uint32(at)
}

// name gives a name as the hive holds it, and the flag for one byte a character.
func name(s string, flag uint16) ([]byte, uint16) {
	var b []byte
	for _, r := range s {
		if r > 0xFF {
			return UTF16(s), 0
		}
		b = append(b, byte(r))
	}
	return b, flag
}

func (w *writer) key(k *Key, parent uint32, flags uint16) uint32 {
	text, narrow := name(k.Name, 0x20)
	nk := make([]byte, 76, 76+len(text))
	copy(nk, "nk")
	put := binary.LittleEndian.PutUint32
	binary.LittleEndian.PutUint16(nk[2:], flags&^0x20|narrow)
	put(nk[16:], parent)
	put(nk[20:], uint32(len(k.Keys)))
	for _, at := range []int{28, 32, 40, 44, 48} {
		put(nk[at:], 0xFFFFFFFF)
	}
	put(nk[36:], uint32(len(k.Values)))
	put(nk[44:], w.sk)
	w.keys++
	put(w.b[w.sk+4+12:], w.keys)
	binary.LittleEndian.PutUint16(nk[72:], uint16(len(text)))
	at := w.cell(append(nk, text...)) // the children's place comes later
	set := func(field int, v uint32) { put(w.b[int(at)+4+field:], v) }
	if k.Class != "" {
		class := UTF16(k.Class)
		set(48, w.cell(class))
		binary.LittleEndian.PutUint16(w.b[int(at)+4+74:], uint16(len(class)))
	}
	if len(k.Values) > 0 {
		var list []byte
		for _, v := range k.Values {
			list = binary.LittleEndian.AppendUint32(list, w.value(v))
		}
		set(40, w.cell(list))
	}
	if len(k.Keys) > 0 {
		var subs []uint32
		for _, s := range k.Keys {
			subs = append(subs, w.key(s, at, 0x20))
		}
		set(28, w.list(k.Keys, subs))
	}
	return at
}

func (w *writer) list(keys []*Key, subs []uint32) uint32 {
	if len(subs) > perList {
		ri := []byte("ri\x00\x00")
		n := 0
		for ; len(subs) > 0; n++ {
			m := min(perList, len(subs))
			ri = binary.LittleEndian.AppendUint32(ri, w.list(keys[:m], subs[:m]))
			keys, subs = keys[m:], subs[m:]
		}
		binary.LittleEndian.PutUint16(ri[2:], uint16(n))
		return w.cell(ri)
	}
	b := binary.LittleEndian.AppendUint16([]byte(w.kind), uint16(len(subs)))
	for i, s := range subs {
		b = binary.LittleEndian.AppendUint32(b, s)
		switch w.kind {
		case "lf": // the name's first four bytes
			hint := make([]byte, 4)
			copy(hint, keys[i].Name)
			b = append(b, hint...)
		case "lh":
			sum := uint32(0)
			for _, c := range keys[i].Name {
				if 'a' <= c && c <= 'z' {
					c -= 'a' - 'A'
				}
				sum = sum*37 + uint32(c)
			}
			b = binary.LittleEndian.AppendUint32(b, sum)
		}
	}
	return w.cell(b)
}

func (w *writer) value(v Value) uint32 {
	text, narrow := name(v.Name, 1)
	vk := make([]byte, 20, 20+len(text))
	copy(vk, "vk")
	put := binary.LittleEndian.PutUint32
	binary.LittleEndian.PutUint16(vk[2:], uint16(len(text)))
	put(vk[4:], uint32(len(v.Data)))
	put(vk[12:], v.Type)
	binary.LittleEndian.PutUint16(vk[16:], narrow)
	const part = 16344
	switch {
	case len(v.Data) <= 4:
		put(vk[4:], 0x80000000|uint32(len(v.Data)))
		copy(vk[8:12], v.Data)
	case len(v.Data) <= part:
		put(vk[8:], w.cell(v.Data))
	default:
		var list []byte
		for rest := v.Data; len(rest) > 0; rest = rest[min(part, len(rest)):] {
			list = binary.LittleEndian.AppendUint32(list, w.cell(rest[:min(part, len(rest))]))
		}
		db := binary.LittleEndian.AppendUint16([]byte("db"), uint16(len(list)/4))
		db = binary.LittleEndian.AppendUint32(db, w.cell(list))
		put(vk[8:], w.cell(db))
	}
	return w.cell(append(vk, text...))
}
