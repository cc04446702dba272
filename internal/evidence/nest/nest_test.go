package nest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/evidence/nest"
)

// run runs a tool in a folder.
func run(t *testing.T, dir, tool string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_CONFIG_GLOBAL=/dev/null", "PATH="+os.Getenv("PATH")+":/sbin:/usr/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
	}
}

// members opens a file and gives "place: content" of each member, and what was lost.
func members(t testing.TB, name string, b []byte, o nest.Options) (got, lost []string) {
	t.Helper()
	f := detect.File{Path: "/" + name, Size: int64(len(b))}
	err := nest.Walk(context.Background(), f, bytes.NewReader(b), o, func(m *nest.Member) error {
		content, err := io.ReadAll(m)
		if err != nil {
			lost = append(lost, m.Inside+": "+err.Error())
		}
		if !bytes.HasPrefix(content, m.Head) {
			t.Errorf("%s: the head is not what the member begins with", m.Inside)
		}
		got = append(got, m.Inside+": "+string(content))
		return nil
	}, func(in string, err error) { lost = append(lost, in+": "+err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	return got, lost
}

// made makes a container of each kind with one secret file in it.
func made(t *testing.T) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.MkdirAll(filepath.Join(in, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, "etc", "app.env"), []byte("needle-in-a-haystack\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "tar", "-C", in, "-cf", "a.tar", "etc")
	run(t, dir, "sh", "-c", "gzip -k a.tar && xz -k a.tar && bzip2 -k a.tar && zstd -q a.tar && cp a.tar.gz b.tgz")
	run(t, in, "zip", "-q", "-r", "../a.zip", "etc")
	run(t, in, "7zz", "a", "-bso0", "../a.7z", "etc")
	run(t, in, "sh", "-c", "find etc | cpio --quiet -o -H newc > ../a.cpio")
	run(t, dir, "sh", "-c", "printf '2.0\n' > debian-binary && cp a.tar.xz data.tar.xz && ar rc a.deb debian-binary data.tar.xz")
	run(t, dir, "mke2fs", "-q", "-t", "ext4", "-d", in, "disk.img", "4M")
	run(t, dir, "qemu-img", "convert", "-O", "qcow2", "disk.img", "disk.qcow2")
	run(t, dir, "tar", "-czf", "twice.tar.gz", "a.zip", "disk.qcow2", "a.7z", "a.tar.xz")
	out := map[string][]byte{}
	for _, n := range []string{"a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2", "a.tar.zst", "b.tgz", "a.zip", "a.7z", "a.cpio", "a.deb", "disk.img", "disk.qcow2", "twice.tar.gz"} {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		out[n] = b
	}
	return out
}

func TestWalk(t *testing.T) {
	t.Parallel()
	places := map[string][]string{
		"a.tar.gz": {"a.tar/etc/app.env"}, "a.tar.xz": {"a.tar/etc/app.env"}, "a.tar.bz2": {"a.tar/etc/app.env"}, "a.tar.zst": {"a.tar/etc/app.env"},
		"b.tgz": {"b.tar/etc/app.env"}, "disk.img": {"whole/etc/app.env"}, "disk.qcow2": {"whole/etc/app.env"}, "a.deb": {"data.tar/etc/app.env"},
		"twice.tar.gz": {"twice.tar/a.zip/etc/app.env", "twice.tar/disk.qcow2/whole/etc/app.env", "twice.tar/a.7z/etc/app.env", "twice.tar/a.tar/etc/app.env"},
	}
	for name, b := range made(t) {
		got, lost := members(t, name, b, nest.Options{Disk: all.Options()})
		if len(lost) != 0 {
			t.Errorf("%s: lost %q", name, lost)
		}
		want := places[name]
		if want == nil {
			want = []string{"etc/app.env"}
		}
		for _, w := range want {
			if !strings.Contains(strings.Join(got, ""), w+": needle-in-a-haystack\n") {
				t.Errorf("%s: got %q, want %s", name, got, w)
			}
		}
	}
}

func TestGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, dir, "git", "init", "-q")
	base := strings.Repeat("a line of a file that hardly changes\n", 200)
	want := map[string]bool{}
	for i := range 20 {
		content := base + fmt.Sprintf("needle %d\n", i)
		want[content] = false
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "git", "add", "f")
		run(t, dir, "git", "commit", "-q", "-m", fmt.Sprintf("commit %d", i))
	}
	look := func() (commits int) {
		err := filepath.WalkDir(filepath.Join(dir, ".git", "objects"), func(p string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			f := detect.File{Path: p, Size: int64(len(b))}
			if !nest.Is(f, b[:min(len(b), nest.HeadBytes)]) {
				return nil
			}
			got, lost := members(t, strings.TrimPrefix(p, "/"), b, nest.Options{})
			if len(lost) != 0 {
				t.Errorf("%s: lost %q", p, lost)
			}
			for _, g := range got {
				_, content, _ := strings.Cut(g, ": ")
				if _, ok := want[content]; ok {
					want[content] = true
				}
				if strings.Contains(content, "\ncommit ") {
					commits++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return commits
	}
	for _, how := range []string{"loose", "packed"} {
		if how == "packed" {
			run(t, dir, "git", "gc", "-q", "--aggressive", "--prune=now")
		}
		if n := look(); n != 20 {
			t.Errorf("%s: %d commits of 20", how, n)
		}
		for c, ok := range want {
			if !ok {
				t.Errorf("%s: a version was not found: %q", how, c[len(c)-12:])
			}
			want[c] = false
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, dir, "sh", "-c", "head -c 400000000 /dev/zero | gzip > bomb.gz; cp bomb.gz x && for i in 1 2 3 4 5 6; do gzip -c x > y; mv y x; done")
	bomb, err := os.ReadFile(filepath.Join(dir, "bomb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	f := detect.File{Path: "/bomb.gz", Size: int64(len(bomb))}
	n, lost := int64(0), error(nil)
	err = nest.Walk(t.Context(), f, bytes.NewReader(bomb), nest.Options{}, func(m *nest.Member) error {
		got, err := io.Copy(io.Discard, m)
		n, lost = n+got, errors.Join(lost, err)
		return nil
	}, func(_ string, err error) { lost = errors.Join(lost, err) })
	if err != nil || !errors.Is(lost, nest.ErrBound) || n > 150<<20 {
		t.Errorf("a bomb gave %d bytes, lost %v, error %v", n, lost, err)
	}
	deep, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, lost := members(t, "deep", deep, nest.Options{}); len(lost) != 1 || !strings.Contains(lost[0], "within one another") {
		t.Errorf("seven layers: lost %q", lost)
	}
	stop := errors.New("enough")
	err = nest.Walk(t.Context(), f, bytes.NewReader(bomb), nest.Options{}, func(*nest.Member) error { return stop }, func(string, error) {})
	if !errors.Is(err, stop) {
		t.Errorf("an error of fn became %v", err)
	}
}

// TestDamage changes bytes of every container: an end, no panic, bounded output.
func TestDamage(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	for name, b := range made(t) {
		for range 40 {
			bad := bytes.Clone(b)
			for range 1 + r.IntN(5) {
				bad[r.IntN(min(len(bad), 20000))] = byte(r.Uint32())
			}
			members(t, name, bad[:len(bad)-r.IntN(len(bad)/4)], nest.Options{Disk: all.Options(), Bytes: 16 << 20})
		}
	}
}

func FuzzWalk(f *testing.F) {
	f.Add("/a.gz", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("/p.pack", []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\x30\x78\x9c\x03\x00\x00\x00\x00\x01"))
	f.Add("/a.cpio", []byte("070701"+strings.Repeat("0", 104)))
	f.Add("/a.deb", []byte("!<arch>\nx               0           0     0     644     4         `\nabcd"))
	f.Fuzz(func(t *testing.T, path string, b []byte) {
		file := detect.File{Path: path, Size: int64(len(b))}
		if !nest.Is(file, b[:min(len(b), nest.HeadBytes)]) {
			return
		}
		members(t, strings.TrimPrefix(path, "/"), b, nest.Options{Disk: all.Options(), Bytes: 8 << 20, Members: 1000})
	})
}
