package disktest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Plant fills dir with a tree that trips readers: sizes around every boundary,
// sparse files, a huge directory, deep paths, odd names, every kind of link.
// entries is how many files the huge directory holds.
func Plant(t testing.TB, dir string, entries int) {
	t.Helper()
	p := planter{t, dir, rand.NewChaCha8([32]byte{7})}
	for _, n := range []int{0, 1, 59, 60, 61, 100, 155, 156, 157, 511, 512, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 65537, 300_000} {
		p.file(fmt.Sprintf("sizes/%d", n), p.bytes(n))
	}
	p.file("big", p.bytes(5<<20))
	p.sparse("sparse/head", 1<<20, map[int64]int{1<<20 - 10: 10})
	p.sparse("sparse/tail", 3<<20, map[int64]int{0: 5})
	p.sparse("sparse/all", 2<<20, nil)
	holes := map[int64]int{}
	for i := range int64(200) {
		holes[i*20_000] = 4100
	}
	p.sparse("sparse/holes", 5<<20, holes)
	p.sparse("sparse/far", 600<<20, map[int64]int{0: 10, 300 << 20: 9000, 600<<20 - 3: 3})
	for i := range entries {
		p.file(fmt.Sprintf("many/file-with-a-longer-name-%06d", i), nil)
	}
	p.file(strings.Repeat("d/", 40)+"deep", []byte("deep"))
	p.file("names/"+strings.Repeat("n", 250), []byte("long"))
	p.file("names/秘密 🔑.txt", []byte("utf-8"))
	p.file("names/\xff\xfe not utf-8", []byte("bytes"))
	p.file("names/new\nline \"quoted\" \\ back", []byte("odd"))
	p.link("links/short", "../sizes/60")
	p.link("links/absolute", "/sizes/61")
	p.link("links/59", strings.Repeat("a", 59))
	p.link("links/60", strings.Repeat("b", 60))
	p.link("links/long", strings.Repeat("c/", 400)+"x")
	p.link("links/dangling", "nowhere")
	p.link("links/loop", "loop")
	p.link("links/dir", "../names")
	p.file("modes/hard1", []byte("one file, two names"))
	p.must(os.Link(p.path("modes/hard1"), p.path("modes/hard2")))
	for _, m := range []os.FileMode{0, 0o600, 0o644, 0o755, 0o755 | os.ModeSetuid, 0o755 | os.ModeSetgid} {
		name := fmt.Sprintf("modes/%o", uint32(m))
		p.file(name, []byte(name))
		p.must(os.Chmod(p.path(name), m))
	}
	p.must(os.Mkdir(p.path("modes/sticky"), 0o755))
	p.must(os.Chmod(p.path("modes/sticky"), 0o777|os.ModeSticky))
	p.must(os.Mkdir(p.path("empty"), 0o700))
	p.must(fifo(p.path("modes/fifo")))
	for i, name := range []string{"empty", "short", "long"} {
		p.file("xattrs/"+name, []byte(name))
		p.must(setXattr(p.path("xattrs/"+name), "user.lenscap."+name, bytes.Repeat([]byte{'v'}, i*i*150)))
	}
	p.must(setXattr(p.path("xattrs"), "user.on-a-folder", []byte("秘密")))
	for i := range 8 {
		p.must(setXattr(p.path("xattrs/short"), fmt.Sprintf("user.n%d", i), bytes.Repeat([]byte{byte(i)}, 10*i)))
	}
	if os.Geteuid() == 0 {
		for _, id := range []int{1000, 70_000} {
			name := fmt.Sprintf("owners/%d", id)
			p.file(name, []byte("owned"))
			p.must(os.Lchown(p.path(name), id, id+1))
		}
	}
	p.file("times/old", []byte("old"))
	p.must(os.Chtimes(p.path("times/old"), time.Time{}, time.Unix(86_400, 0)))
}

type planter struct {
	t   testing.TB
	dir string
	rnd *rand.ChaCha8
}

func (p planter) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("plant: %v", err)
	}
}

func (p planter) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p planter) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = p.rnd.Read(b)
	return b
}

func (p planter) file(name string, data []byte) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	p.must(os.WriteFile(p.path(name), data, 0o644))
}

func (p planter) link(name, target string) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	p.must(os.Symlink(target, p.path(name)))
}

// sparse writes a file of the given size with random bytes at some offsets.
func (p planter) sparse(name string, size int64, data map[int64]int) {
	p.t.Helper()
	p.file(name, nil)
	f, err := os.OpenFile(p.path(name), os.O_WRONLY, 0)
	p.must(err)
	for off, n := range data {
		_, err := f.WriteAt(bytes.Repeat([]byte{byte(off>>8) | 1}, n), off)
		p.must(err)
	}
	p.must(f.Truncate(size))
	p.must(f.Close())
}
