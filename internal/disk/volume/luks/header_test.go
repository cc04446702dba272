package luks_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/luks"
)

const headerSize = 16 << 10

// format makes a LUKS2 volume whose data was never written.
func format(t testing.TB, args ...string) []byte {
	t.Helper()
	tool := disktest.Tool(t, "cryptsetup")
	path := filepath.Join(t.TempDir(), "disk")
	disktest.Blank(t, path, 2<<20)
	key := write(t, "key", []byte(pass))
	disktest.Run(t, tool, append([]string{
		"luksFormat", "--batch-mode", "--type", "luks2", "--key-file", key,
		"--sector-size", "512", "--luks2-metadata-size", "16k", "--luks2-keyslots-size", "288k",
	}, append(args, path)...)...)
	disk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

func quick(t testing.TB) []byte {
	t.Helper()
	return format(t, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
}

// reseal puts right the checksum of the header at an offset.
func reseal(disk []byte, at int) {
	h := disk[at : at+headerSize]
	clear(h[448:512])
	sum := sha256.Sum256(h)
	copy(h[448:], sum[:])
}

// edit changes the JSON of both headers.
func edit(t testing.TB, disk []byte, old, with string) []byte {
	t.Helper()
	disk = bytes.Clone(disk)
	for _, at := range []int{0, headerSize} {
		area := disk[at+4096 : at+headerSize]
		json, _, _ := bytes.Cut(area, []byte{0})
		changed := bytes.Replace(json, []byte(old), []byte(with), 1)
		if bytes.Equal(json, changed) {
			t.Fatalf("no %s in %s", old, json)
		}
		clear(area)
		copy(area, changed)
		reseal(disk, at)
	}
	return disk
}

// TestMemory opens a key slot with the memory that the tool itself asks for.
func TestMemory(t *testing.T) {
	disk := disktest.Memory(format(t, "--pbkdf", "argon2id", "--pbkdf-memory", "131072", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "4"))
	v := assemble(t, disk, []byte(pass))
	if v.Err != nil || v.Source == nil {
		t.Errorf("volume: %v", v.Err)
	}
}

func TestSecondHeader(t *testing.T) {
	t.Parallel()
	disk := quick(t)
	for _, c := range []struct {
		name, note string
		change     func([]byte)
	}{
		{"both whole", "", func([]byte) {}},
		{"first damaged", "first header can't be read", func(b []byte) { b[4100] ^= 1 }},
		{"first's size damaged", "first header can't be read", func(b []byte) { b[8] ^= 1 }},
		{"first overwritten", "overwritten with zeros", func(b []byte) { clear(b[:4096]) }},
		{"second damaged", "second header can't be read", func(b []byte) { b[headerSize+5000] ^= 1 }},
		{"second newer", "newer than the first", func(b []byte) {
			binary.BigEndian.PutUint64(b[headerSize+16:], 100)
			reseal(b, headerSize)
		}},
	} {
		bad := bytes.Clone(disk)
		c.change(bad)
		v := assemble(t, disktest.Memory(bad), []byte(pass))
		if v.Err != nil {
			t.Errorf("%s: %v", c.name, v.Err)
		}
		m, _ := luks.Manager{}.Probe(t.Context(), disktest.Memory(bad))
		if notes := strings.Join(m.Notes, ";"); (notes == "") != (c.note == "") || !strings.Contains(notes, c.note) {
			t.Errorf("%s: notes %q, want %q", c.name, notes, c.note)
		}
	}
	bad := bytes.Clone(disk)
	bad[4100] ^= 1
	bad[headerSize+4100] ^= 1
	if _, err := (luks.Manager{}).Probe(t.Context(), disktest.Memory(bad)); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("both damaged: error %v, want ErrDamaged", err)
	}
	for at, magic := range map[int]string{4096: "\xfc\x4e\x2b\xa9", 1080: "\x53\xef"} {
		other := bytes.Clone(disk)
		clear(other[:headerSize])
		copy(other[at:], magic)
		if _, err := (luks.Manager{}).Probe(t.Context(), disktest.Memory(other)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("a newer magic at byte %d: error %v, want ErrNotThis", at, err)
		}
	}
}

// TestRefused changes the headers so that no reader can know what to do.
func TestRefused(t *testing.T) {
	t.Parallel()
	disk := quick(t)
	for _, c := range []struct {
		name, old, with string
		want            error
		says            string
	}{
		{"requirement", `"config":{`, `"config":{"requirements":{"mandatory":["from-the-future"]},`, block.ErrUnsupported, "from-the-future"},
		{"integrity", `"sector_size":512`, `"sector_size":512,"integrity":{"type":"hmac(sha256)","journal_encryption":"none","journal_integrity":"none"}`, block.ErrUnsupported, "hmac(sha256)"},
		{"segment type", `"type":"crypt"`, `"type":"hw-opal"`, block.ErrUnsupported, "hw-opal"},
		{"cipher", `"encryption":"aes-xts-plain64","sector_size"`, `"encryption":"aes-lrw-benbi","sector_size"`, block.ErrUnsupported, "aes-lrw-benbi"},
		{"detached", `"segments":{"0":{"type":"crypt","offset":"`, `"segments":{"0":{"type":"crypt","offset":"0","was":"`, block.ErrMissing, "kept apart"},
		{"no data", `"segments":{"0":{"type":"crypt","offset":"`, `"segments":{"0":{"type":"crypt","offset":"99`, block.ErrMissing, "the device ends"},
		{"too much data", `"size":"dynamic"`, `"size":"99999744"`, block.ErrDamaged, "99999744"},
		{"no whole sector", `"size":"dynamic"`, `"size":"1000"`, block.ErrDamaged, "1000"},
		{"no bytes", `"size":"dynamic"`, `"size":"0"`, block.ErrDamaged, "0 bytes"},
		{"much work", `"iterations":1000`, `"iterations":2000000000`, block.ErrEncrypted, "2000000000"},
		{"much memory", `"kdf":{"type":"pbkdf2"`, `"kdf":{"type":"argon2id","time":4,"memory":2097152,"cpus":4`, block.ErrEncrypted, "2097152 KiB"},
		{"unknown kdf", `"kdf":{"type":"pbkdf2"`, `"kdf":{"type":"scrypt"`, block.ErrEncrypted, "scrypt"},
		{"key slot elsewhere", `"area":{"type":"raw","offset":"32768"`, `"area":{"type":"raw","offset":"3000000000"`, block.ErrEncrypted, "3000000000"},
		{"stripes", `"stripes":4000`, `"stripes":4000000000`, block.ErrEncrypted, "4000000000 stripes"},
		{"odd slot", `"stripes":4000`, `"stripes":"many"`, block.ErrEncrypted, "stripes"},
		{"slot type", `"keyslots":{"0":{"type":"luks2"`, `"keyslots":{"0":{"type":"luks9"`, block.ErrEncrypted, "luks9"},
	} {
		v := assemble(t, disktest.Memory(edit(t, disk, c.old, c.with)), []byte(pass))
		if !errors.Is(v.Err, c.want) || !strings.Contains(v.Err.Error(), c.says) || v.Source != nil {
			t.Errorf("%s: error %v, want %v that says %q", c.name, v.Err, c.want, c.says)
		}
	}
	for name, with := range map[string][2]string{
		"sector size": {`"sector_size":512`, `"sector_size":1000`},
		"offset":      {`"segments":{"0":{"type":"crypt","offset":"`, `"segments":{"0":{"type":"crypt","offset":"-`},
		"no segment":  {`"segments":{"0"`, `"nothing":{"0"`},
		"depth":       {`"config":{`, `"config":{"x":` + strings.Repeat("[", 11_000) + strings.Repeat("]", 1)},
	} {
		_, err := (luks.Manager{}).Probe(t.Context(), disktest.Memory(edit(t, disk, with[0], with[1])))
		if !errors.Is(err, block.ErrDamaged) {
			t.Errorf("%s: error %v, want ErrDamaged", name, err)
		}
	}
}

// TestNoSecret looks for the key in all that is shown.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	v := assemble(t, disktest.Memory(quick(t)), []byte(pass+"x"))
	if text := v.Err.Error() + strings.Join(v.Notes, ""); strings.Contains(text, pass) {
		t.Errorf("%q shows the key", text)
	}
}

func TestOldVersions(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"LUKS\xde\xad\x00\x01", "LUKS\xba\xbe\x00\x03"} {
		b := make([]byte, 8192)
		copy(b, start)
		if _, err := (luks.Manager{}).Probe(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrUnsupported) {
			t.Errorf("%q: error %v, want ErrUnsupported", start, err)
		}
	}
}

// TestCancel ends a try of a key that would take long.
func TestCancel(t *testing.T) {
	t.Parallel()
	disk := disktest.Memory(edit(t, quick(t), `"iterations":1000`, `"iterations":30000000`))
	m, err := luks.Manager{}.Probe(t.Context(), disk)
	if err != nil {
		t.Fatal(err)
	}
	m.Source = disk
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = luks.Manager{}.Assemble(ctx, []volume.Member{m}, volume.Options{Keys: [][]byte{[]byte(pass)}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
}

func FuzzHeader(f *testing.F) {
	disk := quick(f)
	json, _, _ := bytes.Cut(disk[4096:headerSize], []byte{0})
	f.Add(disk[:4096], json)
	one := make([]byte, 4096)
	copy(one, "LUKS\xba\xbe\x00\x01aes")
	f.Add(one, []byte{})
	rest := disk[2*headerSize:]
	f.Fuzz(func(_ *testing.T, head, json []byte) {
		disk := make([]byte, 2*headerSize, 2*headerSize+len(rest))
		copy(disk, head[:min(len(head), 4096)])
		copy(disk[4096:headerSize], json)
		reseal(disk, 0)
		// A key would make it as slow as the header wants.
		exercise(context.Background(), disktest.Memory(append(disk, rest...)))
	})
}
