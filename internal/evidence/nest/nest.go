// Package nest opens what is within one file: archives, compressed files,
// layers of containers, objects of git, disk images. Members are given one by
// one as streams, and what is within them in turn, down to a depth.
//
// Everything is bounded: the depth, the number of members, the bytes that come
// out, and their ratio to the bytes that went in. What a bound cut off is told.
package nest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
)

// Options bound what is opened. Zero fields mean the default in brackets.
type Options struct {
	Depth   int   // containers within containers [4]
	Members int   // of one file, all depths together [100,000]
	Bytes   int64 // that come out of one file, all depths together [4 GiB]
	Ratio   int64 // of bytes out to bytes in, beyond the first 64 MiB out [250]
	// Held is how large a member may be that has to be held in memory to be
	// opened: an archive that is read from its end, within another [64 MiB].
	Held int64
	// Disk is how disk images are opened; without drivers they are not.
	Disk disk.Options
}

// ErrBound says that a bound cut something off.
var ErrBound = errors.New("more than is opened")

// HeadBytes is how much of a member is shown before it is read.
const HeadBytes = 4096

// slack is how much may come out whatever went in.
const slack = 64 << 20

// Member is one file within another.
type Member struct {
	// Inside is its place: "a.tar/etc/passwd", joined with slashes by depth.
	Inside string
	// File is how a detector sees it: an absolute path, a size of -1 when it is
	// not known.
	File detect.File
	// Head is its first bytes, at most [HeadBytes].
	Head []byte
	// Reader gives all its bytes, those of Head too, until the next member.
	io.Reader
	held func() (detect.Reader, error)
}

// Hold gives the member's bytes at random, in memory when they must be, which
// takes them from Reader. Beyond [Options.Held] it is [ErrBound].
func (m *Member) Hold() (detect.Reader, error) { return m.held() }

// kind is what is within a file.
type kind struct {
	name string
	// is tells by the file and its head.
	is func(f detect.File, head []byte) bool
	// stream opens it as it comes, random with access to all of it. One is set.
	stream func(o *opening, m *Member) error
	random func(o *opening, m *Member, r detect.Reader) error
}

func magic(words ...string) func(detect.File, []byte) bool {
	return func(_ detect.File, head []byte) bool {
		return slices.ContainsFunc(words, func(w string) bool { return bytes.HasPrefix(head, []byte(w)) })
	}
}

// kinds are asked in order. It is a function since the kinds open one another.
func kinds() []kind {
	return []kind{
		{name: "gzip", is: magic("\x1f\x8b\x08"), stream: ungzip},
		{name: "zstd", is: magic("\x28\xb5\x2f\xfd"), stream: unzstd},
		{name: "bzip2", is: isBzip2, stream: unbzip2},
		{name: "xz", is: magic("\xfd7zXZ\x00"), random: unxz},
		{name: "zip", is: magic("PK\x03\x04"), random: unzip},
		{name: "7z", is: magic("7z\xbc\xaf\x27\x1c"), random: un7z},
		{name: "tar", is: isTar, stream: untar},
		{name: "cpio", is: magic("070701", "070702"), stream: uncpio},
		{name: "ar", is: magic("!<arch>\n"), stream: unar},
		{name: "git object", is: isGitObject, stream: gitObject},
		{name: "git pack", is: magic("PACK\x00\x00\x00\x02", "PACK\x00\x00\x00\x03"), random: gitPack},
		{name: "disk image", is: isImage, random: openImage},
	}
}

// Is tells by a file and its first bytes whether there is something within it.
func Is(f detect.File, head []byte) bool { return find(f, head) != nil }

func find(f detect.File, head []byte) *kind {
	for _, k := range kinds() {
		if k.is(f, head) {
			return &k
		}
	}
	return nil
}

// Named tells by its name alone whether a file is worth a look at its head,
// though it is no text.
func Named(f detect.File) bool {
	switch strings.ToLower(path.Ext(f.Path)) {
	case ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2", ".zst", ".zip", ".7z", ".tar", ".jar", ".war", ".ear", ".whl", ".deb", ".cpio",
		".rar", ".lz4", ".lzo", ".lz", ".z", ".cab", ".wim", ".gpg", ".pgp", ".enc", ".age", ".parquet", ".avro",
		".qcow2", ".vmdk", ".vhd", ".vhdx", ".vdi", ".img", ".raw", ".iso", ".ova", ".pack", ".docx", ".xlsx", ".pptx", ".apk", ".nupkg":
		return true
	}
	return strings.Contains(f.Path, "/objects/") || strings.Contains(f.Path, "/blobs/sha256/")
}

// closed are kinds of files in which there is something that is not opened, by
// what they begin with.
var closed = []struct{ magic, what string }{
	{"Rar!\x1a\x07", "rar archive"},
	{"\x04\x22\x4d\x18", "lz4 file"},
	{"\x89LZO\x00", "lzo file"},
	{"\x1f\x9d", "compress file"},
	{"LZIP", "lzip file"},
	{"MSCF\x00\x00\x00\x00", "cabinet"},
	{"MSWIM\x00\x00\x00", "Windows image"},
	{"Salted__", "file encrypted by openssl"},
	{"-----BEGIN PGP MESSAGE-----", "file encrypted by OpenPGP"},
	{"age-encryption.org/v1\n", "file encrypted by age"},
	{"Obj\x01", "Avro file"},
	{"PAR1", "Parquet file"},
}

// Closed tells what kind of file it is that holds something and is not opened,
// empty for all others.
func Closed(head []byte) string {
	for _, c := range closed {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return c.what
		}
	}
	return ""
}

// Walk opens a file that [Is] and gives its members to fn, which may leave any
// of their bytes. Members that are themselves opened are not given, but what is
// in them. Damage costs what it hits: it is told through lost, and so is each
// bound. The error is fn's or ctx's.
func Walk(ctx context.Context, f detect.File, r detect.Reader, o Options, fn func(*Member) error, lost func(inside string, err error)) error {
	o.defaults()
	w := &opening{ctx: ctx, o: o, in: &counted{r: r}, fn: fn, lost: lost}
	head := make([]byte, min(HeadBytes, max(0, f.Size)))
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		lost("", err)
		return ctx.Err()
	}
	m := &Member{File: f, Head: head[:n], held: func() (detect.Reader, error) { return w.in, nil }}
	m.Reader = io.NewSectionReader(w.in, 0, f.Size)
	k := find(f, m.Head)
	if k == nil {
		return nil
	}
	err = w.open(k, m)
	switch {
	case err == nil, ctx.Err() != nil, w.stop != nil:
	default:
		lost("", err)
	}
	return errors.Join(w.stop, ctx.Err())
}

func (o *Options) defaults() {
	if o.Depth <= 0 {
		o.Depth = 4
	}
	if o.Members <= 0 {
		o.Members = 100_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 4 << 30
	}
	if o.Ratio <= 0 {
		o.Ratio = 250
	}
	if o.Held <= 0 {
		o.Held = 64 << 20
	}
}

// counted counts what is read of the outer file.
type counted struct {
	r detect.Reader
	n int64
}

func (c *counted) Size() int64 { return c.r.Size() }

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// opening is one Walk.
type opening struct {
	ctx     context.Context
	o       Options
	in      *counted
	fn      func(*Member) error
	lost    func(string, error)
	depth   int
	members int
	out     int64
	bound   error // the bound that was met, of all depths
	stop    error // of fn
}

// open opens one container, at one depth more.
func (o *opening) open(k *kind, m *Member) error {
	if o.depth >= o.o.Depth {
		return fmt.Errorf("%s: %w: more than %d within one another", k.name, ErrBound, o.o.Depth)
	}
	o.depth++
	defer func() { o.depth-- }()
	var err error
	if k.stream != nil {
		err = k.stream(o, m)
	} else {
		var r detect.Reader
		if r, err = m.Hold(); err == nil {
			err = k.random(o, m, r)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	return nil
}

// member hands on one member of a container: opened, or to fn. The error ends
// the container.
func (o *opening) member(outer *Member, name string, size int64, r io.Reader, random func() (detect.Reader, error)) error {
	if err := o.ctx.Err(); err != nil {
		return err
	}
	if o.members++; o.members > o.o.Members {
		return o.cut(fmt.Errorf("%w: more than %d members", ErrBound, o.o.Members))
	}
	clean := path.Clean("/" + strings.ReplaceAll(name, "\x00", ""))
	if len(clean) > 4096 {
		clean = clean[:4096]
	}
	br := bufio.NewReaderSize(&gauge{o, r}, HeadBytes)
	head, err := br.Peek(HeadBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		o.lost(join(outer.Inside, clean), err)
		return o.bound
	}
	m := &Member{Inside: join(outer.Inside, clean), File: detect.File{Path: clean, Size: size, Mode: 0o600}, Head: bytes.Clone(head), Reader: br}
	m.held = random
	if random == nil {
		m.held = func() (detect.Reader, error) { return o.hold(m) }
	}
	if k := find(m.File, m.Head); k != nil {
		if err := o.open(k, m); err != nil && o.ctx.Err() == nil && o.stop == nil {
			o.lost(m.Inside, err)
		}
		return errors.Join(o.ctx.Err(), o.stop, o.bound)
	}
	if err := o.fn(m); err != nil {
		o.stop = err
		return err
	}
	return errors.Join(o.ctx.Err(), o.bound)
}

func join(outer, name string) string { return strings.TrimPrefix(outer+name, "/") }

func (o *opening) cut(err error) error {
	if o.bound == nil {
		o.bound = err
	}
	return o.bound
}

// hold reads a member into memory.
func (o *opening) hold(m *Member) (detect.Reader, error) {
	b, err := io.ReadAll(io.LimitReader(m.Reader, o.o.Held+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > o.o.Held {
		return nil, fmt.Errorf("%w: a member of more than %d bytes that has to be held in memory", ErrBound, o.o.Held)
	}
	m.Reader = bytes.NewReader(b)
	return bytes.NewReader(b), nil
}

// gauge counts the bytes that come out, and ends them at a bound.
type gauge struct {
	o *opening
	r io.Reader
}

func (g *gauge) Read(p []byte) (int, error) {
	o := g.o
	if o.bound != nil {
		return 0, o.bound
	}
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := g.r.Read(p)
	o.out += int64(n)
	switch {
	case o.out > o.o.Bytes:
		return n, o.cut(fmt.Errorf("%w: more than %d bytes came out", ErrBound, o.o.Bytes))
	case o.out > slack && o.out/o.o.Ratio > o.in.n:
		return n, o.cut(fmt.Errorf("%w: %d bytes came out of %d", ErrBound, o.out, o.in.n))
	}
	return n, err
}
