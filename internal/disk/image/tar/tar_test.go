package tar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/image"
	"github.com/lenscap/lenscap/internal/disk/image/stream"
)

// disk makes a sparse disk with an MBR: runs of noise, each a few blocks long.
func disk(seed uint64, size, runs int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, size)
	for range runs {
		at := r.IntN(size/4096) * 4096
		for i := at; i < min(size, at+4096*(1+r.IntN(3))); i++ {
			out[i] = byte(1 + r.IntN(255))
		}
	}
	out[510], out[511] = 0x55, 0xaa
	return out
}

// write puts files into a folder, with holes where they hold zeros.
func write(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 4096 {
			if part := data[at:min(len(data), at+4096)]; len(bytes.Trim(part, "\x00")) > 0 {
				if _, err := f.WriteAt(part, int64(at)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(f.Truncate(int64(len(data))), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// pack makes an archive of a folder with GNU tar, the names given first.
func pack(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tar")
	disktest.Run(t, disktest.Tool(t, "tar"), append([]string{"-C", dir, "-cf", path}, args...)...)
	out, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func open(t testing.TB, packed []byte, formats ...image.Format) ([]image.Disk, error) {
	t.Helper()
	return image.Open(t.Context(), disktest.Memory(packed), append(formats, Format{}), image.Options{SpillBytes: 1 << 30, SpillDir: t.TempDir()})
}

// same holds a disk to its bytes, its extents and its place.
func same(t *testing.T, d image.Disk, archive, want []byte) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes, want %d, or other ones: %v", d.Name, len(got), len(want), err)
	}
	list, err := block.Extents(t.Context(), d.Source)
	if err != nil {
		t.Fatal(err)
	}
	sparse, err := block.NewSparse(d.Source, list)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = io.ReadAll(io.NewSectionReader(sparse, 0, d.Size())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: the extents leave out data (%v)", d.Name, err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		off := r.Int64N(d.Size())
		buf := make([]byte, 1+r.IntN(1<<r.IntN(17)))
		n, err := d.ReadAt(buf, off)
		if exp := want[off:min(off+int64(len(buf)), d.Size())]; !bytes.Equal(buf[:n], exp) || (n < len(buf)) != errors.Is(err, io.EOF) {
			t.Fatalf("%s: read %d at %d: %d bytes, %v", d.Name, len(buf), off, n, err)
		}
		if at := block.Locate(d.Source, off); at >= 0 && archive != nil && archive[at] != want[off] || at < 0 && want[off] != 0 {
			t.Fatalf("%s: byte %d is not at %d of the archive", d.Name, off, at)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(1, 3<<20+1536, 60)
	long := strings.Repeat("a long name of a folder/", 12) + "disk.raw"
	write(t, dir, map[string][]byte{"disk.raw": raw, long: raw, "readme.txt": []byte("hello"), "empty": nil})
	if err := os.Symlink("disk.raw", filepath.Join(dir, "link.raw")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "disk.raw"), filepath.Join(dir, "zhard.raw")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--format=v7"},
		{"--format=ustar"},
		{"--format=oldgnu"},
		{"--format=gnu"},
		{"--format=posix"},
		{"--format=oldgnu", "-S"},
		{"--format=gnu", "-S", "--hole-detection=raw"},
		{"--format=posix", "-S"},
		{"--format=posix", "-S", "--sparse-version=0.1"},
		{"--format=posix", "-S", "--sparse-version=0.0"},
		{"--format=posix", "--pax-option=globexthdr.name=g,comment=x"},
		{"--format=gnu", "-b1"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			names := []string{"readme.txt", "empty", "link.raw", "disk.raw", "zhard.raw", long}
			if args[0] == "--format=v7" || args[0] == "--format=ustar" {
				names = names[:5]
			}
			packed := pack(t, dir, append(args, names...)...)
			disks, err := open(t, packed)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range disks {
				got = append(got, d.Name)
				if d.Incomplete || len(d.Notes) > 0 || d.Format != "tar" {
					t.Errorf("%s: format %q, notes %q", d.Name, d.Format, d.Notes)
				}
				same(t, d, packed, raw)
			}
			if diff := cmp.Diff(append([]string{"disk.raw"}, names[5:]...), got); diff != "" {
				t.Errorf("disks (-want +got):\n%s", diff)
			}
			list, err := block.Extents(t.Context(), disks[0].Source)
			if sparse := len(args) > 1 && args[1] == "-S"; err != nil || sparse != (len(list) > 3) {
				t.Errorf("%d extents, %v", len(list), err)
			}
			for _, d := range disks {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestManyRuns has more runs than one block of the map holds.
func TestManyRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(5, 32<<20, 1500)
	write(t, dir, map[string][]byte{"disk.raw": raw})
	for _, args := range [][]string{{"--format=oldgnu"}, {"--format=posix"}, {"--format=posix", "--sparse-version=0.1"}, {"--format=posix", "--sparse-version=0.0"}} {
		packed := pack(t, dir, append(args, "-S", "disk.raw")...)
		disks, err := open(t, packed)
		if err != nil || len(disks) != 1 {
			t.Fatal(args, len(disks), err)
		}
		same(t, disks[0], packed, raw)
	}
}

// TestGoogleExport opens what an export of Google Cloud is: tar -Sczf with the
// old format.
func TestGoogleExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(2, 8<<20, 100)
	write(t, dir, map[string][]byte{"disk.raw": raw})
	for _, z := range []string{"-z", "-J", "--zstd"} {
		packed := pack(t, dir, "--format=oldgnu", "-S", z, "disk.raw")
		disks, err := open(t, packed, stream.Gzip{}, stream.Xz{}, stream.Zstd{})
		if err != nil || len(disks) != 1 {
			t.Fatal(z, len(disks), err)
		}
		if f := disks[0].Format; !strings.HasSuffix(f, ", tar") {
			t.Errorf("format %q", f)
		}
		same(t, disks[0], nil, raw)
		if err := disks[0].Close(); err != nil {
			t.Error(err)
		}
	}
}

const ovf = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
<References>
 <File ovf:href="box-disk1.vmdk" ovf:id="file1" ovf:size="1"/>
 <File ovf:href="second%20one.bin" ovf:id="file2"/>
 <File ovf:href="chunked" ovf:id="file3" ovf:chunkSize="100000"/>
 <File ovf:href="box.nvram" ovf:id="file4"/>
 <File ovf:href="gone.vmdk" ovf:id="file5"/>
</References>
<DiskSection><Info>disks</Info>
 <Disk ovf:capacity="1" ovf:diskId="d1" ovf:fileRef="file1"/>
 <Disk ovf:capacity="1" ovf:diskId="d2" ovf:fileRef="file2"/>
 <Disk ovf:capacity="1" ovf:diskId="d3" ovf:fileRef="file3"/>
 <Disk ovf:capacity="8" ovf:diskId="blank"/>MORE
</DiskSection></Envelope>`

func describe(more string) []byte { return []byte(strings.Replace(ovf, "MORE", more, 1)) }

func TestOVA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(3, 250_000, 10)
	write(t, dir, map[string][]byte{
		"box.ovf": describe(""), "box-disk1.vmdk": raw, "second one.bin": raw[:100_000], "box.nvram": raw,
		"chunked.000000000": raw[:100_000], "chunked.000000001": raw[100_000:200_000], "chunked.000000002": raw[200_000:], "box.mf": []byte("SHA256"),
	})
	names := []string{"box.ovf", "box.mf", "box-disk1.vmdk", "second one.bin", "box.nvram", "chunked.000000000", "chunked.000000001", "chunked.000000002"}
	open3 := func(packed []byte) []image.Disk {
		t.Helper()
		disks, err := open(t, packed)
		if err != nil || len(disks) != 3 {
			t.Fatalf("%d disks, %v", len(disks), err)
		}
		for i, want := range []struct {
			name string
			data []byte
		}{{"box-disk1.vmdk", raw}, {"second one.bin", raw[:100_000]}, {"chunked", raw}} {
			if disks[i].Name != want.name {
				t.Errorf("disk %d is %s, want %s", i, disks[i].Name, want.name)
			}
			same(t, disks[i], packed, want.data)
		}
		return disks
	}
	if d := open3(pack(t, dir, names...)); d[0].Incomplete || len(d[0].Notes) > 0 {
		t.Errorf("notes %q", d[0].Notes)
	}
	write(t, dir, map[string][]byte{"box.ovf": describe(`<Disk ovf:diskId="d9" ovf:fileRef="file5"/>`)})
	if d := open3(pack(t, dir, names...)); !d[0].Incomplete || !strings.Contains(strings.Join(d[0].Notes, " "), `"gone.vmdk", which is not in the archive`) {
		t.Errorf("a disk that is gone: notes %q", d[0].Notes)
	}
	write(t, dir, map[string][]byte{"box.ovf": []byte("<Envelope><Ref")})
	disks, err := open(t, pack(t, dir, names...))
	if err != nil || len(disks) != 1 || disks[0].Name != "box-disk1.vmdk" || !disks[0].Incomplete {
		t.Errorf("a broken description: %v, %v", disks, err)
	}
}

// splitImage opens an image by the files beside it.
type splitImage struct{}

func (splitImage) Name() string { return "split" }

func (splitImage) Open(_ context.Context, src block.Source, env *image.Env) ([]image.Disk, error) {
	head := make([]byte, 6)
	if block.ReadFull(src, head, 0) != nil || string(head) != "SPLIT " {
		return nil, block.ErrNotThis
	}
	for _, name := range []string{"none", "../box-s001.vmdk"} {
		if _, err := env.OpenExtent(name); err == nil {
			return nil, errors.New(name + " was opened")
		}
	}
	s, err := env.OpenExtent("box-s001.vmdk")
	if err != nil {
		return nil, err
	}
	return []image.Disk{{Source: s}}, nil
}

func TestExtentsComeFromTheArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(4, 200_000, 10)
	write(t, dir, map[string][]byte{"in/box.vmdk": []byte("SPLIT of two"), "in/box-s001.vmdk": raw, "in/box-s002.vmdk": raw, "box-flat.vmdk": raw[:50_000]})
	packed := pack(t, dir, "in/box.vmdk", "in/box-s001.vmdk", "in/box-s002.vmdk", "box-flat.vmdk")
	disks, err := open(t, packed, splitImage{})
	if err != nil || len(disks) != 2 || disks[0].Format != "tar, split" || disks[0].Name != "in/box.vmdk" || disks[1].Name != "box-flat.vmdk" {
		t.Fatalf("%+v, %v: want the disk of two files, and the one that belongs to none", disks, err)
	}
	same(t, disks[0], packed, raw)
}

func TestByBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(6, 200_000, 10)
	write(t, dir, map[string][]byte{"volume": raw, "text": bytes.Repeat([]byte("text"), 50_000), "small": raw[:1000]})
	disks, err := open(t, pack(t, dir, "text", "volume", "small"))
	if err != nil || len(disks) != 1 || disks[0].Name != "volume" {
		t.Fatalf("%v, %v", disks, err)
	}
	_, err = open(t, pack(t, dir, "text", "small"))
	if !errors.Is(err, block.ErrUnsupported) || !strings.Contains(err.Error(), `no disk among its 2 files: "text", "small"`) {
		t.Errorf("no disk: %v", err)
	}
}

// TestLaterMembersReplace has the same name twice, as tar -r leaves it.
func TestLaterMembersReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := disk(7, 100_000, 5), disk(8, 120_000, 5)
	write(t, dir, map[string][]byte{"disk.raw": first})
	path := filepath.Join(t.TempDir(), "a.tar")
	disktest.Run(t, "tar", "-C", dir, "-cf", path, "disk.raw")
	write(t, dir, map[string][]byte{"disk.raw": second})
	disktest.Run(t, "tar", "-C", dir, "-rf", path, "./disk.raw")
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	disks, err := open(t, packed)
	if err != nil || len(disks) != 1 {
		t.Fatal(disks, err)
	}
	same(t, disks[0], packed, second)
}

func TestForeign(t *testing.T) {
	t.Parallel()
	r := rand.NewChaCha8([32]byte{4})
	random := make([]byte, 1<<20)
	_, _ = r.Read(random)
	for _, data := range [][]byte{nil, {1}, make([]byte, 1<<20), random, disk(1, 1<<20, 20)} {
		if _, err := (Format{}).Open(t.Context(), disktest.Memory(data), nil); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%d bytes: %v, want ErrNotThis", len(data), err)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := disk(9, 300_000, 20)
	write(t, dir, map[string][]byte{"a.raw": raw, "b.raw": raw})
	packed := pack(t, dir, "a.raw", "b.raw")
	second := blockSize + (len(raw)+blockSize-1)/blockSize*blockSize
	bad := bytes.Clone(packed)
	bad[second+5] ^= 1
	disks, err := open(t, bad)
	if err != nil || len(disks) != 1 || !disks[0].Incomplete || !strings.Contains(disks[0].Notes[0], "checksum") {
		t.Fatalf("a damaged header: %v, %v", disks, err)
	}
	same(t, disks[0], bad, raw)
	disks, err = open(t, packed[:second+blockSize+100_000])
	if err != nil || len(disks) != 2 || disks[0].Incomplete == disks[1].Incomplete && !disks[1].Incomplete {
		t.Fatalf("cut: %v, %v", disks, err)
	}
	buf := make([]byte, 100_000)
	if err := block.ReadFull(disks[1], buf, 0); err != nil || !bytes.Equal(buf, raw[:100_000]) {
		t.Errorf("before the cut: %v", err)
	}
	if err := block.ReadFull(disks[1], buf, 1); !errors.Is(err, io.ErrUnexpectedEOF) || disks[1].Size() != int64(len(raw)) {
		t.Errorf("behind the cut: %v", err)
	}
	list, err := block.Extents(t.Context(), disks[1].Source)
	if diff := cmp.Diff([]block.Extent{{Length: int64(len(raw))}}, list); diff != "" || err != nil {
		t.Errorf("what was cut off is no hole: %s %v", diff, err)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	raw := disk(1, 9000, 1)
	write(f, dir, map[string][]byte{"disk.raw": raw, "box.ovf": describe(""), "box-disk1.vmdk": raw[:2000]})
	for _, args := range [][]string{{"--format=v7"}, {"--format=oldgnu", "-S"}, {"--format=posix", "-S"}, {"--format=posix", "-S", "--sparse-version=0.1"}, {"--format=posix", "-S", "--sparse-version=0.0"}} {
		f.Add(pack(f, dir, append(args, "-b1", "box.ovf", "disk.raw", "box-disk1.vmdk")...))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		// Headers without their checksums would never get past the first.
		for at := 0; at+blockSize <= len(packed); at += blockSize {
			h := header{raw: [blockSize]byte(packed[at:])}
			if strings.HasPrefix(string(h.raw[257:]), "ustar") {
				sum, _ := h.sums()
				copy(packed[at+148:], fmt.Sprintf("%06o\x00 ", sum))
			}
		}
		src := disktest.Memory(packed)
		disks, err := Format{}.Open(t.Context(), src, nil)
		if err != nil {
			return
		}
		for _, d := range disks {
			_, _ = io.Copy(io.Discard, io.NewSectionReader(d, 0, min(d.Size(), 1<<20)))
			_, _ = d.ReadAt(make([]byte, 100), d.Size()-50)
			if list, err := block.Extents(t.Context(), d.Source); err == nil && len(list) > 0 {
				if _, err := block.NewSparse(d.Source, list); err != nil {
					t.Fatal(err)
				}
			}
			_ = block.Locate(d.Source, d.Size()/2)
			_ = block.Prefetch(t.Context(), d.Source, []block.Extent{{Offset: 10, Length: 1000}})
		}
	})
}
