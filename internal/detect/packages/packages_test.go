package packages

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// folder is a directory of the machine as a volume.
type folder string

type content struct{ *bytes.Reader }

func (c content) Size() int64 { return c.Reader.Size() }

func (d folder) Open(p string) (detect.Reader, error) {
	name := filepath.Join(string(d), p)
	if st, err := os.Stat(name); err != nil || !st.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	data, err := os.ReadFile(name)
	return content{bytes.NewReader(data)}, err
}

func (d folder) List(dir string, yield func(detect.File) bool) error {
	entries, err := os.ReadDir(filepath.Join(string(d), dir))
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			return err
		}
		if !yield(detect.File{Path: dir + "/" + e.Name(), Size: st.Size(), Mode: st.Mode(), Modified: st.ModTime()}) {
			break
		}
	}
	return err
}

// write makes files below a new folder.
func write(t *testing.T, files map[string]string) folder {
	t.Helper()
	dir := t.TempDir()
	for p, data := range files {
		name := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder(dir)
}

func run(t *testing.T, stdin io.Reader, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = stdin
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, stderr.String())
	}
	return string(out)
}

func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: scripts/tools.sh", tool)
		}
	}
}

// root is a tree with dpkg's files: this machine's, or another one's.
func root(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LENSCAP_TEST_ROOT")
	if dir == "" {
		dir = "/"
	}
	if _, err := os.Stat(filepath.Join(dir, dpkgStatus)); err != nil {
		t.Skip("needs a Debian root in LENSCAP_TEST_ROOT")
	}
	need(t, "dpkg-query", "md5sum")
	return dir
}

// TestDebian holds what is read of a real root against dpkg-query and md5sum.
func TestDebian(t *testing.T) {
	dir := root(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	m, err := Read(t.Context(), folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d packages, %d files in %v, %d KiB", len(m.Packages()), m.Files(), took, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)

	var want, got []string
	known := 0
	for line := range strings.Lines(run(t, nil, "dpkg-query", "--admindir", filepath.Join(dir, "var/lib/dpkg"), "-W", "-f", "${Package}|${Version}|${Maintainer}|${db:Status-Status}\n")) {
		if line, ok := strings.CutSuffix(line, "|installed\n"); ok {
			want = append(want, line)
		}
	}
	for _, p := range m.Packages() {
		got = append(got, p.Name+"|"+p.Version+"|"+strings.TrimPrefix(p.Vendor, "Debian: "))
		if Known(p.Vendor) {
			known++
		}
		if p.Manager != DPKG || p.Installed.IsZero() {
			t.Errorf("%s: manager %s, installed %v, vendor %q known: %v", p.Name, p.Manager, p.Installed, p.Vendor, Known(p.Vendor))
		}
	}
	t.Logf("%d of known vendors", known)
	if known*10 < len(got)*8 {
		t.Errorf("expected most of %d packages to be of known vendors, found %d", len(got), known)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("expected %d packages as dpkg-query has them, found %d", len(want), len(got))
	}

	// Each line of each list, and the bytes of some hundred files.
	lists, _ := filepath.Glob(filepath.Join(dir, dpkgInfo, "*.md5sums"))
	checked, guessed, lines := 0, 0, 0
	for i, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".md5sums"), ":")
		for line := range strings.Lines(string(data)) {
			sum, p, _ := strings.Cut(strings.TrimSpace(line), "  ")
			lines++
			o, ok := m.Owner("/" + p)
			if !ok || hex.EncodeToString(o.Digest) != sum && o.Package.Name == name {
				t.Fatalf("%s: expected %s of %s, found %x of %s", p, sum, name, o.Digest, o.Package.Name)
			}
			file := filepath.Join(dir, p)
			st, err := os.Lstat(file)
			if err != nil || !st.Mode().IsRegular() || i%10 != 0 {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			own := md5.Sum(data)
			same := hex.EncodeToString(own[:]) == sum
			if Verify(o, own[:]) != same && o.Package.Name == name {
				t.Errorf("%s: verified %v, md5sum says %v", p, !same, same)
			}
			checked++
			if Unchanged(m, "/"+p, st.ModTime()) {
				guessed++
				if !same && o.Package.Name == name {
					t.Errorf("%s: guessed as unchanged, but its bytes are others", p)
				}
			}
		}
	}
	t.Logf("%d lines, %d files hashed, %d guessed as unchanged", lines, checked, guessed)
	if lines > 0 && guessed*10 < checked*8 {
		t.Errorf("expected most of %d files to be guessed as unchanged, found %d", checked, guessed)
	}
	if _, ok := m.Owner("/usr/bin/dpkg"); !ok {
		t.Error("/usr/bin/dpkg: expected an owner")
	}
	if a, b := m.Owns("/bin/cat"), m.Owns("/usr/bin/cat"); !a || !b {
		t.Errorf("/bin/cat %v, /usr/bin/cat %v: expected both", a, b)
	}
	if m.Owns("/usr/lib/dpkg") || m.Owns("/srv/own") {
		t.Error("a directory or nobody's file has an owner")
	}
}

func sum5(s string) string { d := md5.Sum([]byte(s)); return hex.EncodeToString(d[:]) }

func TestDPKG(t *testing.T) {
	t.Parallel()
	files := write(t, map[string]string{
		dpkgStatus: "Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1:1.22.1-9\n" +
			"Maintainer: Debian Nginx Maintainers <pkg-nginx@alioth-lists.debian.net>\nConffiles:\n /etc/nginx/nginx.conf " + sum5("conf") + "\n /etc/nginx/with blank " + sum5("blank") + " obsolete\nDescription: small\n text: no field\n\n" +
			"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n" +
			"Package: own\nStatus: install ok installed\nArchitecture: all\nVersion: 2\nMaintainer: Ops <ops@acme.example>\n\n" +
			"Package: half\nStatus: install ok unpacked\nArchitecture: all\nVersion: 3\nMaintainer: X <x@lists.ubuntu.com>\n",
		dpkgInfo + "/nginx:amd64.list":    "/.\n/usr\n/usr/sbin\n/usr/sbin/nginx\n/usr/share/link\n/etc/nginx/nginx.conf\n",
		dpkgInfo + "/nginx:amd64.md5sums": sum5("binary") + "  usr/sbin/nginx\n" + sum5("lib") + "  lib/nginx/mod.so\n",
		dpkgInfo + "/own.md5sums":         sum5("key") + "  usr/lib/own/key.pem\n",
		dpkgInfo + "/own.list":            "/usr/lib/own/key.pem\n",
	})
	m, err := Read(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range m.Packages() {
		got = append(got, p.Name+" "+p.Version)
	}
	if want := []string{"half 3", "nginx 1:1.22.1-9", "own 2"}; !slices.Equal(got, want) {
		t.Errorf("expected %q, found %q", want, got)
	}
	for _, c := range []struct {
		path, content string
		config        bool
	}{
		{"/usr/sbin/nginx", "binary", false},
		{"/sbin/nginx", "binary", false},
		{"/usr/lib/nginx/mod.so", "lib", false},
		{"/lib/nginx/mod.so", "lib", false},
		{"/etc/nginx/nginx.conf", "conf", true},
		{"/etc/nginx/with blank", "blank", true},
	} {
		o, ok := m.Owner(c.path)
		sum := md5.Sum([]byte(c.content))
		if !ok || o.Package.Name != "nginx" || o.Algo != MD5 || o.Config != c.config || !Verify(o, sum[:]) {
			t.Errorf("%s: %v %+v", c.path, ok, o)
		}
	}
	if o, ok := m.Owner("/usr/share/link"); !ok || o.Digest != nil || Verify(o, nil) {
		t.Errorf("link: %v %+v", ok, o)
	}
	if m.Owns("/usr/sbin") {
		t.Error("a directory has an owner")
	}
	now := time.Now().Add(time.Minute)
	old := now.Add(-time.Hour)
	for _, c := range []struct {
		path string
		at   time.Time
		want bool
	}{
		{"/usr/sbin/nginx", old, true},
		{"/usr/sbin/nginx", now, false},
		{"/usr/sbin/nginx", time.Time{}, false},
		{"/etc/nginx/nginx.conf", old, false},
		{"/usr/lib/own/key.pem", old, false},
		{"/usr/lib/none", old, false},
	} {
		if got := Unchanged(m, c.path, c.at); got != c.want {
			t.Errorf("%s at %v: expected %v, found %v", c.path, c.at, c.want, got)
		}
	}
	if m, err := Read(t.Context(), write(t, nil)); err != nil || m.Files() != 0 || m.Owns("/x") {
		t.Errorf("empty volume: %v, %d files", err, m.Files())
	}
}

// TestBounds holds what a hostile volume can make a manifest take.
func TestBounds(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 600_000 {
		fmt.Fprintf(&list, "/d%d/f\n", i)
	}
	var status strings.Builder
	files := map[string]string{}
	for i := range 3 {
		fmt.Fprintf(&status, "Package: p%d%s\nStatus: install ok installed\nVersion: 1\n\n", i, strings.Repeat("\x1b", 500))
		files[dpkgInfo+fmt.Sprintf("/q%d.list", i)] = list.String()
		fmt.Fprintf(&status, "Package: q%d\nStatus: install ok installed\nVersion: 1\n\n", i)
	}
	files[dpkgStatus] = status.String()
	m, err := Read(t.Context(), write(t, files))
	if err == nil || !strings.Contains(err.Error(), "left out") || m.Files() > maxFiles || !m.Owns("/d5/f") {
		t.Errorf("%d files: %v", m.Files(), err)
	}
	for _, p := range m.Packages() {
		if len([]rune(p.Name)) > maxText || strings.Contains(p.Name, "\x1b") {
			t.Errorf("a name of %d bytes or with control characters", len(p.Name))
		}
	}
}

func TestDistroless(t *testing.T) {
	t.Parallel()
	m, err := Read(t.Context(), write(t, map[string]string{
		"/var/lib/dpkg/status.d/base":         "Package: base-files\nVersion: 12\nMaintainer: S <s@debian.org>\n",
		"/var/lib/dpkg/status.d/base.md5sums": sum5("x") + "  usr/share/base\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte("x"))
	if o, ok := m.Owner("/usr/share/base"); !ok || !Verify(o, sum[:]) || o.Package.Name != "base-files" || o.Package.Version != "12" {
		t.Errorf("%v %+v", ok, o)
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{
		"Debian GNU/Linux Maintainers <x@debian.org>": true, "U <ubuntu-devel-discuss@lists.ubuntu.com>": true, "evil <x@notdebian.org>": false, "x <a@debian.org.evil.example>": false,
		"Red Hat, Inc.": true, "Fedora Project": true, "CentOS": true, "SUSE LLC <https://www.suse.com/>": true, "openSUSE": true, "Alibaba Cloud": true, "openEuler": true,
		"Rocky Enterprise Software Foundation": true, "AlmaLinux": true, "Oracle America": true, "Amazon Linux": true, "Amazon.com": true, "Alpine Linux": true,
		"": false, "Acme": false, "My Red Hat": false, "ops@acme.example": false,
	} {
		if got := Known(v); got != want {
			t.Errorf("%q: expected %v, found %v", v, want, got)
		}
	}
}

const apkText = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\nm:Timo <timo@alpinelinux.org>\nt:1700000000\nc:0123456789abcdef\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:%s\nF:\nR:top\n\n" +
	"P:site\nV:1\nm:Ops <ops@acme.example>\nF:etc/site\nR:site.conf\nZ:%s\nR:bare\n\n"

func TestAPK(t *testing.T) {
	t.Parallel()
	lib, conf := sha1.Sum([]byte("lib")), sha256.Sum256([]byte("conf"))
	for _, place := range apkPaths {
		m, err := Read(t.Context(), write(t, map[string]string{
			place: fmt.Sprintf(apkText, "Q1"+base64.StdEncoding.EncodeToString(lib[:]), "Q2"+base64.StdEncoding.EncodeToString(conf[:])),
		}))
		if err != nil {
			t.Fatal(err)
		}
		o, ok := m.Owner("/usr/lib/ld-musl-x86_64.so.1")
		if !ok || o.Package.Name != "musl" || o.Package.Version != "1.2.5-r0" || o.Algo != SHA1 || !Verify(o, lib[:]) || !Known(o.Package.Vendor) {
			t.Errorf("musl: %v %+v", ok, o)
		}
		o, ok = m.Owner("/etc/site/site.conf")
		if !ok || !o.Config || o.Algo != SHA256 || !Verify(o, conf[:]) || Known(o.Package.Vendor) {
			t.Errorf("site: %v %+v", ok, o)
		}
		if o, ok := m.Owner("/etc/site/bare"); !ok || o.Digest != nil {
			t.Errorf("bare: %v %+v", ok, o)
		}
		if !m.Owns("/top") || m.Files() != 4 {
			t.Errorf("expected 4 files with /top, found %d", m.Files())
		}
		if at := time.Unix(1700000000, 0); !Unchanged(m, "/lib/ld-musl-x86_64.so.1", at) || Unchanged(m, "/lib/ld-musl-x86_64.so.1", at.Add(25*time.Hour)) {
			t.Error("time of the build doesn't decide")
		}
	}
}

// spec is a package whose files rpmbuild makes; many names make a header that
// doesn't fit a page.
const spec = `Name: %s
Version: 1.5
Release: 3
Epoch: %d
Summary: test
License: none
Vendor: %s
BuildArch: noarch
%%description
test
%%install
mkdir -p %%{buildroot}/usr/share/%s %%{buildroot}/etc
echo conf > %%{buildroot}/etc/%s.conf
for i in $(seq 1 %d); do echo $i > %%{buildroot}/usr/share/%s/a-file-with-a-long-name-$i; done
ln -s none %%{buildroot}/usr/share/%s/link
%%files
%%config /etc/%s.conf
/usr/share/%s
%%ghost /var/log/%s.log
`

// TestRPM builds packages, has rpm install them into each kind of database, and
// holds what is read against rpm's own queries.
func TestRPM(t *testing.T) {
	need(t, "rpm", "rpmbuild", "db_load", "sqlite3")
	dir := t.TempDir()
	var rpms []string
	for i, name := range []string{"small", "large", "other"} {
		vendor := []string{"Red Hat, Inc.", "Rocky Linux", "Acme"}[i]
		n := []int{1, 400, 3}[i]
		s := fmt.Sprintf(spec, name, i, vendor, name, name, n, name, name, name, name, name)
		file := filepath.Join(dir, name+".spec")
		if err := os.WriteFile(file, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		digest := []string{"8", "1", "10"}[i]
		cmd := exec.CommandContext(t.Context(), "rpmbuild", "-bb", "--quiet", "--define", "_topdir "+dir, "--define", "_binary_filedigest_algorithm "+digest, "--define", "_source_filedigest_algorithm "+digest, file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("rpmbuild: %v: %s", err, out)
		}
		rpms = append(rpms, filepath.Join(dir, "RPMS/noarch", name+"-1.5-3.noarch.rpm"))
	}
	vol := folder(t.TempDir())
	db := filepath.Join(string(vol), "var/lib/rpm")
	if err := os.MkdirAll(db, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "rpm", append([]string{"--dbpath", db, "-i", "--justdb", "--nodeps", "--nosignature", "--ignorearch"}, rpms...)...)
	var blobs [][]byte
	if err := readSQLite(t.Context(), vol, sqliteEngine{}, "/var/lib/rpm/rpmdb.sqlite", func(blob []byte) bool {
		blobs = append(blobs, bytes.Clone(blob))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	compare := func(t *testing.T, vol folder) {
		m, err := Reader{SQLite: sqliteEngine{}}.Read(t.Context(), vol)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range m.Packages() {
			got = append(got, fmt.Sprintf("%s %s %s %d", p.Name, p.Version, p.Vendor, p.Installed.Unix()))
		}
		query := run(t, nil, "rpm", "--dbpath", db, "-qa", "--qf", "%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} %{VENDOR} %{INSTALLTIME}\n")
		want := strings.Split(strings.TrimSpace(query), "\n")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("expected %q, found %q", want, got)
		}
		files := 0
		for _, name := range []string{"small", "large", "other"} {
			for line := range strings.Lines(run(t, nil, "rpm", "--dbpath", db, "-q", "--dump", name)) {
				// path size mtime digest mode owner group config doc device link
				w := strings.Fields(line)
				if strings.HasPrefix(w[4], "04") || strings.HasSuffix(w[0], ".log") {
					if m.Owns(w[0]) {
						t.Errorf("%s: expected no owner", w[0])
					}
					continue
				}
				files++
				digest := w[3]
				if strings.Trim(digest, "0") == "" {
					digest = "" // a link
				}
				o, ok := m.Owner(w[0])
				if !ok || o.Package.Name != name || hex.EncodeToString(o.Digest) != digest || o.Config != (w[7] == "1") {
					t.Fatalf("%s: expected %s, found %v %x of %q", w[0], digest, ok, o.Digest, o.Package.Name)
				}
				mtime, _ := strconv.ParseInt(w[2], 10, 64)
				if got, want := Unchanged(m, w[0], time.Unix(mtime, 0)), name != "other" && !o.Config; got != want {
					t.Errorf("%s: unchanged %v, expected %v", w[0], got, want)
				}
			}
		}
		if files != m.Files() || files < 400 {
			t.Errorf("expected %d files, found %d", files, m.Files())
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		compare(t, vol)
		if m, err := Read(t.Context(), vol); err == nil || m == nil {
			t.Error("without an engine: expected an error and a manifest")
		}
	})
	t.Run("bdb", func(t *testing.T) {
		for _, order := range []string{"1234", "4321"} {
			// This rpm can't write Berkeley DB, but Berkeley DB's own tool can.
			var dump strings.Builder
			fmt.Fprintf(&dump, "VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\ndb_lorder=%s\nHEADER=END\n 00000000\n 03000000\n", order)
			for n, blob := range blobs {
				fmt.Fprintf(&dump, " %02x000000\n %x\n", n+1, blob)
			}
			dump.WriteString("DATA=END\n")
			old := write(t, map[string]string{"/var/lib/rpm/x": ""})
			run(t, strings.NewReader(dump.String()), "db_load", filepath.Join(string(old), "var/lib/rpm/Packages"))
			compare(t, old)
		}
	})
	t.Run("ndb", func(t *testing.T) {
		compare(t, write(t, map[string]string{"/usr/lib/sysimage/rpm/Packages.db": string(writeNDB(blobs))}))
	})
}

// writeNDB makes a database of rpm's ndb kind; no tool here can.
func writeNDB(blobs [][]byte) []byte {
	le := binary.LittleEndian
	out := make([]byte, ndbPage)
	le.PutUint32(out, ndbMagic)
	le.PutUint32(out[12:], 1)
	for at := 32; at < ndbPage; at += ndbSlot {
		le.PutUint32(out[at:], ndbSlotMagic)
	}
	for i, blob := range blobs {
		off := len(out)
		out = le.AppendUint32(out, ndbBlobStart)
		out = le.AppendUint32(out, uint32(i+1))
		out = le.AppendUint32(out, 7)
		out = le.AppendUint32(out, uint32(len(blob)))
		out = append(out, blob...)
		for (len(out)+12)%16 != 0 {
			out = append(out, 0)
		}
		out = le.AppendUint32(out, adler32.Checksum(out[off:]))
		out = le.AppendUint32(out, uint32(len(blob)))
		out = le.AppendUint32(out, ndbBlobEnd)
		slot := out[32+(i+5)*ndbSlot:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(off/16))
		le.PutUint32(slot[12:], uint32((len(out)-off)/16))
	}
	return out
}

// sqliteEngine reads through SQLite's own program.
type sqliteEngine struct{}

type sqliteDB string // the file

func (sqliteEngine) Name() string                              { return "sqlite" }
func (sqliteEngine) Claims(detect.File, []byte) (string, bool) { return "", false }
func (sqliteDB) Info() database.Info                           { return database.Info{} }
func (sqliteDB) Tables(context.Context) ([]database.Table, error) {
	return []database.Table{{Name: "Packages", Columns: []database.Column{{Name: "hnum"}, {Name: "blob"}}}}, nil
}

func (sqliteEngine) Open(_ context.Context, files detect.Files, root string) (database.Database, error) {
	return sqliteDB(filepath.Join(string(files.(folder)), root)), nil
}

func (d sqliteDB) Rows(ctx context.Context, t database.Table, _ database.RowOptions, yield func(database.Row) bool) error {
	out, err := exec.CommandContext(ctx, "sqlite3", "-readonly", string(d), "select hex(blob) from "+t.Name).Output()
	if err != nil {
		return err
	}
	for line := range strings.FieldsSeq(string(out)) {
		blob, err := hex.DecodeString(line)
		if err != nil {
			return err
		}
		if !yield(database.Row{Values: []database.Value{{}, {Kind: database.Bytes, Data: blob}}}) {
			break
		}
	}
	return nil
}
