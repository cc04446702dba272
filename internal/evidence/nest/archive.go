package nest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/bodgit/sevenzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/image/stream"
)

// maxWindow bounds the memory that a compressed file may ask for.
const maxWindow = 64 << 20

// inner is the name of what a compressed file holds.
func inner(m *Member) string {
	base := path.Base(m.File.Path)
	switch ext := strings.ToLower(path.Ext(base)); ext {
	case ".tgz", ".txz", ".tbz2", ".tbz", ".tzst":
		return strings.TrimSuffix(base, base[len(base)-len(ext):]) + ".tar"
	case ".gz", ".xz", ".bz2", ".zst":
		return base[:len(base)-len(ext)]
	}
	return base + ".content"
}

// plain hands on what a compressed file holds. It stands for the file itself:
// detectors see it at the file's own place, with the ending taken off.
func (o *opening) plain(m *Member, r io.Reader) error {
	name := inner(m)
	if m.Inside == "" {
		return o.member(m, name, -1, r, nil)
	}
	up := &Member{Inside: strings.TrimSuffix(m.Inside, path.Base(m.Inside))}
	up.Inside = strings.TrimSuffix(up.Inside, "/")
	return o.member(up, path.Join(path.Dir(m.File.Path), name)[len(path.Dir(m.File.Path)):], -1, r, nil)
}

func ungzip(o *opening, m *Member) error {
	r, err := gzip.NewReader(m.Reader)
	if err != nil {
		return err
	}
	return o.plain(m, r)
}

func unzstd(o *opening, m *Member) error {
	r, err := zstd.NewReader(m.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer r.Close()
	return o.plain(m, r)
}

func isBzip2(_ detect.File, head []byte) bool {
	return len(head) > 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' && string(head[4:10]) == "1AY&SY"
}

func unbzip2(o *opening, m *Member) error { return o.plain(m, bzip2.NewReader(m.Reader)) }

// source makes a block source of a reader.
type source struct{ detect.Reader }

func (source) Close() error { return nil }

func unxz(o *opening, m *Member, r detect.Reader) error {
	out, in := io.Pipe()
	go func() { in.CloseWithError(stream.UnpackXz(source{r}, in)) }()
	defer out.Close() //nolint:errcheck // it ends the unpacking
	return o.plain(m, out)
}

var _ block.Source = source{}

func unzip(o *opening, m *Member, r detect.Reader) error {
	z, err := zip.NewReader(r, r.Size())
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if f.Flags&1 != 0 {
			o.lost(join(m.Inside, "/"+f.Name), block.ErrEncrypted)
			continue
		}
		c, err := f.Open()
		if err != nil {
			o.lost(join(m.Inside, "/"+f.Name), err)
			continue
		}
		err = o.member(m, f.Name, int64(min(f.UncompressedSize64, 1<<62)), c, nil) //nolint:gosec // bounded
		_ = c.Close()                                                              // reading only
		if err != nil {
			return err
		}
	}
	return nil
}

func un7z(o *opening, m *Member, r detect.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil { // the library is not ours to prove
			err = fmt.Errorf("%w: the archive can't be read", block.ErrDamaged)
		}
	}()
	z, err := sevenzip.NewReader(r, r.Size())
	if err != nil {
		if e, ok := errors.AsType[*sevenzip.ReadError](err); ok && e.Encrypted {
			return block.ErrEncrypted
		}
		return err
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		c, err := f.Open()
		if err != nil {
			o.lost(join(m.Inside, "/"+f.Name), err)
			continue
		}
		err = o.member(m, f.Name, int64(min(f.UncompressedSize, 1<<62)), c, nil) //nolint:gosec // bounded
		_ = c.Close()                                                            // reading only
		if err != nil {
			return err
		}
	}
	return nil
}

func isTar(_ detect.File, head []byte) bool {
	return len(head) >= 512 && string(head[257:262]) == "ustar"
}

func untar(o *opening, m *Member) error {
	t := tar.NewReader(m.Reader)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || h.Size == 0 {
			continue
		}
		if err := o.member(m, h.Name, h.Size, t, nil); err != nil {
			return err
		}
	}
}

// uncpio reads the "new ASCII" form of cpio, cpio(5).
func uncpio(o *opening, m *Member) error {
	r := m.Reader
	var head [110]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return fmt.Errorf("header: %w", err)
		}
		if s := string(head[:6]); s != "070701" && s != "070702" {
			return fmt.Errorf("%w: header magic %q", block.ErrDamaged, s)
		}
		field := func(i int) (int64, error) { return strconv.ParseInt(string(head[6+8*i:14+8*i]), 16, 64) }
		mode, err1 := field(1)
		size, err2 := field(6)
		nameLen, err3 := field(11)
		if err := errors.Join(err1, err2, err3); err != nil || nameLen < 1 || nameLen > 4096 {
			return fmt.Errorf("%w: header fields", block.ErrDamaged)
		}
		name := make([]byte, nameLen+pad4(110+nameLen))
		if _, err := io.ReadFull(r, name); err != nil {
			return fmt.Errorf("name: %w", err)
		}
		n, _, _ := strings.Cut(string(name[:nameLen]), "\x00")
		if n == "TRAILER!!!" {
			return nil
		}
		body := io.LimitReader(r, size)
		if mode&0o170000 == 0o100000 && size > 0 {
			if err := o.member(m, n, size, body, nil); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, &gauge{o, body}); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, r, pad4(size)); err != nil {
			return fmt.Errorf("padding: %w", err)
		}
	}
}

func pad4(n int64) int64 { return -n & 3 }

// unar reads ar archives, ar(5): Debian's packages are such.
func unar(o *opening, m *Member) error {
	r := m.Reader
	var head [60]byte
	if _, err := io.CopyN(io.Discard, r, 8); err != nil {
		return err
	}
	for {
		_, err := io.ReadFull(r, head[:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || string(head[58:]) != "`\n" {
			return fmt.Errorf("%w: member header", block.ErrDamaged)
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(head[48:58])), 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("%w: member size", block.ErrDamaged)
		}
		name := strings.TrimSuffix(string(bytes.TrimSpace(head[:16])), "/")
		body := io.LimitReader(r, size)
		if size > 0 {
			if err := o.member(m, name, size, body, nil); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, &gauge{o, body}); err != nil {
			return err
		}
		if size%2 == 1 {
			if _, err := io.CopyN(io.Discard, r, 1); err != nil {
				return nil //nolint:nilerr // the last member may lack its padding
			}
		}
	}
}
