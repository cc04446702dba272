package bitlocker_test

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
	"time"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
	"github.com/lenscap/lenscap/internal/disk/volume/bitlocker"
)

var methods = []uint16{0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005}

func assemble(t testing.TB, disk []byte, keys ...[]byte) volume.Volume {
	t.Helper()
	src := disktest.Memory(disk)
	m, err := bitlocker.Manager{}.Probe(t.Context(), src)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	m.Source, m.Volume = src, "p1"
	out, err := bitlocker.Manager{}.Assemble(t.Context(), []volume.Member{m}, volume.Options{Keys: keys})
	if err != nil || len(out) != 1 {
		t.Fatalf("assemble: %d volumes, %v", len(out), err)
	}
	if v := out[0]; v.Name != "" || len(v.Members) != 1 || v.Members[0] != "p1" || v.Type != "bitlocker" {
		t.Errorf("volume %+v, want one in the place of p1", v)
	}
	return out[0]
}

func holds(t testing.TB, v volume.Volume, want []byte) {
	t.Helper()
	if v.Err != nil || v.Source == nil {
		t.Fatalf("volume: %v (%q)", v.Err, v.Notes)
	}
	got := make([]byte, len(want))
	if err := block.ReadFull(v.Source, got, 0); err != nil || v.Size != int64(len(want)) {
		t.Fatalf("whole volume of %d bytes: %v", v.Size, err)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("byte %d is wrong", i)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		off := r.IntN(len(want))
		n := min(r.IntN(100_000), len(want)-off)
		if err := block.ReadFull(v.Source, got[:n], int64(off)); err != nil || !bytes.Equal(got[:n], want[off:off+n]) {
			t.Fatalf("%d bytes at %d: %v, or other ones", n, off, err)
		}
	}
}

func locked(t testing.TB, v volume.Volume) {
	t.Helper()
	if !errors.Is(v.Err, block.ErrEncrypted) || v.Source != nil {
		t.Errorf("volume %+v, want it encrypted", v)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for _, sector := range []int{512, 4096} {
		for _, method := range methods {
			b := build(t, recipe{method: method, sector: sector, toGo: method == 0x8003, kinds: []uint16{0x100, 0x200}})
			v := assemble(t, b.disk)
			locked(t, v)
			if !strings.Contains(v.Notes[0], "TPM {") || !strings.Contains(v.Notes[0], "startup key {") || v.UUID == "" || v.Label != "HOST C: 1/2/2024" {
				t.Errorf("%q, %q, %q", v.Notes, v.UUID, v.Label)
			}
			holds(t, assemble(t, b.disk, startupFile(b)), b.plain)
			locked(t, assemble(t, b.disk, []byte("wrong")))
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := build(t, recipe{method: 0x8004, kinds: []uint16{0x100, 0x800, 0x2000, 0x200}})
	windows := append([]byte{0xFF, 0xFE}, utf16le("BitLocker key\r\n\r\n\t"+recovery+"\r\n")...)
	for name, key := range map[string][]byte{
		"password": []byte(password), "password and newline": []byte(password + "\r\n"),
		"recovery password": []byte(recovery), "without dashes": []byte(strings.ReplaceAll(recovery, "-", "")),
		"Windows' file": windows, "startup key": startupFile(b), "master key": b.master,
	} {
		v := assemble(t, b.disk, []byte("wrong"), key)
		holds(t, v, b.plain)
		if text := strings.Join(v.Notes, ""); strings.Contains(text, password) || strings.Contains(text, recovery) {
			t.Errorf("%s: %q shows the key", name, text)
		}
	}
	locked(t, assemble(t, b.disk, []byte(strings.Replace(recovery, "471207", "471208", 1)), []byte(strings.Replace(recovery, "471207", "471218", 1))))
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	b := build(t, recipe{method: 0x8005, kinds: []uint16{0, 0x100}})
	v := assemble(t, b.disk)
	holds(t, v, b.plain)
	if !strings.Contains(strings.Join(v.Notes, ";"), "PROTECTION IS SUSPENDED") {
		t.Errorf("notes %q", v.Notes)
	}
}

func TestConversion(t *testing.T) {
	t.Parallel()
	for _, state := range []uint16{2, 5} {
		for _, encrypted := range []int{64 << 10, 600 << 10, headerAt + 4096, 1500 << 10} {
			b := build(t, recipe{method: 0x8002, kinds: []uint16{0}, state: state, encrypted: encrypted})
			v := assemble(t, b.disk)
			holds(t, v, b.plain)
			if v.Incomplete != (state == 2) || !strings.Contains(strings.Join(v.Notes, ";"), fmt.Sprintf("from %d on are not encrypted", encrypted)) {
				t.Errorf("incomplete %v, notes %q", v.Incomplete, v.Notes)
			}
		}
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	b := build(t, recipe{method: 0x8004, kinds: []uint16{0}})
	for name, change := range map[string]func(disk []byte){
		"first lost":          func(d []byte) { clear(d[areas[0] : areas[0]+64<<10]) },
		"first changed":       func(d []byte) { d[areas[0]+56] ^= 2 },
		"two lost":            func(d []byte) { clear(d[areas[0] : areas[0]+512]); clear(d[areas[2] : areas[2]+512]) },
		"all checksums wrong": func(d []byte) { d[areas[0]+24] ^= 1; d[areas[1]+24] ^= 1; d[areas[2]+24] ^= 1 },
	} {
		disk := bytes.Clone(b.disk)
		change(disk)
		holds(t, assemble(t, disk), b.plain)
		m, err := bitlocker.Manager{}.Probe(t.Context(), disktest.Memory(disk))
		if err != nil || len(m.Notes) != 1 {
			t.Errorf("%s: notes %q, %v", name, m.Notes, err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	b := build(t, recipe{method: 0x8004, kinds: []uint16{0}})
	all := func(at int64, v byte) func([]byte) {
		return func(d []byte) {
			for _, a := range areas {
				d[a+at] = v
			}
		}
	}
	for name, c := range map[string]struct {
		want   error
		change func([]byte)
	}{
		"FAT":              {block.ErrNotThis, func(d []byte) { copy(d[3:], "MSWIN4.1") }},
		"no signature":     {block.ErrNotThis, func(d []byte) { d[3] = 0 }},
		"Vista":            {block.ErrUnsupported, func(d []byte) { d[1] = 0x52; d[160] = 0 }},
		"encrypt on write": {block.ErrUnsupported, func(d []byte) { copy(d[160:], "\x3b\x4d\xa8\x92\x80\xdd\x0e\x4d\x9e\x4e\xb1\xe3\x28\x4e\xae\xd8") }},
		"identifier":       {block.ErrDamaged, func(d []byte) { d[160] ^= 1 }},
		"sector size":      {block.ErrDamaged, func(d []byte) { d[11] = 1 }},
		"version":          {block.ErrUnsupported, all(10, 3)},
		"state":            {block.ErrUnsupported, all(12, 3)},
		"no metadata":      {block.ErrDamaged, all(0, 0)},
		"header elsewhere": {block.ErrDamaged, all(27, 1)},
	} {
		if name == "header elsewhere" {
			c.change = func(d []byte) { d[176+7] = 0x7F; d[184+7] = 0x7F; d[192+7] = 0x7F }
		}
		disk := bytes.Clone(b.disk)
		c.change(disk)
		if _, err := (bitlocker.Manager{}).Probe(t.Context(), disktest.Memory(disk)); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	disk := bytes.Clone(b.disk)
	all(100, 9)(disk)
	if v := assemble(t, disk, []byte("x")); !errors.Is(v.Err, block.ErrUnsupported) {
		t.Errorf("unknown method: error %v", v.Err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "one byte": {1}, "zeros": make([]byte, 1<<20), "random": random(1<<20, 9)} {
		if _, err := (bitlocker.Manager{}).Probe(t.Context(), disktest.Memory(data)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: error %v, want ErrNotThis", name, err)
		}
	}
}

// TestKernel has cryptsetup open the same volumes: what it shows of them must
// be what the encoder meant and the reader gives.
func TestKernel(t *testing.T) {
	t.Parallel()
	disktest.Tool(t, "linux.uml")
	disktest.Tool(t, "cryptsetup")
	dir := t.TempDir()
	args := []string{"../../disktest/uml.sh", "testdata/hash.sh"}
	var want []string
	for _, sector := range []int{512, 4096} {
		for _, method := range methods {
			b := build(t, recipe{method: method, sector: sector, toGo: method == 0x8003, kinds: []uint16{0x800}})
			path := filepath.Join(dir, fmt.Sprintf("%x-%d", method, sector))
			if err := os.WriteFile(path, b.disk, 0o600); err != nil {
				t.Fatal(err)
			}
			args, want = append(args, path), append(want, sum(b.plain))
		}
	}
	out := disktest.Run(t, "sh", args...)
	var got []string
	for line := range strings.Lines(out) {
		if hash, _, ok := strings.Cut(line, "  "); ok && len(hash) == 64 {
			got = append(got, hash)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("cryptsetup reads\n%s\nwant %q", out, want)
	}
}

func exercise(ctx context.Context, disk []byte, keys ...[]byte) {
	src := disktest.Memory(disk)
	m, err := bitlocker.Manager{}.Probe(ctx, src)
	if err != nil {
		return
	}
	m.Source = src
	out, _ := bitlocker.Manager{}.Assemble(ctx, []volume.Member{m}, volume.Options{Keys: keys})
	for _, v := range out {
		if v.Source != nil {
			_, _ = io.Copy(io.Discard, io.NewSectionReader(v.Source, 0, min(v.Size, 1<<20)))
			_, _ = block.Extents(ctx, v.Source)
			_ = block.Prefetch(ctx, v.Source, []block.Extent{{Offset: 0, Length: v.Size}})
			_ = block.Locate(v.Source, v.Size/2)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	b := build(t, recipe{method: 0x8000, kinds: []uint16{0, 0x200, 0x2000}})
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		bad := bytes.Clone(b.disk)
		for _, a := range append(areas[:], 0) {
			for range r.IntN(4) {
				bad[int(a)+r.IntN(1+r.IntN(800))] ^= byte(1 + r.IntN(255))
			}
		}
		if seed%5 == 0 {
			bad = bad[:r.IntN(len(bad))]
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		exercise(ctx, bad, startupFile(b))
		if ctx.Err() != nil {
			t.Errorf("damage %d: it did not end", seed)
		}
		cancel()
	}
}

func FuzzMetadata(f *testing.F) {
	b := build(f, recipe{method: 0x8004, kinds: []uint16{0, 0x200}})
	f.Add(b.disk[:512], b.disk[areas[0]:areas[0]+1024], startupFile(b))
	f.Fuzz(func(_ *testing.T, boot, meta, key []byte) {
		disk := bytes.Clone(b.disk)
		copy(disk[:512], boot)
		for _, a := range areas {
			copy(disk[a:a+64<<10], meta)
		}
		// Passwords would make it slow.
		if len(key) > 0 && key[0] < 200 {
			key = nil
		}
		exercise(context.Background(), disk, key)
	})
}
