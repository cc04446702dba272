package xfs_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// churn changes a mounted tree at random, so that its log holds every kind of
// change: a few files are synced, which brings all metadata so far into the
// log but not to its place.
type churn struct {
	t     testing.TB
	root  string
	r     *rand.Rand
	dirs  []string
	files []string
	n     int
}

func newChurn(t testing.TB, root string, seed uint64) *churn {
	return &churn{t: t, root: root, r: rand.New(rand.NewPCG(seed, 5)), dirs: []string{root}}
}

// run does n steps.
func (c *churn) run(n int) {
	c.t.Helper()
	for range n {
		c.step()
	}
}

func (c *churn) must(err error) {
	c.t.Helper()
	if err != nil && !os.IsNotExist(err) && !os.IsExist(err) && !strings.Contains(err.Error(), "not empty") {
		c.t.Fatalf("churn: %v", err)
	}
}

func (c *churn) dir() string { return c.dirs[c.r.IntN(len(c.dirs))] }

func (c *churn) name(kind string) string {
	c.n++
	return filepath.Join(c.dir(), kind+strings.Repeat("x", c.r.IntN(60))+fmt.Sprint(c.n))
}

func (c *churn) file() string {
	if len(c.files) == 0 {
		return c.create(100)
	}
	return c.files[c.r.IntN(len(c.files))]
}

// bytes gives n bytes that no other call gives and that compress well.
func (c *churn) bytes(n int) []byte {
	return bytes.Repeat(binary.LittleEndian.AppendUint32(nil, c.r.Uint32()), n/4+1)[:n]
}

func (c *churn) create(most int) string {
	p := c.name("f")
	c.must(os.WriteFile(p, c.bytes(c.r.IntN(most+1)), 0o644))
	c.files = append(c.files, p)
	return p
}

func (c *churn) step() {
	c.t.Helper()
	switch k := c.r.IntN(100); {
	case k < 22:
		c.create(30_000)
	case k < 28:
		p := c.name("d")
		c.must(os.Mkdir(p, 0o755))
		c.dirs = append(c.dirs, p)
	case k < 36:
		c.must(os.Remove(c.file()))
	case k < 41:
		to := c.name("r")
		c.must(os.Rename(c.file(), to))
		c.files = append(c.files, to)
	case k < 44:
		c.must(os.Truncate(c.file(), c.r.Int64N(100_000)))
	case k < 56:
		c.attribute()
	case k < 62:
		c.must(os.Symlink(strings.Repeat("t/", 1+c.r.IntN(500)), c.name("l")))
	case k < 66:
		c.must(os.Link(c.file(), c.name("h")))
	case k < 70:
		c.fragment()
	case k < 73:
		c.must(os.Chmod(c.file(), os.FileMode(c.r.IntN(0o1000))))
	case k < 75:
		c.must(os.Lchown(c.file(), c.r.IntN(70_000), c.r.IntN(70_000)))
	case k < 77:
		c.must(syscall.Mkfifo(c.name("p"), 0o600))
	case k < 79:
		c.must(syscall.Mknod(c.name("b"), syscall.S_IFBLK|0o600, c.r.IntN(5000)))
	case k < 82:
		c.grow()
	case k < 83:
		c.drop()
	case k < 86:
		c.preallocate()
	case k < 90:
		c.share()
	default:
		c.sync(c.file())
	}
}

// sync brings a file and everything before it into the log.
func (c *churn) sync(path string) {
	f, err := os.Open(path)
	if err == nil {
		err = f.Sync()
		f.Close()
	}
	c.must(err)
}

func (c *churn) attribute() {
	p := c.file()
	if c.r.IntN(3) == 0 {
		p = c.dir()
	}
	name := fmt.Sprintf("user.a%d", c.r.IntN(40))
	if c.r.IntN(4) == 0 {
		name = "trusted." + strings.Repeat("n", 1+c.r.IntN(200))
	}
	if c.r.IntN(4) == 0 {
		if err := syscall.Removexattr(p, name); err != syscall.ENODATA {
			c.must(err)
		}
		return
	}
	c.must(syscall.Setxattr(p, name, c.bytes([]int{0, 10, 100, 1000, 3000, 20_000, 65_536}[c.r.IntN(7)]), 0))
}

// fragment writes every other block of a file.
func (c *churn) fragment() {
	p := c.create(10)
	f, err := os.OpenFile(p, os.O_WRONLY, 0)
	c.must(err)
	defer f.Close()
	n := c.r.IntN(300)
	for i := range n {
		_, err := f.WriteAt([]byte{byte(i), 1, 2}, int64(i)*8192)
		c.must(err)
	}
	if c.r.IntN(2) == 0 {
		c.must(f.Sync())
	}
}

// grow makes many entries in one directory.
func (c *churn) grow() {
	d := c.name("many")
	c.must(os.Mkdir(d, 0o755))
	for i := range c.r.IntN(400) {
		p := filepath.Join(d, fmt.Sprintf("entry-with-a-longer-name-%d", i))
		c.must(os.WriteFile(p, nil, 0o644))
		if c.r.IntN(20) == 0 {
			c.files = append(c.files, p)
		}
	}
	c.dirs = append(c.dirs, d)
}

// drop removes a whole directory.
func (c *churn) drop() {
	if i := c.r.IntN(len(c.dirs)); i > 0 {
		c.must(os.RemoveAll(c.dirs[i]))
		prefix := c.dirs[i] + "/"
		keep := c.dirs[:0]
		for _, d := range c.dirs {
			if !strings.HasPrefix(d+"/", prefix) {
				keep = append(keep, d)
			}
		}
		c.dirs = keep
	}
}

// share makes files share their blocks and writes to one of them. Where the
// file system can't, it does nothing.
func (c *churn) share() {
	from, err := os.Open(c.file())
	if err != nil {
		c.must(err)
		return
	}
	defer from.Close()
	to, err := os.Create(c.name("s"))
	c.must(err)
	defer to.Close()
	c.files = append(c.files, to.Name())
	const ficlone = 0x40049409
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, to.Fd(), ficlone, from.Fd()); e != 0 {
		return
	}
	for range c.r.IntN(20) {
		_, err := to.WriteAt(c.bytes(100), c.r.Int64N(100_000))
		c.must(err)
	}
	if c.r.IntN(2) == 0 {
		c.must(to.Sync())
	}
}

// preallocate reserves blocks and writes a few of them.
func (c *churn) preallocate() {
	f, err := os.Create(c.name("u"))
	c.must(err)
	defer f.Close()
	c.must(syscall.Fallocate(int(f.Fd()), 0, 0, 200_000))
	_, err = f.WriteAt(bytes.Repeat([]byte("w"), 5000), c.r.Int64N(190_000))
	c.must(err)
	if c.r.IntN(2) == 0 {
		c.must(f.Sync())
	}
}
