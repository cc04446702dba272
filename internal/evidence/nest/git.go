package nest

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// Git keeps what was ever committed, also what was removed since: loose objects
// and packs (gitformat-pack(5)). Blobs and commits are given, each by its name or
// place in the pack; which file they were is not told.

var loose = regexp.MustCompile(`/objects/[0-9a-f]{2}/[0-9a-f]{38,62}$`)

func isGitObject(f detect.File, head []byte) bool {
	return len(head) > 2 && head[0] == 0x78 && loose.MatchString(f.Path)
}

// maxObject bounds an object of a pack: deltas need it in memory.
const maxObject = 16 << 20

func gitObject(o *opening, m *Member) error {
	z, err := zlib.NewReader(m.Reader)
	if err != nil {
		return fmt.Errorf("%w: %w", block.ErrDamaged, err)
	}
	br := bufio.NewReader(z)
	head, err := br.ReadSlice(0)
	if err != nil || len(head) > 64 {
		return fmt.Errorf("%w: object header", block.ErrDamaged)
	}
	kind, size, _ := bytes.Cut(head[:len(head)-1], []byte(" "))
	n, err := strconv.ParseInt(string(size), 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%w: object size", block.ErrDamaged)
	}
	if k := string(kind); k != "blob" && k != "commit" && k != "tag" {
		return nil // a tree: names only
	}
	return o.member(m, string(kind), n, br, nil)
}

// packed is an object of a pack, by its place.
type packed struct {
	at, data int64 // header and compressed bytes
	size     int64
	kind     byte
	base     int64  // of an offset delta
	ref      string // of a delta by name
}

const (
	objCommit = 1
	objTree   = 2
	objBlob   = 3
	objTag    = 4
	objOffset = 6
	objRef    = 7
)

// maxChain bounds deltas upon deltas; git makes 50, and at most 4095.
const maxChain = 4096

// pack reads one pack from its start. Bases are kept by offset in a cache.
type pack struct {
	o     *opening
	r     detect.Reader
	at    map[int64]packed
	cache map[int64][]byte
	order []int64
	held  int
}

func gitPack(o *opening, m *Member, r detect.Reader) error {
	var head [12]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(head[8:]))
	if n > 10_000_000 {
		return fmt.Errorf("%w: a pack of %d objects", ErrBound, n)
	}
	p := &pack{o: o, r: r, at: map[int64]packed{}, cache: map[int64][]byte{}}
	skipped := 0
	for off, i := int64(12), 0; i < n; i++ {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		obj, err := p.header(off)
		if err != nil {
			return fmt.Errorf("object %d at offset %d: %w", i, off, err)
		}
		p.at[off] = obj
		content, next, err := p.inflate(obj)
		switch {
		case errors.Is(err, ErrBound):
			skipped++
		case err != nil:
			return fmt.Errorf("object %d at offset %d: %w", i, off, err)
		default:
			if err := p.give(m, obj, content); err != nil {
				return err
			}
		}
		off = next
	}
	if skipped > 0 {
		o.lost(m.Inside, fmt.Errorf("%w: %d objects of the pack are too large, or differences to such, or to objects of another pack", ErrBound, skipped))
	}
	return nil
}

func (p *pack) give(m *Member, obj packed, content []byte) error {
	kind, whole, err := p.resolve(obj, content, 0)
	if err != nil {
		p.o.lost(join(m.Inside, fmt.Sprintf("/object@%d", obj.at)), err)
		return p.o.bound
	}
	if kind != objBlob && kind != objCommit && kind != objTag {
		return nil
	}
	name := map[byte]string{objBlob: "blob", objCommit: "commit", objTag: "tag"}[kind]
	return p.o.member(m, fmt.Sprintf("%s@%d", name, obj.at), int64(len(whole)), bytes.NewReader(whole), nil)
}

// header reads an object's type, size and base.
func (p *pack) header(off int64) (packed, error) {
	var b [64]byte
	n, err := p.r.ReadAt(b[:], off)
	if n < 2 {
		return packed{}, fmt.Errorf("header: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	obj := packed{at: off, kind: b[0] >> 4 & 7, size: int64(b[0] & 15)}
	i := 1
	for shift := 4; b[i-1]&0x80 != 0; shift += 7 {
		if i >= n || shift > 56 {
			return packed{}, fmt.Errorf("%w: size", block.ErrDamaged)
		}
		obj.size |= int64(b[i]&0x7f) << shift
		i++
	}
	switch obj.kind {
	case objCommit, objTree, objBlob, objTag:
	case objOffset:
		back := int64(-1)
		for {
			if i >= n || back > 1<<50 {
				return packed{}, fmt.Errorf("%w: base offset", block.ErrDamaged)
			}
			c := b[i]
			i++
			back = (back+1)<<7 | int64(c&0x7f)
			if c&0x80 == 0 {
				break
			}
		}
		if obj.base = off - back; back <= 0 || obj.base < 12 {
			return packed{}, fmt.Errorf("%w: base offset", block.ErrDamaged)
		}
	case objRef:
		if i+20 > n {
			return packed{}, fmt.Errorf("%w: base name", block.ErrDamaged)
		}
		obj.ref = hex.EncodeToString(b[i : i+20])
		i += 20
	default:
		return packed{}, fmt.Errorf("%w: object type %d", block.ErrDamaged, obj.kind)
	}
	obj.data = off + int64(i)
	return obj, nil
}

// inflate decompresses an object and tells where the next one begins. One that
// is too large is passed over, with [ErrBound].
func (p *pack) inflate(obj packed) (content []byte, next int64, err error) {
	src := &offsetReader{br: bufio.NewReader(io.NewSectionReader(p.r, obj.data, p.r.Size()-obj.data))}
	z, err := zlib.NewReader(src)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", block.ErrDamaged, err)
	}
	var buf bytes.Buffer
	var to io.Writer = &buf
	if obj.size > maxObject {
		to, err = io.Discard, ErrBound
	}
	n, cerr := io.Copy(to, io.LimitReader(&gauge{p.o, z}, obj.size+1))
	if cerr != nil {
		return nil, 0, cerr
	}
	if n != obj.size {
		return nil, 0, fmt.Errorf("%w: object of %d bytes where %d are told", block.ErrDamaged, n, obj.size)
	}
	return buf.Bytes(), obj.data + src.n, err
}

// offsetReader counts bytes; it is an io.ByteReader, so that inflate takes no
// more than it needs.
type offsetReader struct {
	br *bufio.Reader
	n  int64
}

func (r *offsetReader) Read(p []byte) (int, error) {
	n, err := r.br.Read(p)
	r.n += int64(n)
	return n, err
}

func (r *offsetReader) ReadByte() (byte, error) {
	b, err := r.br.ReadByte()
	if err == nil {
		r.n++
	}
	return b, err
}

// resolve applies deltas down to a whole object.
func (p *pack) resolve(obj packed, content []byte, depth int) (kind byte, whole []byte, err error) {
	switch {
	case depth > maxChain:
		return 0, nil, fmt.Errorf("%w: deltas upon deltas", ErrBound)
	case obj.kind == objRef:
		return 0, nil, fmt.Errorf("%w: a difference to an object that is named", ErrBound)
	case obj.kind != objOffset:
		p.keep(obj.at, content)
		return obj.kind, content, nil
	}
	base, ok := p.at[obj.base]
	if !ok {
		return 0, nil, fmt.Errorf("%w: base at offset %d is no object", block.ErrDamaged, obj.base)
	}
	from, ok := p.cache[obj.base]
	if ok {
		for base.kind == objOffset {
			base = p.at[base.base]
		}
		kind = base.kind
	} else {
		raw, _, err := p.inflate(base)
		if err != nil {
			return 0, nil, err
		}
		if kind, from, err = p.resolve(base, raw, depth+1); err != nil {
			return 0, nil, err
		}
	}
	whole, err = applyDelta(from, content)
	p.o.out += int64(len(whole)) // what a chain costs counts too
	if err == nil {
		p.keep(obj.at, whole)
	}
	return kind, whole, err
}

// keep holds an object as a base of others, up to 32 MiB of them.
func (p *pack) keep(at int64, content []byte) {
	if p.cache[at] != nil || len(content) > 4<<20 {
		return
	}
	p.cache[at] = content
	p.order = append(p.order, at)
	for p.held += len(content); p.held > 32<<20 && len(p.order) > 1; p.order = p.order[1:] {
		p.held -= len(p.cache[p.order[0]])
		delete(p.cache, p.order[0])
	}
}

// applyDelta makes an object of its base and the instructions of a delta.
func applyDelta(base, d []byte) ([]byte, error) {
	bad := fmt.Errorf("%w: delta", block.ErrDamaged)
	num := func() (int, bool) {
		n := 0
		for shift := 0; shift < 35 && len(d) > 0; shift += 7 {
			c := d[0]
			d = d[1:]
			n |= int(c&0x7f) << shift
			if c&0x80 == 0 {
				return n, true
			}
		}
		return 0, false
	}
	from, ok1 := num()
	size, ok2 := num()
	if !ok1 || !ok2 || from != len(base) {
		return nil, bad
	}
	if size > maxObject {
		return nil, fmt.Errorf("%w: an object of %d bytes", ErrBound, size)
	}
	out := make([]byte, 0, min(size, len(base)+len(d)))
	for len(d) > 0 {
		c := d[0]
		d = d[1:]
		if c&0x80 == 0 {
			if c == 0 || int(c) > len(d) || len(out)+int(c) > size {
				return nil, bad
			}
			out = append(out, d[:c]...)
			d = d[c:]
			continue
		}
		var arg [7]int
		for i := range arg {
			if c>>i&1 == 1 {
				if len(d) == 0 {
					return nil, bad
				}
				arg[i], d = int(d[0]), d[1:]
			}
		}
		at := arg[0] | arg[1]<<8 | arg[2]<<16 | arg[3]<<24
		n := arg[4] | arg[5]<<8 | arg[6]<<16
		if n == 0 {
			n = 0x10000
		}
		if at > len(base) || n > len(base)-at || len(out)+n > size {
			return nil, bad
		}
		out = append(out, base[at:at+n]...)
	}
	if len(out) != size {
		return nil, bad
	}
	return out, nil
}
