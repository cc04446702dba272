package postgres

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// States of a cluster in pg_control (src/include/catalog/pg_control.h).
const (
	stateShutDown           = 1
	stateShutDownInRecovery = 2
)

// control is what is needed of global/pg_control.
type control struct {
	catalog    uint32 // catalogue version, a part of the names in tablespaces
	state      uint32
	checkpoint uint64
	redo       uint64
	minimum    uint64 // a standby must replay up to here
	timeline   uint32
	nextXid    uint32
	oldestXid  uint32
	nextMulti  uint32
	nextMember uint32
	block      int // bytes of a page
	segment    int // pages of a file of a relation
	walBlock   int
	walSegment int
	checksums  bool
}

// readControl reads pg_control. Its layout moved little from 11 to 18: the fields
// behind the copy of the checkpoint are found by the constant that is there to
// tell the format of floating-point numbers, and the end by its own checksum.
func readControl(data []byte, major int) (control, error) {
	const what = "global/pg_control"
	var c control
	if len(data) < 296 {
		return c, fmt.Errorf("%w: %s: want at least 296 bytes, found %d", database.ErrDamaged, what, len(data))
	}
	data = data[:min(len(data), 8192)]
	if v := le.Uint32(data[8:]); v >= 1<<16 {
		return c, fmt.Errorf("%w: %s at 8: a server of the other byte order, version %#x", database.ErrUnsupported, what, v)
	} else if v < 1100 || v > 1999 {
		return c, fmt.Errorf("%w: %s at 8: want version 1100 to 1999, found %d", database.ErrDamaged, what, v)
	}
	end, sum := 0, crc32.Checksum(data[:200], castagnoli)
	for n := 200; n+4 <= min(len(data), 512); n += 4 {
		if le.Uint32(data[n:]) == sum {
			end = n
			break
		}
		sum = crc32.Update(sum, castagnoli, data[n:n+4])
	}
	if end == 0 {
		return c, fmt.Errorf("%w: %s: its checksum fits nowhere", database.ErrDamaged, what)
	}
	c.catalog, c.state = le.Uint32(data[12:]), le.Uint32(data[16:])
	c.checkpoint, c.redo = le.Uint64(data[32:]), le.Uint64(data[40:])
	c.timeline = le.Uint32(data[48:])
	c.nextXid = le.Uint32(data[64:])
	at := 72
	if major < 12 { // the epoch came first, and no 64-bit number was to be aligned
		at = 68
	}
	c.nextMulti, c.nextMember, c.oldestXid = le.Uint32(data[at+4:]), le.Uint32(data[at+8:]), le.Uint32(data[at+12:])
	at = 0
	for n := 96; n+8 <= end; n += 8 {
		if math.Float64frombits(le.Uint64(data[n:])) == 1234567 {
			at = n + 8
			break
		}
	}
	if at == 0 || at+40 > end {
		return c, fmt.Errorf("%w: %s: no mark of the floating-point format", database.ErrDamaged, what)
	}
	c.block, c.segment = int(le.Uint32(data[at:])), int(le.Uint32(data[at+4:]))
	c.walBlock, c.walSegment = int(le.Uint32(data[at+8:])), int(le.Uint32(data[at+12:]))
	for _, size := range []int{c.block, c.walBlock} {
		if size < 1024 || size > 65536 || size&(size-1) != 0 {
			return c, fmt.Errorf("%w: %s at %d: want pages of 1024 to 65536 bytes, found %d", database.ErrDamaged, what, at, size)
		}
	}
	if c.block > 32768 || c.segment < 1 || c.segment > 1<<30 || c.walSegment < 1<<20 || c.walSegment > 1<<30 || c.walSegment&(c.walSegment-1) != 0 {
		return c, fmt.Errorf("%w: %s at %d: sizes of pages and segments %d, %d, %d", database.ErrDamaged, what, at, c.block, c.segment, c.walSegment)
	}
	// minRecoveryPoint comes right after unloggedLSN, which follows the checkpoint:
	// from 12 on that is 88 bytes long.
	if major >= 12 {
		c.minimum = le.Uint64(data[40+88+8:])
	} else {
		c.minimum = le.Uint64(data[40+80+8:])
	}
	sums := end - 36
	if major >= 18 {
		sums -= 4 // default_char_signedness
	}
	c.checksums = le.Uint32(data[sums:]) != 0
	return c, nil
}

// readVersion reads PG_VERSION: "15\n".
func readVersion(data []byte) (int, bool) {
	text := strings.TrimSpace(string(data[:min(len(data), 16)]))
	n, err := strconv.Atoi(text)
	if err != nil { // 9.6 and older have two numbers
		first, second, ok := strings.Cut(text, ".")
		n, err = strconv.Atoi(first)
		if _, err2 := strconv.Atoi(second); !ok || err2 != nil {
			return 0, false
		}
	}
	return n, err == nil && n >= 6 && n < 100
}

// readMap reads a pg_filenode.map: which file belongs to a catalogue that
// can't say so itself (src/backend/utils/cache/relmapper.c).
func readMap(data []byte) (map[uint32]uint32, error) {
	if len(data) < 8 || le.Uint32(data) != 0x592717 {
		return nil, fmt.Errorf("%w: pg_filenode.map at 0: no mark of a map", database.ErrDamaged)
	}
	n := int(le.Uint32(data[4:]))
	if n < 0 || n > 64 || 8+8*n > len(data) {
		return nil, fmt.Errorf("%w: pg_filenode.map at 4: want at most 64 entries, found %d", database.ErrDamaged, n)
	}
	m := make(map[uint32]uint32, n)
	for i := range n {
		m[le.Uint32(data[8+8*i:])] = le.Uint32(data[12+8*i:])
	}
	return m, nil
}

// readAll reads a small file as a whole.
func readAll(files detect.Files, path string, limit int64) ([]byte, error) {
	r, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	data := make([]byte, min(r.Size(), limit))
	n, err := r.ReadAt(data, 0)
	if n < len(data) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
