package iso9660_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/iso9660"
)

// linux runs a script in User-Mode Linux, where ISO 9660 can be mounted, and
// gives what it prints.
func linux(t testing.TB, script string, images ...string) string {
	t.Helper()
	disktest.Tool(t, "linux.uml")
	uml, err := filepath.Abs("../../disktest/uml.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{uml, path}, images...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("user-mode linux: %v\n%.2000s", err, out)
	}
	return string(out)
}

// look prints what Linux sees in each image.
const look = `
for m in nls_iso8859-1 nls_utf8 isofs; do modprobe -d $MODULES $m; done
for d in /dev/ubd[a-z]; do
  mount -t iso9660 -o utf8,ro $d /run/mnt
  cd /run/mnt
  echo "image $d"
  find . -type f -exec sha256sum {} + | sed 's/^/sum /'
  find . -mindepth 1 -printf 'fact %y %#m %n %U %G %s %T@ %A@ %C@ |%l|%P\n'
  cd /
  umount /run/mnt
done
`

// facts is what is compared with Linux's own reading.
type facts struct {
	Type                        string
	Mode                        uint32
	Links, UID, GID             uint32
	Size                        int64
	Modified, Accessed, Changed int64
	Target, SHA256              string
}

var types = map[byte]string{'f': "file", 'd': "dir", 'l': "link", 'p': "fifo", 's': "socket", 'c': "char", 'b': "block"}

// linuxFacts parses what look prints: facts by path for each image.
func linuxFacts(t *testing.T, out string) (all []map[string]facts) {
	t.Helper()
	var sums map[string]string
	var now map[string]facts
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		switch kind {
		case "image":
			now, sums = map[string]facts{}, map[string]string{}
			all = append(all, now)
		case "sum":
			sum, path, _ := strings.Cut(rest, "  ./")
			sums[path] = sum
		case "fact":
			var f facts
			var kind byte
			head, tail, _ := strings.Cut(rest, " |")
			var m, a, c string
			if n, err := fmt.Sscanf(head, "%c %o %d %d %d %d %s %s %s", &kind, &f.Mode, &f.Links, &f.UID, &f.GID, &f.Size, &m, &a, &c); err != nil || n != 9 {
				t.Fatalf("line %q: %v", s.Text(), err)
			}
			f.Type, f.Modified, f.Accessed, f.Changed = types[kind], seconds(t, m), seconds(t, a), seconds(t, c)
			target, path, _ := strings.Cut(tail, "|")
			if f.Type == "link" {
				f.Target, f.Size = target, int64(len(target))
			}
			if f.Type == "dir" {
				f.Size, f.Links = 0, 0
			}
			f.SHA256 = sums[path]
			now[path] = f
		}
	}
	return all
}

func seconds(t *testing.T, s string) int64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(math.Floor(f))
}

func readFacts(t *testing.T, f *fsys.FS) map[string]facts {
	t.Helper()
	all := map[string]facts{}
	err := f.Walk(t.Context(), func(n fsys.Node) error {
		if n.Err != nil {
			t.Errorf("%s: %v", n.Path, n.Err)
		}
		if n.Path == "." || n.Err != nil {
			return nil //nolint:nilerr // reported to the test
		}
		got := facts{
			Type: fsys.TypeName(n.Mode), Mode: uint32(n.Mode.Perm()), Links: n.Links, UID: n.UID, GID: n.GID, Size: n.Size,
			Modified: n.Modified.Unix(), Accessed: n.Accessed.Unix(), Changed: n.Changed.Unix(), Target: n.Target,
		}
		if n.Mode&fs.ModeSetuid != 0 {
			got.Mode |= 0o4000
		}
		if n.Mode.IsDir() {
			got.Size, got.Links = 0, 0
		}
		if n.Mode.IsRegular() {
			data, err := f.Tree().Open(n.ID)
			if err != nil {
				t.Errorf("%s: %v", n.Path, err)
				return nil
			}
			h := sha256.New()
			if _, err := io.Copy(h, io.NewSectionReader(data, 0, data.Size())); err != nil {
				t.Errorf("%s: %v", n.Path, err)
			}
			got.SHA256 = hex.EncodeToString(h.Sum(nil))
		}
		all[n.Path] = got
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// oddTree makes names, links and nodes of many kinds.
func oddTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	disktest.Run(t, "sh", "-ec", `cd "$0"
for n in .env .bashrc lower.txt UPPER.TXT noext 'two.dots.here' 'Ünï cödé.txt' trailing. 'a b+c.x' 'semi;1' 'semi;2' 'sixty-four-characters-are-what-a-name-in-joliet-has-at-most-or-so.txt'; do
  echo "$n" >"$n"
done
ln -s /etc/passwd absolute; ln -s ../up up; ln -s ./here/../there dots; ln -s / root; ln -s 'a//b/' slashes
ln -s "$(printf 'a-component-of-the-target-of-a-link-%.0s/' $(seq 6))x" longlink
mkfifo fifo; mknod char c 5 1; mknod block b 8 1
mkdir -p 1/2/3/4/5/6/7/8/9/10/11 sub && echo deep >1/2/3/4/5/6/7/8/9/10/11/deep && echo b >sub/b
yes 'compress me' | head -c 500000 >zeros-after && truncate -s 900000 zeros-after
: >empty; head -c 40000 /dev/urandom >random
chmod 4755 random; chown 1000:1001 sub/b
touch -d '2001-02-03 04:05:06 UTC' lower.txt
mkdir many && cd many && for i in $(seq 300); do echo $i >file-with-a-longer-name-$i; done`, dir)
	return dir
}

// TestLinux holds names, modes, times and bytes against Linux's reading of the
// same images.
func TestLinux(t *testing.T) {
	t.Parallel()
	dir, out := oddTree(t), t.TempDir()
	packed := filepath.Join(out, "packed")
	disktest.Run(t, disktest.Tool(t, "mkzftree"), dir, packed)
	plain := t.TempDir()
	disktest.Run(t, "sh", "-ec", `cd "$0"; mkdir -p dir/sub; for n in README.TXT noext a.b .hidden dir/sub/x.y 'dir/Long Name Here.text'; do echo "$n" >"$n"; done`, plain)
	variants := []struct {
		name, tool, dir string
		args            []string
		paths           int
	}{
		{"rock", "genisoimage", dir, []string{"-R"}, 325},
		{"rational", "genisoimage", dir, []string{"-r", "-J", "-joliet-long"}, 325},
		{"joliet", "genisoimage", dir, []string{"-J", "-joliet-long"}, 325},
		{"zisofs", "genisoimage", packed, []string{"-R", "-z"}, 325},
		{"plain", "genisoimage", plain, []string{"-iso-level", "1"}, 8},
		{"level4", "genisoimage", plain, []string{"-iso-level", "4", "-N", "-allow-lowercase"}, 8},
		{"xorriso", "xorriso", dir, []string{"-as", "mkisofs", "-R", "-J", "-iso-level", "3", "-partition_offset", "16"}, 325},
		{"xorriso_joliet", "xorriso", plain, []string{"-as", "mkisofs", "-J", "--norock"}, 8},
		{"cidata", "genisoimage", plain, []string{"-V", "cidata", "-joliet", "-rock"}, 8},
	}
	var images []string
	for _, v := range variants {
		path := filepath.Join(out, v.name+".iso")
		build(t, v.dir, path, v.tool, v.args...)
		images = append(images, path)
	}
	want := linuxFacts(t, linux(t, look, images...))
	if len(want) != len(variants) {
		t.Fatalf("Linux read %d images of %d", len(want), len(variants))
	}
	for i, v := range variants {
		f := disktest.Open(t, iso9660.Driver{}, images[i])
		if len(want[i]) < v.paths {
			t.Errorf("%s: Linux gave %d paths", v.name, len(want[i]))
		}
		if diff := cmp.Diff(want[i], readFacts(t, f)); diff != "" {
			t.Errorf("%s: other than Linux (-want +got):\n%.3000s", v.name, diff)
		}
		info := f.Info()
		if info.Incomplete || len(info.Notes) != 0 || info.Type != "iso9660" || len(info.UUID) != 22 {
			t.Errorf("%s: info %+v", v.name, info)
		}
		if at, err := time.Parse("2006-01-02-15-04-05", info.UUID[:19]); err != nil || time.Since(at).Abs() > 24*time.Hour {
			t.Errorf("%s: UUID %s", v.name, info.UUID)
		}
		if v.name == "cidata" && info.Label != "cidata" {
			t.Errorf("label %q", info.Label)
		}
		disktest.Damage(t, iso9660.Driver{}, images[i], 10)
	}
}
