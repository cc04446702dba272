package luks_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
)

const slice = 4 << 20

// TestKernel opens what cryptsetup made and dm-crypt filled: see
// testdata/volumes.sh for what lies where.
func TestKernel(t *testing.T) {
	t.Parallel()
	disktest.Tool(t, "linux.uml")
	disktest.Tool(t, "cryptsetup")
	truth := random(512<<10, 5)
	plain, disk := write(t, "plain", truth), filepath.Join(t.TempDir(), "disk")
	disktest.Blank(t, disk, 64<<20)
	disktest.Run(t, "sh", "../../disktest/uml.sh", "testdata/volumes.sh", disk, plain)
	file := disktest.File(t, disk)
	at := func(n int) block.Source {
		sec, err := block.NewSection(file, int64(n)*slice, slice)
		if err != nil {
			t.Fatal(err)
		}
		return sec
	}
	volumeKey := make([]byte, 64)
	if err := block.ReadFull(file, volumeKey, 60<<20); err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{
		0: "LUKS2, aes-xts-plain64 with a key of 512 bits, key slots 0 (argon2id)",
		1: "LUKS2, aes-xts-plain64 with a key of 256 bits, key slots 0 (argon2i)",
		2: "LUKS2, aes-cbc-essiv:sha256 with a key of 128 bits, key slots 0 (pbkdf2)",
		3: "LUKS1, aes-xts-plain64 with a key of 512 bits, key slots 0 (pbkdf2)",
		4: "LUKS1, aes-cbc-essiv:sha256 with a key of 256 bits, key slots 0 (pbkdf2)",
		5: "LUKS1, aes-cbc-plain with a key of 192 bits, key slots 0 (pbkdf2)",
		6: "LUKS2, twofish-xts-plain64 with a key of 512 bits, key slots 0 (pbkdf2)",
		7: "LUKS2, aes-cbc-plain64be with a key of 256 bits, key slots 0 (pbkdf2)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := assemble(t, at(n))
			locked(t, v)
			if v.Notes[0] != name {
				t.Errorf("note %q", v.Notes[0])
			}
			locked(t, assemble(t, at(n), []byte("wrong"), []byte(pass+"\n\n")))
			v = assemble(t, at(n), []byte("wrong"), []byte(pass))
			holds(t, v, size(n), truth)
			if n == 0 && v.Label != "a label" || v.UUID == "" {
				t.Errorf("label %q, UUID %q", v.Label, v.UUID)
			}
		})
	}
	t.Run("volume key", func(t *testing.T) {
		t.Parallel()
		holds(t, assemble(t, at(0), volumeKey), size(0), truth)
	})
	t.Run("unread cipher", func(t *testing.T) {
		t.Parallel()
		locked(t, assemble(t, at(8)))
		v := assemble(t, at(8), []byte(pass))
		if !errors.Is(v.Err, block.ErrUnsupported) || !strings.Contains(v.Err.Error(), "serpent-xts-plain64") {
			t.Errorf("error %v, want one that names the cipher", v.Err)
		}
	})
	t.Run("no encryption", func(t *testing.T) {
		t.Parallel()
		v := assemble(t, at(9))
		if !strings.Contains(strings.Join(v.Notes, ";"), "are not encrypted") {
			t.Errorf("notes %q", v.Notes)
		}
		holds(t, v, size(9), truth)
	})
	testReencryption(t, at, truth)
	t.Run("second slot", func(t *testing.T) {
		t.Parallel()
		locked(t, assemble(t, at(10), []byte(pass)))
		locked(t, assemble(t, at(10), []byte("another")))
		holds(t, assemble(t, at(10), []byte("another\n")), size(10), truth)
	})
}

// size is how many bytes the volume in a slice has: what the header leaves.
func size(n int) int64 {
	if n == 3 || n == 4 || n == 9 {
		return slice - 2<<20
	}
	return slice - 1<<20
}

// testReencryption opens volumes that two keys share.
func testReencryption(t *testing.T, at func(int) block.Source, truth []byte) {
	t.Helper()
	t.Run("reencryption between steps", func(t *testing.T) {
		t.Parallel()
		locked(t, assemble(t, at(11), []byte("wrong")))
		v := assemble(t, at(11), []byte(pass))
		holds(t, v, size(11), truth)
		if v.Incomplete {
			t.Errorf("incomplete: %q", v.Notes)
		}
	})
	t.Run("reencryption within a step", func(t *testing.T) {
		t.Parallel()
		v := assemble(t, at(12), []byte(pass))
		if v.Err != nil || !v.Incomplete {
			t.Fatalf("%v, incomplete %v, %q", v.Err, v.Incomplete, v.Notes)
		}
		extents, err := block.Extents(t.Context(), v.Source)
		if err != nil || len(extents) != 1 || extents[0].Length != size(12) {
			t.Errorf("extents %v, %v", extents, err)
		}
		got := make([]byte, len(truth))
		lost := 0
		for off := 0; off < len(got); off += 4096 {
			if err := block.ReadFull(v.Source, got[off:off+4096], int64(off)); err != nil {
				if !errors.Is(err, block.ErrUnsupported) {
					t.Fatalf("read at %d: %v", off, err)
				}
				copy(got[off:], truth[off:off+4096])
				lost += 4096
			}
		}
		if lost != 64<<10 || string(got) != string(truth) {
			t.Errorf("%d bytes are not read, or others are wrong", lost)
		}
	})
	t.Run("encryption", func(t *testing.T) {
		t.Parallel()
		v := assemble(t, at(14), []byte(pass))
		holds(t, v, 2<<20, truth)
		if !strings.Contains(strings.Join(v.Notes, ";"), "1048576 bytes are not encrypted") {
			t.Errorf("notes %q", v.Notes)
		}
	})
}
