package packages

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// rpmDirs are where rpm keeps its database, the usual one first.
var rpmDirs = []string{"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"}

// maxHeader bounds one package's header; rpm's own limit is 256 MiB, the
// largest known kernel's is below 8.
const maxHeader = 32 << 20

func (m *Manifest) rpm(ctx context.Context, files detect.Files, engine database.Engine) error {
	for _, dir := range rpmDirs {
		var errs []error
		found := false
		take := func(blob []byte) bool {
			found = true
			m.read += int64(len(blob))
			if err := m.rpmHeader(blob); err != nil {
				errs = append(errs, err)
			}
			return ctx.Err() == nil && m.read < maxRead && len(m.packages) < maxPackages
		}
		for _, form := range []struct {
			name string
			read func(name string) error
		}{
			{"rpmdb.sqlite", func(name string) error { return readSQLite(ctx, files, engine, name, take) }},
			{"Packages.db", func(name string) error { return readWhole(files, name, take, readNDB) }},
			{"Packages", func(name string) error { return readWhole(files, name, take, readBDB) }},
		} {
			name := dir + "/" + form.name
			if !exists(files, name) {
				continue
			}
			if err := form.read(name); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
			break
		}
		errs = append(errs, ctx.Err())
		if err := wrap("rpm", errs); found || err != nil {
			return err
		}
	}
	return nil
}

func readWhole(files detect.Files, name string, take func([]byte) bool, read func(detect.Reader, func([]byte) bool) error) error {
	r, err := files.Open(name)
	if err != nil {
		return err
	}
	return read(r, take)
}

// readSQLite gives the blobs of table Packages(hnum, blob).
func readSQLite(ctx context.Context, files detect.Files, engine database.Engine, name string, take func([]byte) bool) error {
	if engine == nil {
		return fmt.Errorf("rpm database of SQLite: %w", database.ErrUnsupported)
	}
	db, err := engine.Open(ctx, files, name)
	if err != nil {
		return err
	}
	tables, err := db.Tables(ctx)
	for _, t := range tables {
		if t.Name != "Packages" {
			continue
		}
		i := -1
		for n, c := range t.Columns {
			if c.Name == "blob" {
				i = n
			}
		}
		if i < 0 {
			return fmt.Errorf("table Packages: expected a column blob: %w", database.ErrDamaged)
		}
		return errors.Join(err, db.Rows(ctx, t, database.RowOptions{}, func(r database.Row) bool {
			if i >= len(r.Values) || r.Values[i].Kind != database.Bytes {
				return true
			}
			return take(r.Values[i].Data)
		}))
	}
	return errors.Join(err, fmt.Errorf("expected a table Packages: %w", database.ErrDamaged))
}

// The tags of a header that are read, from rpm's documentation of tags.
const (
	tagName        = 1000
	tagVersion     = 1001
	tagRelease     = 1002
	tagEpoch       = 1003
	tagBuildTime   = 1006
	tagInstallTime = 1008
	tagVendor      = 1011
	tagOldNames    = 1027
	tagFileModes   = 1030
	tagFileDigests = 1035
	tagFileFlags   = 1037
	tagFileStates  = 1029
	tagDirIndexes  = 1116
	tagBaseNames   = 1117
	tagDirNames    = 1118
	tagDigestAlgo  = 5011
)

// header is a parsed header of rpm: an index of entries into a store.
type header struct {
	entries map[uint32]entry
	store   []byte
}

type entry struct {
	kind   uint32
	offset uint32
	count  uint32
}

// parseHeader reads a header as databases keep it: the count of entries and the
// bytes of the store, big-endian, then entries of 16 bytes, then the store.
func parseHeader(blob []byte) (header, error) {
	if len(blob) < 8 {
		return header{}, fmt.Errorf("package header: expected 8 bytes, found %d: %w", len(blob), database.ErrDamaged)
	}
	n, size := uint64(binary.BigEndian.Uint32(blob)), uint64(binary.BigEndian.Uint32(blob[4:]))
	if n > 1<<16 || 8+16*n+size > uint64(len(blob)) {
		return header{}, fmt.Errorf("package header: expected %d entries and %d bytes within %d: %w", n, size, len(blob), database.ErrDamaged)
	}
	h := header{entries: make(map[uint32]entry, n), store: blob[8+16*n : 8+16*n+size]}
	for i := range n {
		e := blob[8+16*i:]
		tag := binary.BigEndian.Uint32(e)
		if off := binary.BigEndian.Uint32(e[8:]); uint64(off) < size {
			h.entries[tag] = entry{binary.BigEndian.Uint32(e[4:]), off, binary.BigEndian.Uint32(e[12:])}
		}
	}
	return h, nil
}

// text gives a tag's first string: of types 6 (string), 8 (array), 9 (i18n).
func (h header) text(tag uint32) string {
	t := h.texts(tag)
	s, _ := t.take()
	return string(s)
}

func (h header) texts(tag uint32) texts {
	e, ok := h.entries[tag]
	if !ok || e.kind != 6 && e.kind != 8 && e.kind != 9 {
		return texts{}
	}
	return texts{h.store[e.offset:], e.count}
}

// texts walks over strings that end with NUL.
type texts struct {
	rest []byte
	left uint32
}

func (t *texts) take() ([]byte, bool) {
	if t.left == 0 {
		return nil, false
	}
	i := bytes.IndexByte(t.rest, 0)
	if i < 0 {
		t.left = 0
		return nil, false
	}
	s := t.rest[:i]
	t.rest = t.rest[i+1:]
	t.left--
	return s, true
}

// ints gives a tag's numbers of 1, 2 or 4 bytes: types 2, 3 and 4.
func (h header) ints(tag uint32) ints {
	e, ok := h.entries[tag]
	if !ok {
		return ints{}
	}
	size := uint64(map[uint32]int{1: 1, 2: 1, 3: 2, 4: 4}[e.kind])
	if size == 0 || uint64(e.offset)+size*uint64(e.count) > uint64(len(h.store)) {
		return ints{}
	}
	return ints{h.store[e.offset : uint64(e.offset)+size*uint64(e.count)], int(size)}
}

type ints struct {
	data []byte
	size int
}

func (n ints) at(i int) (uint32, bool) {
	if n.size == 0 || i < 0 || i >= len(n.data)/n.size {
		return 0, false
	}
	d := n.data[i*n.size:]
	switch n.size {
	case 1:
		return uint32(d[0]), true
	case 2:
		return uint32(binary.BigEndian.Uint16(d)), true
	}
	return binary.BigEndian.Uint32(d), true
}

// when reads a time; none or 0 is the zero time.
func (h header) when(tag uint32) time.Time {
	if s, _ := h.ints(tag).at(0); s > 0 {
		return time.Unix(int64(s), 0).UTC()
	}
	return time.Time{}
}

// rpmAlgos are the numbers that RFC 4880, section 9.4 gives to digests.
var rpmAlgos = map[uint32]string{1: MD5, 2: SHA1, 8: SHA256, 9: SHA384, 10: SHA512, 11: SHA224}

// The bits and states of files that matter.
const (
	flagConfig     = 1 << 0
	flagGhost      = 1 << 6 // made later, not shipped
	stateInstalled = 0
)

// rpmHeader takes a package and its files.
func (m *Manifest) rpmHeader(blob []byte) error {
	h, err := parseHeader(blob)
	if err != nil {
		return err
	}
	p := Package{Name: h.text(tagName), Version: h.text(tagVersion), Manager: RPM, Vendor: h.text(tagVendor), Installed: h.when(tagInstallTime)}
	if p.Name == "" {
		return fmt.Errorf("package header: expected a name, found none: %w", database.ErrDamaged)
	}
	if r := h.text(tagRelease); r != "" {
		p.Version += "-" + r
	}
	if e, ok := h.ints(tagEpoch).at(0); ok {
		p.Version = strconv.FormatUint(uint64(e), 10) + ":" + p.Version
	}
	p.until = p.Installed
	if b := h.when(tagBuildTime); b.After(p.until) {
		p.until = b.Add(24 * time.Hour) // the installing machine's clock was behind
	}
	n, ok := m.pkg(p)
	if !ok {
		return nil
	}
	var dirs []string
	size := 0
	for dt := h.texts(tagDirNames); ; {
		d, ok := dt.take()
		if !ok || size > maxHeader {
			break
		}
		size += len(d) + 16
		dirs = append(dirs, string(d))
	}
	algo := MD5
	if a, ok := h.ints(tagDigestAlgo).at(0); ok {
		algo = rpmAlgos[a]
	}
	bases, digests, whole := h.texts(tagBaseNames), h.texts(tagFileDigests), h.texts(tagOldNames)
	indexes, flags, states, modes := h.ints(tagDirIndexes), h.ints(tagFileFlags), h.ints(tagFileStates), h.ints(tagFileModes)
	for i := 0; len(m.files) < maxFiles; i++ {
		digest, _ := digests.take()
		base, ok := bases.take()
		name := ""
		if ok {
			d, ok := indexes.at(i)
			if !ok || int64(d) >= int64(len(dirs)) || len(dirs[d])+len(base) > 4096 {
				continue
			}
			name = dirs[d] + string(base)
		} else if base, ok = whole.take(); ok && len(base) <= 4096 {
			name = string(base) // before rpm 4
		} else {
			break
		}
		flag, _ := flags.at(i)
		state, known := states.at(i)
		mode, _ := modes.at(i)
		if flag&flagGhost != 0 || known && state != stateInstalled || mode&0o170000 == 0o040000 || !strings.HasPrefix(name, "/") {
			continue
		}
		m.own(n, name, algo, unhex(digest), flag&flagConfig != 0)
	}
	if len(m.files) >= maxFiles {
		m.truncated = true
	}
	return nil
}

// readAt reads exactly n bytes.
func readAt(r detect.Reader, off int64, n int, what string) ([]byte, error) {
	if off < 0 || n < 0 || off > r.Size()-int64(n) {
		return nil, fmt.Errorf("offset %d: expected %d bytes of %s within %d: %w", off, n, what, r.Size(), database.ErrDamaged)
	}
	buf := make([]byte, n)
	if got, err := r.ReadAt(buf, off); got < n {
		if err == nil {
			err = fs.ErrInvalid
		}
		return nil, fmt.Errorf("offset %d: expected %d bytes of %s, read %d: %w", off, n, what, got, err)
	}
	return buf, nil
}
