// Package sqlite reads SQLite 3 databases (https://www.sqlite.org/fileformat2.html):
// tables with and without rowid, what a write-ahead log committed, what a hot
// rollback journal takes back, and deleted rows.
package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

const (
	magic = "SQLite format 3\x00"
	// maxPages bounds the sets of pages: 32 MiB each.
	maxPages   = 1 << 28
	maxDepth   = 24
	maxPayload = 16 << 20
	maxTables  = 1 << 16
	maxFrames  = 1 << 20
)

// Engine reads SQLite databases.
type Engine struct{}

// Name is "sqlite".
func (Engine) Name() string { return "sqlite" }

// Claims goes by the header: an encrypted database has none and is not told.
func (Engine) Claims(f detect.File, head []byte) (root string, ok bool) {
	return f.Path, len(head) >= 100 && string(head[:16]) == magic
}

// Open reads the header, the log or journal beside the file, and the schema.
func (Engine) Open(ctx context.Context, files detect.Files, root string) (database.Database, error) {
	f, err := files.Open(root)
	if err != nil {
		return nil, fmt.Errorf("open SQLite database: %w", err)
	}
	var head [100]byte
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, f.Size()), head[:]); err != nil || string(head[:16]) != magic {
		return nil, fmt.Errorf("%w: %s: no SQLite header at offset 0", database.ErrDamaged, root)
	}
	d := &db{file: f, path: root, log: map[uint32]int64{}, info: database.Info{
		Engine: "sqlite", State: database.Clean, Size: f.Size(), Files: []string{root},
	}}
	if err := d.header(head[:]); err != nil {
		return nil, err
	}
	d.pages = uint32(min(f.Size()/int64(d.size), maxPages+1))
	if n := binary.BigEndian.Uint32(head[28:]); n != 0 && binary.BigEndian.Uint32(head[24:]) == binary.BigEndian.Uint32(head[92:]) {
		d.pages = min(d.pages, n)
	}
	for _, side := range []struct {
		suffix string
		read   func(context.Context, detect.Files, detect.Reader) error
	}{{"-journal", d.journal}, {"-wal", d.wal}} {
		r, err := files.Open(root + side.suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			d.info.Files = append(d.info.Files, root+side.suffix)
			d.info.Size += r.Size()
			err = side.read(ctx, files, r)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			d.info.State = database.Crashed
			d.info.Incomplete = true
			d.info.Notes = append(d.info.Notes, "the log beside the file ("+path.Base(root)+side.suffix+") can't be read wholly")
		}
	}
	// Each page is in the file or in the log.
	held := d.file.Size() / int64(d.size)
	if d.side != nil {
		held += d.side.Size() / int64(d.size)
	}
	d.pages = uint32(min(int64(d.pages), held))
	if d.pages > maxPages {
		return nil, fmt.Errorf("%w: %s: more than %d pages", database.ErrUnsupported, root, maxPages)
	}
	// The log may have brought another header.
	first := make([]byte, d.size)
	if err := d.read(1, first); err != nil {
		return nil, err
	}
	if err := d.header(first); err != nil {
		return nil, err
	}
	if v := binary.BigEndian.Uint32(first[96:]); v >= 3_000_000 && v < 4_000_000 {
		d.info.Version = fmt.Sprintf("%d.%d.%d", v/1_000_000, v/1000%1000, v%1000)
	}
	d.freeHead = binary.BigEndian.Uint32(first[32:])
	if err := d.schema(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.damage = err
		d.info.Incomplete = true
		d.info.Notes = append(d.info.Notes, "the schema is damaged in part: tables may be missing")
	}
	return d, nil
}

type db struct {
	file   detect.Reader
	path   string
	info   database.Info
	size   int // of a page
	usable int
	utf16  binary.ByteOrder // nil: UTF-8
	pages  uint32
	// side is the log or journal, log where a page's bytes are in it, stale
	// where older images of pages are.
	side     detect.Reader
	sidePath string
	log      map[uint32]int64
	stale    []image
	freeHead uint32
	tables   []*table
	byWidth  map[int][]*table
	damage   error // of the schema
}

// image is an older image of a page, in the log or, if main, in the file.
type image struct {
	page uint32
	at   int64
	main bool
}

func (d *db) header(h []byte) error {
	size := int(binary.BigEndian.Uint16(h[16:]))
	if size == 1 {
		size = 65536
	}
	if size < 512 || size&(size-1) != 0 || d.size != 0 && size != d.size {
		return fmt.Errorf("%w: %s: page size %d at offset 16", database.ErrDamaged, d.path, size)
	}
	d.size = size
	d.usable = size - int(h[20])
	if d.usable < 480 {
		return fmt.Errorf("%w: %s: %d usable bytes a page at offset 20", database.ErrDamaged, d.path, d.usable)
	}
	switch e := binary.BigEndian.Uint32(h[56:]); e {
	case 0, 1:
		d.utf16 = nil
	case 2:
		d.utf16 = binary.LittleEndian
	case 3:
		d.utf16 = binary.BigEndian
	default:
		return fmt.Errorf("%w: %s: text encoding %d at offset 56", database.ErrDamaged, d.path, e)
	}
	return nil
}

func (d *db) Info() database.Info { return d.info }

// read fills buf with a page as it is after recovery.
func (d *db) read(n uint32, buf []byte) error {
	if n == 0 || n > d.pages {
		return fmt.Errorf("%w: %s: page %d of %d", database.ErrDamaged, d.path, n, d.pages)
	}
	src, at := d.file, int64(n-1)*int64(d.size)
	if o, ok := d.log[n]; ok {
		src, at = d.side, o
	}
	return d.fill(src, at, buf)
}

func (d *db) fill(src detect.Reader, at int64, buf []byte) error {
	if k, err := src.ReadAt(buf, at); k < len(buf) {
		if err == nil || errors.Is(err, io.EOF) {
			err = database.ErrDamaged
		}
		return fmt.Errorf("%s: page at offset %d: %w", d.path, at, err)
	}
	return nil
}

// where tells the file and offset of a page.
func (d *db) where(n uint32) (string, int64) {
	if o, ok := d.log[n]; ok {
		return d.sidePath, o
	}
	return d.path, int64(n-1) * int64(d.size)
}

// wal finds the newest committed image of each page. A frame counts when its
// salts and running checksum hold and a commit follows it.
func (d *db) wal(ctx context.Context, _ detect.Files, r detect.Reader) error {
	var h [32]byte
	if r.Size() < int64(len(h)) {
		return nil
	}
	if _, err := r.ReadAt(h[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	order := binary.ByteOrder(binary.LittleEndian)
	switch binary.BigEndian.Uint32(h[:]) {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return nil // reset: the library ignores it too
	}
	var sum [2]uint32
	checksum(order, &sum, h[:24])
	if binary.BigEndian.Uint32(h[4:]) != 3007000 || sum[0] != binary.BigEndian.Uint32(h[24:]) || sum[1] != binary.BigEndian.Uint32(h[28:]) {
		return nil
	}
	size := int(binary.BigEndian.Uint32(h[8:]))
	if size != d.size {
		return fmt.Errorf("%w: %s-wal: pages of %d bytes, the database's have %d", database.ErrDamaged, d.path, size, d.size)
	}
	if d.side != nil {
		return fmt.Errorf("%w: %s: a hot journal and a write-ahead log at once", database.ErrUnsupported, d.path)
	}
	d.side, d.sidePath = r, d.path+"-wal"
	frame := make([]byte, 24+size)
	at := int64(32)
	var pending []image
	valid, count := true, 0
	for ; at+int64(len(frame)) <= r.Size(); at += int64(len(frame)) {
		if count++; count > maxFrames {
			return fmt.Errorf("%w: %s-wal: more than %d frames", database.ErrUnsupported, d.path, maxFrames)
		}
		if count%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := d.fill(r, at, frame); err != nil {
			return err
		}
		page := binary.BigEndian.Uint32(frame)
		if valid && bytes.Equal(frame[8:16], h[16:24]) {
			checksum(order, &sum, frame[:8])
			checksum(order, &sum, frame[24:])
			if page != 0 && sum[0] == binary.BigEndian.Uint32(frame[16:]) && sum[1] == binary.BigEndian.Uint32(frame[20:]) {
				pending = append(pending, image{page: page, at: at + 24})
				if n := binary.BigEndian.Uint32(frame[4:]); n != 0 {
					for _, p := range pending {
						if old, ok := d.log[p.page]; ok {
							d.stale = append(d.stale, image{page: p.page, at: old})
						} else {
							d.stale = append(d.stale, image{page: p.page, at: int64(p.page-1) * int64(d.size), main: true})
						}
						d.log[p.page] = p.at
					}
					pending = pending[:0]
					d.pages = n
					d.info.State = database.Recovered
				}
				continue
			}
		}
		valid = false
		// A frame of an earlier round of the log, once committed.
		if page != 0 && !bytes.Equal(frame[8:16], h[16:24]) {
			d.stale = append(d.stale, image{page: page, at: at + 24})
		}
	}
	return nil
}

func checksum(order binary.ByteOrder, sum *[2]uint32, data []byte) {
	a, b := sum[0], sum[1]
	for ; len(data) >= 8; data = data[8:] {
		a += order.Uint32(data) + b
		b += order.Uint32(data[4:]) + a
	}
	sum[0], sum[1] = a, b
}

var journalMagic = []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}

// journal takes back an unfinished transaction: the first image of each page in
// a hot journal is what the page was before.
func (d *db) journal(ctx context.Context, files detect.Files, r detect.Reader) error {
	var h [28]byte
	if r.Size() < int64(len(h)) {
		return nil
	}
	if _, err := r.ReadAt(h[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Equal(h[:8], journalMagic) || d.settled(files, r) {
		return nil
	}
	start := binary.BigEndian.Uint32(h[16:])
	size := int(binary.BigEndian.Uint32(h[24:]))
	sector := int64(binary.BigEndian.Uint32(h[20:]))
	if size != d.size || sector < 32 || sector > 65536 || sector&(sector-1) != 0 {
		return fmt.Errorf("%w: %s-journal: header at offset 0", database.ErrDamaged, d.path)
	}
	rec := make([]byte, 8+size)
	log := map[uint32]int64{}
	total := 0
	for at := int64(0); at+sector <= r.Size(); {
		if err := d.fill(r, at, h[:]); err != nil || !bytes.Equal(h[:8], journalMagic) {
			break
		}
		n := int64(binary.BigEndian.Uint32(h[8:]))
		nonce := binary.BigEndian.Uint32(h[12:])
		at += sector
		if n == 0xffffffff {
			n = (r.Size() - at) / int64(len(rec))
		}
		for ; n > 0 && at+int64(len(rec)) <= r.Size(); n-- {
			if total++; total > maxFrames {
				return fmt.Errorf("%w: %s-journal: more than %d pages", database.ErrUnsupported, d.path, maxFrames)
			}
			if total%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := d.fill(r, at, rec); err != nil {
				return err
			}
			sum := nonce
			for i := size - 200; i > 0; i -= 200 {
				sum += uint32(rec[4+i])
			}
			page := binary.BigEndian.Uint32(rec)
			if page == 0 || sum != binary.BigEndian.Uint32(rec[4+size:]) {
				n = -1 // torn: what follows never reached the database
				break
			}
			if _, ok := log[page]; !ok {
				log[page] = at + 4
			}
			at += int64(len(rec))
		}
		if n != 0 {
			break
		}
		at = (at + sector - 1) / sector * sector
	}
	if total == 0 {
		return nil
	}
	d.side, d.sidePath, d.log, d.info.State = r, d.path+"-journal", log, database.Recovered
	if start != 0 {
		d.pages = start
	}
	return nil
}

// settled tells whether the journal belongs to a transaction over several
// databases that was committed: it names a journal above it that is gone.
func (d *db) settled(files detect.Files, r detect.Reader) bool {
	var tail [16]byte
	if r.Size() < 16 {
		return false
	}
	if n, _ := r.ReadAt(tail[:], r.Size()-16); n < 16 || !bytes.Equal(tail[8:], journalMagic) {
		return false
	}
	n := int64(binary.BigEndian.Uint32(tail[:]))
	if n == 0 || n > 4096 || n > r.Size()-16 {
		return false
	}
	name := make([]byte, n)
	if k, _ := r.ReadAt(name, r.Size()-16-n); k < len(name) {
		return false
	}
	var sum uint32
	for _, c := range name {
		sum += uint32(int8(c))
	}
	if sum != binary.BigEndian.Uint32(tail[4:]) {
		return false
	}
	_, err := files.Open(path.Join(path.Dir(d.path), path.Base(string(name))))
	return errors.Is(err, fs.ErrNotExist)
}

func (d *db) Tables(ctx context.Context) ([]database.Table, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]database.Table, len(d.tables))
	for i, t := range d.tables {
		out[i] = t.public
		out[i].Columns = slices.Clone(t.public.Columns)
	}
	return out, d.damage
}
