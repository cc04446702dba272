package btrfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/btrfs"
)

// meddler changes a tree at random and syncs some of what it changes.
type meddler struct {
	t    testing.TB
	root string
	r    *rand.Rand
	n    int
}

// some gives a path of the given type below the root, "" when there is none.
func (m *meddler) some(kind string) string {
	var all []string
	_ = filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && fsys.TypeName(d.Type()) == kind {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return ""
	}
	return all[m.r.IntN(len(all))]
}

func (m *meddler) fresh() string {
	m.n++
	return filepath.Join(m.some("dir"), fmt.Sprintf("%s-%d", []string{"f", "a-longer-name", "ü"}[m.r.IntN(3)], m.n))
}

func (m *meddler) bytes() []byte {
	n := []int{0, 1, 100, 2000, 4096, 5000, 70_000, 300_000}[m.r.IntN(8)]
	return bytes.Repeat([]byte{byte('a' + m.r.IntN(26)), byte(m.n)}, n/2+1)[:n]
}

func (m *meddler) open(path string, flags int, fn func(*os.File) error) error {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}

func (m *meddler) sync(path string) error {
	return m.open(path, os.O_RDONLY, (*os.File).Sync)
}

// step makes one change. Those that the file system refuses are left out.
func (m *meddler) step() {
	file := m.some("file")
	var err error
	switch m.r.IntN(22) {
	case 0, 1, 2:
		file = m.fresh()
		err = os.WriteFile(file, m.bytes(), 0o600)
	case 3, 4:
		err = m.open(file, os.O_WRONLY, func(f *os.File) error {
			_, err := f.WriteAt(m.bytes(), m.r.Int64N(100_000))
			return err
		})
	case 5:
		err = os.Truncate(file, m.r.Int64N(200_000))
	case 6:
		err = os.Truncate(file, 0)
	case 7, 8:
		err = os.Rename(file, m.fresh())
	case 9:
		err = os.Rename(file, m.some("file"))
	case 10, 11:
		err = os.Remove(file)
		file = filepath.Dir(file)
	case 12, 13:
		to := m.fresh()
		err = os.Link(file, to)
		file = to
	case 14:
		err = os.Symlink("to/"+file, m.fresh())
	case 15:
		file = m.fresh()
		err = os.Mkdir(file, 0o750)
	case 16:
		err = syscall.Setxattr(file, fmt.Sprintf("user.x%d", m.r.IntN(6)), bytes.Repeat([]byte{'v'}, m.r.IntN(100)), 0)
	case 17:
		err = syscall.Removexattr(file, fmt.Sprintf("user.x%d", m.r.IntN(6)))
	case 18:
		err = os.Chmod(file, fs.FileMode(m.r.IntN(0o1000)))
	case 19:
		// 1 keeps the size, 3 punches a hole.
		mode := []uint32{0, 1, 3}[m.r.IntN(3)]
		err = m.open(file, os.O_WRONLY, func(f *os.File) error {
			return syscall.Fallocate(int(f.Fd()), mode, m.r.Int64N(100_000), 1+m.r.Int64N(100_000))
		})
	case 20:
		err = os.Rename(m.some("dir"), m.fresh())
	case 21:
		err = os.Remove(m.some("dir"))
	}
	_ = err
	if m.r.IntN(3) == 0 {
		_ = m.sync(file)
	}
	if m.r.IntN(12) == 0 {
		_ = m.sync(m.some("dir"))
	}
}

// dirty makes an image that was copied while mounted, right after some of its
// files were synced.
func dirty(t testing.TB, path string, seed uint64, steps int) {
	t.Helper()
	work := path + ".mounted"
	var mkfs []string
	if seed%2 == 1 {
		mkfs = []string{"-O", "^no-holes"}
	}
	options := "commit=300," + []string{"", "compress-force=zstd", "compress-force=lzo", "compress-force=zlib"}[seed%4]
	options = strings.TrimSuffix(options, ",")
	disktest.Blank(t, work, 128<<20)
	disktest.Run(t, disktest.Tool(t, "mkfs.btrfs"), append(append([]string{"-q"}, mkfs...), work)...)
	at := disktest.Mount(t, "btrfs", work, options)
	disktest.Run(t, disktest.Tool(t, "btrfs"), "subvolume", "create", at+"/sub")
	m := &meddler{t: t, root: at, r: rand.New(rand.NewPCG(seed, 1))}
	for range 60 {
		m.step()
	}
	disktest.Run(t, "umount", at)
	disktest.Run(t, "mount", "-t", "btrfs", "-o", "loop,"+options, work, at)
	for range steps {
		m.step()
	}
	// The first one may end the transaction, for what came before could not be
	// logged. The second one is in the log.
	for i := range 2 {
		last := filepath.Join(at, fmt.Sprintf(".env%d", i))
		if err := errors.Join(os.WriteFile(last, []byte("FRESH=1\n"), 0o600), m.sync(last)); err != nil {
			t.Fatal(err)
		}
	}
	disktest.Run(t, "cp", "--sparse=always", work, path)
	disktest.Run(t, "umount", at)
	_ = os.Remove(work)
}

// replayed compares what is read of a dirty image with what the kernel sees
// after its replay.
func replayed(t *testing.T, path string) (changed int) {
	t.Helper()
	tree, err := btrfs.Driver{}.Open(t.Context(), disktest.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(tree.Info().Notes, "; ")
	if tree.Info().Incomplete || !strings.Contains(notes, "replayed in memory") {
		t.Errorf("incomplete %v, notes %q", tree.Info().Incomplete, notes)
	}
	seen := path + ".seen"
	disktest.Run(t, "cp", "--sparse=always", path, seen)
	before := time.Now()
	at := disktest.Mount(t, "btrfs", seen, "")
	want := disktest.Truth(t, at)
	// Without the log.
	disktest.Run(t, "umount", at)
	disktest.Run(t, "cp", "--sparse=always", path, seen)
	disktest.Run(t, "mount", "-t", "btrfs", "-o", "loop,ro,rescue=nologreplay", seen, at)
	stale := disktest.Truth(t, at)
	disktest.Run(t, "umount", at)
	_ = os.Remove(seen)
	for path, f := range want {
		if s, ok := stale[path]; !ok || s.SHA256 != f.SHA256 {
			changed++
		}
	}
	if changed == 0 {
		t.Error("the log changes nothing: the test can't fail")
	}
	compareSubvolumes(t, tree, want, before)
	return changed
}

func TestReplay(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk")
			dirty(t, path, seed, 150)
			t.Log(replayed(t, path), "files changed by the log")
		})
	}
}
