package fat_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/fsys"
	"github.com/lenscap/lenscap/internal/disk/fsys/fat"
)

// torture makes what is hard to read: names of every kind, chains that jump,
// times at the ends of what there is, and deleted files.
const torture = `
torture() {
for n in lower.txt UPPER.TXT lower.TXT UPPER.txt Mixed.Txt noext NOEXT .env .a.b.c 'spaces in it.x' 'ünï cödé.txt' 'ÄÖÜ.TXT' \
  '秘密 🔑.txt' thirteen-char thirteen-chars twenty-six-characters-long twenty-six-characters-long1 a+b=c.txt '~' PROGRA~1 progra~1.longer; do
  echo "$n" >"$n"
done
mkdir many && cd many && seq 1000 | xargs touch && cd ..
for i in $(seq 200); do printf '%0700d' $i >>jump-a; printf '%0900d' $i >>jump-b; done
mkdir times
touch -d '1980-01-01 00:00:00 UTC' times/first
touch -d '2107-12-31 23:59:58 UTC' times/last
touch -d '2024-02-29 12:34:57 UTC' times/leap
touch -a -d '2001-02-03 UTC' times/read
echo ro >readonly && chmod a-w readonly
echo 1 >OEMNAME1.TXT && echo 2 >OEMNAME2.TXT && echo 3 >OEMNAME3
: >empty
yes 0123456789 | head -c 3000000 >long
mkdir gone && cd gone
printf 'short' >SHORT.TXT
printf 'long' >'id_rsa of production.pem'
printf 'utf' >'秘密 🔑.txt'
: >nothing
yes whole | head -c 100000 >whole.txt
echo kept >kept.txt
mkdir -p sub/subsub && echo deep >sub/subsub/deep-file.txt && echo flat >sub/FLAT
cd ..
sync
rm -r gone/SHORT.TXT gone/id_rsa* gone/秘密* gone/nothing gone/whole.txt gone/sub
out
# Short names in the code page, which Linux itself stores as long ones, too.
put() { at=$(head -c 6M $dev | LC_ALL=C grep -abo "$1" | head -1 | cut -d: -f1); printf "$2" | dd of=$dev bs=1 seek=$at conv=notrunc status=none; }
put 'OEMNAME1TXT' '\005\202\216\341\200 1 TXT'
put 'OEMNAME2TXT' 'A\231\232\2042   T\201T\040\030'
put 'OEMNAME3   ' '\345OEMNAM3   '
sync
into $dev
find . -type f -exec sha256sum {} + | sed 's/^/sum /'
find . -mindepth 1 -exec stat -c 'born %.3W %n' {} +
find . -printf 'fact %y %m %s %T@ %A@ %P\n'
out
}
for dev in /dev/ubd[a-z]; do echo "image $dev"; into $dev; torture; done
`

// facts is what is compared with Linux's own reading.
type facts struct {
	Kind                        byte
	Mode                        uint32
	Size                        int64
	Modified, Accessed, Created int64 // milliseconds
	SHA256                      string
}

// linuxFacts parses what torture prints of one image.
func linuxFacts(t *testing.T, out string) map[string]facts {
	t.Helper()
	sums, born, all := map[string]string{}, map[string]int64{}, map[string]facts{}
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		switch kind {
		case "sum":
			sum, path, _ := strings.Cut(rest, "  ./")
			sums[path] = sum
		case "born":
			at, path, _ := strings.Cut(rest, " ./")
			born[path] = millis(t, at)
		case "fact":
			var f facts
			fields := strings.SplitN(rest, " ", 6)
			if n, err := fmt.Sscanf(rest, "%c %o %d", &f.Kind, &f.Mode, &f.Size); err != nil || n != 3 || len(fields) != 6 {
				t.Fatalf("line %q: %v", s.Text(), err)
			}
			f.Modified, f.Accessed = millis(t, fields[3]), millis(t, fields[4])
			all[fields[5]] = f
		}
	}
	delete(all, "") // the root has no entry
	for path, f := range all {
		if f.Kind == 'd' {
			f.Size = 0
		}
		f.SHA256, f.Created = sums[path], born[path]
		all[path] = f
	}
	return all
}

func millis(t *testing.T, seconds string) int64 {
	t.Helper()
	f, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(math.Round(f * 1000))
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
			Kind: fsys.TypeName(n.Mode)[0], Mode: uint32(n.Mode.Perm()), Size: n.Size,
			Modified: n.Modified.UnixMilli(), Accessed: n.Accessed.UnixMilli(), Created: n.Created.UnixMilli(),
		}
		if n.Mode.IsRegular() {
			got.SHA256 = sum(t, f.Tree(), n.ID)
		}
		all[n.Path] = got
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

func sum(t *testing.T, tree fsys.Tree, id fsys.ID) string {
	t.Helper()
	data, err := tree.Open(id)
	if err != nil {
		t.Error(err)
		return ""
	}
	return hash(t, data)
}

func hash(t *testing.T, data fsys.Data) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(data, 0, data.Size())); err != nil {
		t.Error(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestLinux holds names, modes, times and bytes against Linux's reading of the
// same image, and deleted files against what they were.
func TestLinux(t *testing.T) {
	t.Parallel()
	variants := [][]string{
		{"fat12", "16M", "-F", "12", "-s", "16"},
		{"fat16", "16M", "-F", "16", "-s", "2"},
		{"fat32", "40M", "-F", "32", "-s", "1"},
	}
	var images []string
	for _, v := range variants {
		path := filepath.Join(t.TempDir(), v[0])
		format(t, path, v[1], append(v[2:], "-i", "ABCD0123")...)
		images = append(images, path)
	}
	printed := strings.Split(linux(t, vfat+torture, images...), "image /dev/")[1:]
	if len(printed) != len(images) {
		t.Fatalf("Linux read %d images of %d", len(printed), len(images))
	}
	for i, v := range variants {
		f := disktest.Open(t, fat.Driver{}, images[i])
		info := f.Info()
		if info.Type != v[0] || info.Label != "A label" || info.UUID != "ABCD-0123" || info.Incomplete || len(info.Notes) != 0 {
			t.Errorf("info %+v", info)
		}
		want := linuxFacts(t, printed[i])
		if len(want) < 1030 {
			t.Fatalf("%s: Linux gave %d paths", v[0], len(want))
		}
		if diff := cmp.Diff(want, readFacts(t, f)); diff != "" {
			t.Errorf("%s: other than Linux (-want +got):\n%.4000s", v[0], diff)
		}
		checkDeleted(t, f)
		disktest.Damage(t, fat.Driver{}, images[i], 20)
	}
}

type removed struct {
	State fsys.RemovedState
	Size  int64
	Text  string
}

func deleted(t *testing.T, f *fsys.FS) map[string]removed {
	t.Helper()
	all := map[string]removed{}
	err := f.Tree().(fsys.Undeleter).Deleted(t.Context(), func(r fsys.Removed) bool {
		got := removed{State: r.State, Size: r.Size}
		if r.Data != nil {
			b := make([]byte, min(r.Data.Size(), 8))
			if _, err := r.Data.ReadAt(b, 0); err != nil && err != io.EOF { //nolint:errorlint // a reader's own EOF
				t.Errorf("%s: %v", r.Path, err)
			}
			got.Text = string(b)
		}
		if r.Modified.Before(time.Unix(1e9, 0)) {
			t.Errorf("%s: modified %v", r.Path, r.Modified)
		}
		if _, ok := all[r.Path]; ok {
			t.Errorf("%s comes twice", r.Path)
		}
		all[r.Path] = got
		return true
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

func checkDeleted(t *testing.T, f *fsys.FS) {
	t.Helper()
	want := map[string]removed{
		"?OEMNAM3":                      {fsys.NameOnly, 2, ""},
		"gone/?HORT.TXT":                {fsys.Guess, 5, "short"},
		"gone/id_rsa of production.pem": {fsys.Guess, 4, "long"},
		"gone/秘密 🔑.txt":                 {fsys.Guess, 3, "utf"},
		"gone/nothing":                  {fsys.Whole, 0, ""},
		"gone/whole.txt":                {fsys.Guess, 100000, "whole\nwh"},
		"gone/sub":                      {fsys.Guess, 0, ""},
		"gone/sub/?LAT":                 {fsys.Guess, 5, "flat\n"},
		"gone/sub/subsub":               {fsys.Guess, 0, ""},
		"gone/sub/subsub/deep-file.txt": {fsys.Guess, 5, "deep\n"},
	}
	if diff := cmp.Diff(want, deleted(t, f)); diff != "" {
		t.Errorf("deleted files (-want +got):\n%s", diff)
	}
}
