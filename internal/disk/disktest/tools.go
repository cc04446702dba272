package disktest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Tool finds a program that the test needs. Where it is missing the test is
// skipped, but fails when CI is set: there nothing may be left out.
func Tool(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	lack(t, name+" is missing: make tools installs it")
	return ""
}

// lack skips a test, and fails it in CI.
func lack(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s; tests in CI leave nothing out", why)
	}
	t.Skip(why)
}

// Run runs a program and fails the test with its output when it fails.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// Mount mounts the file system of an image on a new folder for the length of
// the test and gives the folder. It needs root; without, the test is skipped.
// kind is what mount -t takes, options what -o takes besides loop.
func Mount(t testing.TB, kind, image, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		lack(t, "mounting needs root")
	}
	dir := t.TempDir()
	Run(t, "mount", "-t", kind, "-o", strings.TrimSuffix("loop,"+options, ","), image, dir)
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() }) // the test's context has ended by then
	return dir
}

// Fill copies the tree at dir into the file system of an image, which it mounts
// for that.
func Fill(t testing.TB, kind, image, options, dir string) {
	t.Helper()
	at := Mount(t, kind, image, options)
	Run(t, "cp", "-a", "--sparse=always", dir+"/.", at)
	Run(t, "umount", at)
}

// Blank makes a sparse file of the given size in bytes.
func Blank(t testing.TB, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Golden unpacks testdata/NAME.zst into a new sparse file and gives its path.
func Golden(t testing.TB, name string) string {
	t.Helper()
	in, err := os.Open(filepath.Join("testdata", name+".zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for buf := make([]byte, 64<<10); ; {
		n, err := io.ReadFull(z, buf)
		if strings.Trim(string(buf[:n]), "\x00") != "" {
			if _, werr := out.WriteAt(buf[:n], size); werr != nil {
				t.Fatal(werr)
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatalf("unpack %s: %v", name, err)
		}
	}
	if err := errors.Join(out.Truncate(size), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// File opens a file as a source for the length of the test.
func File(t testing.TB, path string) *block.File {
	t.Helper()
	src, err := block.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}
