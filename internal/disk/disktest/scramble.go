package disktest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Scramble changes the tree at dir by n random acts, among them fsyncs of some
// files only, as a host in use does.
func Scramble(t testing.TB, dir string, seed uint64, n int) {
	t.Helper()
	s := &scrambler{rnd: rand.New(rand.NewPCG(seed, 11)), dir: dir, dirs: []string{dir}}
	for i := range n {
		if err := s.act(i); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrExist) {
			t.Fatalf("act %d: %v", i, err)
		}
	}
}

type scrambler struct {
	rnd   *rand.Rand
	dir   string
	dirs  []string
	files []string
}

func (s *scrambler) in() string { return s.dirs[s.rnd.IntN(len(s.dirs))] }

func (s *scrambler) file() string {
	if len(s.files) == 0 {
		return filepath.Join(s.dir, "none")
	}
	return s.files[s.rnd.IntN(len(s.files))]
}

func (s *scrambler) act(i int) error {
	switch k := s.rnd.IntN(100); {
	case k < 35:
		p := filepath.Join(s.in(), fmt.Sprintf("file-%d", i))
		s.files = append(s.files, p)
		return s.write(p, 0, s.rnd.IntN(1<<s.rnd.IntN(18)))
	case k < 50:
		return s.write(s.file(), s.rnd.Int64N(1<<17), s.rnd.IntN(20_000))
	case k < 58:
		return os.Truncate(s.file(), s.rnd.Int64N(1<<16))
	case k < 68:
		return os.Remove(s.file())
	case k < 75:
		p := filepath.Join(s.in(), fmt.Sprintf("moved-%d", i))
		err := os.Rename(s.file(), p)
		if err == nil {
			s.files = append(s.files, p)
		}
		return err
	case k < 80:
		p := filepath.Join(s.in(), fmt.Sprintf("dir-%d", i))
		s.dirs = append(s.dirs, p)
		return os.Mkdir(p, 0o750)
	case k < 84:
		return os.Link(s.file(), filepath.Join(s.in(), fmt.Sprintf("hard-%d", i)))
	case k < 88:
		return os.Symlink(fmt.Sprintf("to/%0*d", s.rnd.IntN(200), i), filepath.Join(s.in(), fmt.Sprintf("link-%d", i)))
	case k < 92:
		return setXattr(s.file(), fmt.Sprintf("user.x%d", s.rnd.IntN(5)), make([]byte, s.rnd.IntN(300)))
	case k < 95:
		return os.Chmod(s.file(), os.FileMode(s.rnd.IntN(0o1000)))
	}
	return s.sync(s.file())
}

func (s *scrambler) write(path string, off int64, n int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(s.rnd.Uint32())
	}
	_, err = f.WriteAt(data, off)
	if s.rnd.IntN(4) == 0 {
		err = errors.Join(err, f.Sync())
	}
	return errors.Join(err, f.Close())
}

func (s *scrambler) sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// CopyLive copies an image that is in use, as a snapshot of a running host is
// taken: what the kernel has not written yet is not in it.
func CopyLive(t testing.TB, from, to string) {
	t.Helper()
	src := File(t, from)
	Blank(t, to, src.Size())
	CopyInto(t, from, to, 0)
}

// CopyInto copies the data of a sparse file into another one, from an offset on.
func CopyInto(t testing.TB, from, to string, at int64) {
	t.Helper()
	src := File(t, from)
	extents, err := src.Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dst, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range extents {
		if _, err := io.Copy(io.NewOffsetWriter(dst, at+e.Offset), io.NewSectionReader(src, e.Offset, e.Length)); err != nil {
			t.Fatal(err)
		}
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}
