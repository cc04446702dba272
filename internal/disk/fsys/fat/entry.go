package fat

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat/fatcore"
)

// Attributes of an entry.
const (
	attrReadOnly = 0x01
	attrLabel    = 0x08
	attrDir      = 0x10
	attrLong     = 0x0F // of a part of a long name, of the low 6 bits

	caseBase = 0x08 // of the byte for Windows NT: the base is in lower case
	caseExt  = 0x10
)

// First bytes of an entry that say something else than a name.
const (
	slotEnd     = 0x00 // the entry and all that follow are free
	slotDeleted = 0xE5
	slotKanji   = 0x05 // stands for a name's first byte 0xE5
)

// slot is a directory entry of 32 bytes.
type slot []byte

func (s slot) attr() byte          { return s[11] }
func (s slot) isLong() bool        { return s[11]&0x3F == attrLong }
func (s slot) isLabel() bool       { return s[11]&attrLabel != 0 }
func (s slot) isDir() bool         { return s[11]&attrDir != 0 }
func (s slot) isDots() bool        { return string(s[:11]) == dotName || string(s[:11]) == dotDotName }
func (s slot) size() int64         { return int64(le.Uint32(s[28:])) }
func (s slot) id(at int64) fsys.ID { return fsys.ID(at / fatcore.SlotSize) }

const (
	dotName    = ".          "
	dotDotName = "..         "
)

// first gives the first cluster; only FAT32 has the high half.
func (s slot) first(bits int) uint32 {
	c := uint32(le.Uint16(s[26:]))
	if bits == 32 {
		c |= uint32(le.Uint16(s[20:])) << 16
	}
	return c & 0x0FFFFFFF
}

// shortName gives the 8.3 name as Linux and Windows show it.
func (s slot) shortName() string {
	raw := [11]byte(s[:11])
	if raw[0] == slotKanji {
		raw[0] = 0xE5
	}
	name := trimmed(raw[:8], s[12]&caseBase != 0)
	if ext := trimmed(raw[8:], s[12]&caseExt != 0); ext != "" {
		name += "." + ext
	}
	return name
}

func trimmed(b []byte, lower bool) string {
	text := strings.TrimRight(oem(b), " ")
	if lower {
		text = strings.Map(unicode.ToLower, text)
	}
	return text
}

// checksum is that of the short name which its long name's parts hold.
func (s slot) checksum() byte {
	sum := byte(0)
	for _, c := range s[:11] {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

// stat tells what an entry says.
func (s slot) stat(id fsys.ID) fsys.Stat {
	st := fsys.Stat{ID: id, Mode: 0o755, Links: 1}
	if s.isDir() {
		st.Mode |= fs.ModeDir
	} else {
		st.Size = s.size()
		if s.attr()&attrReadOnly != 0 {
			st.Mode = 0o555
		}
	}
	st.Modified = stamp(le.Uint16(s[24:]), le.Uint16(s[22:]), 0)
	if day := le.Uint16(s[18:]); day != 0 {
		st.Accessed = stamp(day, 0, 0)
	}
	if day := le.Uint16(s[16:]); day != 0 {
		st.Created = stamp(day, le.Uint16(s[14:]), s[13])
	}
	return st
}

// stamp gives a date, a time of two-second steps, and hundredths of a second. A
// month or day of 0 is taken for 1, as Linux does.
func stamp(date, clock uint16, hundredths byte) time.Time {
	year, month, day := 1980+int(date>>9), int(date>>5&0xF), int(date&0x1F)
	sec := int(clock&0x1F) * 2
	return time.Date(year, time.Month(max(month, 1)), max(day, 1),
		int(clock>>11), int(clock>>5&0x3F), sec, int(hundredths)*10_000_000, time.UTC)
}

// slotAt reads the entry that an ID names.
func (t *tree) slotAt(id fsys.ID) (slot, error) {
	end := t.heap.Base + int64(t.heap.Count)*t.heap.Size
	if id < fsys.ID(t.boot.rootStart()/fatcore.SlotSize) || id >= fsys.ID(end/fatcore.SlotSize) {
		return nil, block.Damaged("entry at byte %d: no directory can be there", id*fatcore.SlotSize)
	}
	s := slot(make([]byte, fatcore.SlotSize))
	if err := block.ReadFull(t.src, s, int64(id)*fatcore.SlotSize); err != nil {
		return nil, fmt.Errorf("read entry: %w", err)
	}
	if s[0] == slotEnd || s[0] == slotDeleted || s.isLabel() {
		return nil, block.Damaged("entry at byte %d is no file's", id*fatcore.SlotSize)
	}
	return s, nil
}

// Stat implements [fsys.Tree].
func (t *tree) Stat(id fsys.ID) (fsys.Stat, error) {
	if id == rootID {
		return fsys.Stat{ID: id, Mode: fs.ModeDir | 0o755, Links: 1}, nil
	}
	s, err := t.slotAt(id)
	if err != nil {
		return fsys.Stat{}, err
	}
	return s.stat(id), nil
}

// Open implements [fsys.Tree].
func (t *tree) Open(id fsys.ID) (fsys.Data, error) {
	if id == rootID {
		return nil, fmt.Errorf("the root: want a regular file, found dir")
	}
	s, err := t.slotAt(id)
	switch {
	case err != nil:
		return nil, err
	case s.isDir():
		return nil, fmt.Errorf("entry at byte %d: want a regular file, found dir", id*fatcore.SlotSize)
	}
	size, count := s.size(), t.heap.Clusters(s.size())
	if count > uint64(t.heap.Count) {
		return nil, block.Damaged("entry at byte %d: a file of %d bytes, the clusters have %d", id*fatcore.SlotSize, size, int64(t.heap.Count)*t.heap.Size)
	}
	chain := fatcore.NewChain(&t.heap, t.fat.follow, s.first(t.boot.bits), count)
	return fatcore.NewData(&t.heap, chain, id, size, size), nil
}

// ReadLink implements [fsys.Tree]: there are no links.
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	return "", fmt.Errorf("entry at byte %d: FAT has no symbolic links", id*fatcore.SlotSize)
}

// oem gives bytes of code page 437 as UTF-8.
func oem(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		if out[i] = rune(c); c >= 0x80 {
			out[i] = cp437[c-0x80]
		}
	}
	return string(out)
}

// cp437 is the upper half of code page 437.
var cp437 = [128]rune([]rune("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
	"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"))
