package mdraid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/disktest"
	"github.com/lenscap/lenscap/internal/disk/volume"
)

func assembleBytes(t *testing.T, members ...[]byte) volume.Volume {
	t.Helper()
	var list []volume.Member
	for i, b := range members {
		src := disktest.Memory(b)
		m, err := (Manager{}).Probe(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		m.Source, m.Volume = src, string(rune('a'+i))
		list = append(list, m)
	}
	volumes, err := (Manager{}).Assemble(t.Context(), list, volume.Options{})
	if err != nil || len(volumes) != 1 {
		t.Fatalf("%d volumes, %v", len(volumes), err)
	}
	return volumes[0]
}

// TestBigEndian turns the superblocks of an array round: each word, and the two
// halves of the event counts.
func TestBigEndian(t *testing.T) {
	t.Parallel()
	s := disktest.OpenSet(t, "090-raid5")
	for i, src := range s.Members {
		b := make([]byte, src.Size())
		if err := block.ReadFull(src, b, 0); err != nil {
			t.Fatal(err)
		}
		sb := b[len(b)-65536:][:4096]
		for _, w := range []int{39, 41} {
			half := slices.Clone(sb[4*w : 4*w+4])
			copy(sb[4*w:], sb[4*w+4:4*w+8])
			copy(sb[4*w+4:], half)
		}
		for w := 0; w < 4096; w += 4 {
			binary.BigEndian.PutUint32(sb[w:], le.Uint32(sb[w:]))
		}
		s.Members[i] = disktest.Memory(b)
	}
	s.Base = s.Members[0]
	v := s.Assemble(t, Manager{})["md0"]
	if v.Source == nil {
		t.Fatal(v.Err)
	}
	v.Source = struct{ block.Source }{v.Source} // the places are of different files now
	want := disktest.OpenSet(t, "090-raid5")
	all, exp := make([]byte, v.Size), make([]byte, v.Size)
	if err := errors.Join(block.ReadFull(v.Source, all, 0), block.ReadFull(want.Assemble(t, Manager{})["md0"].Source, exp, 0)); err != nil || !bytes.Equal(all, exp) {
		t.Errorf("other bytes than in little endian: %v", err)
	}
}

// TestLastPartition looks that the superblock of a last partition is not taken
// for one of the whole disk.
func TestLastPartition(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"090-raid1", "raid1-10"} {
		member := disktest.OpenSet(t, name).Members[0]
		disk := make([]byte, 64<<10+member.Size())
		if err := block.ReadFull(member, disk[64<<10:], 0); err != nil {
			t.Fatal(err)
		}
		copy(disk[446+4:], "\xfd\x00\x00\x00\x80\x00\x00\x00")
		le.PutUint32(disk[446+12:], uint32(member.Size()/512))
		disk[510], disk[511] = 0x55, 0xaa
		if _, err := (Manager{}).Probe(t.Context(), disktest.Memory(disk)); !errors.Is(err, block.ErrNotThis) {
			t.Errorf("%s: the disk: error %v, want ErrNotThis", name, err)
		}
		if _, err := (Manager{}).Probe(t.Context(), disktest.Memory(disk[64<<10:])); err != nil {
			t.Errorf("%s: the partition: %v", name, err)
		}
	}
}

// TestBadBlocks reads a mirror one of whose members has a list of bad blocks.
func TestBadBlocks(t *testing.T) {
	t.Parallel()
	with := func(number int, bad bool) []byte {
		s := simple(1, 0, number)
		if bad {
			s[8] = featureBadBlocks
			le.PutUint16(s[186:], 1)
			le.PutUint32(s[188:], 16)
		}
		b := v1(s)
		for i := 64 * 512; i < len(b); i++ {
			b[i] = byte(i >> 9)
		}
		copy(b[(8+16)*512:], bytes.Repeat([]byte{0xff}, 512))
		if bad {
			le.PutUint64(b[(8+16)*512:], 70<<10|4) // sectors 70 to 73 of the member
			clear(b[70*512 : 74*512])
		}
		return b
	}
	v := assembleBytes(t, with(0, true), with(1, false), with(2, false))
	if v.Source == nil || v.Incomplete || !strings.Contains(strings.Join(v.Notes, ";"), "bad ranges") {
		t.Fatalf("%+v", v)
	}
	b := make([]byte, v.Size)
	if err := block.ReadFull(v.Source, b, 0); err != nil || b[5*512] != 69 || b[6*512] != 70 || b[9*512] != 73 || b[10*512] != 74 {
		t.Errorf("other bytes, %v", err)
	}
}

// TestReplacement reads an array with a member and its replacement.
func TestReplacement(t *testing.T) {
	t.Parallel()
	roles := func(number int) []byte {
		s := append(simple(5, 2, number), 0, 0)
		le.PutUint32(s[220:], 4)
		le.PutUint16(s[256+2*3:], 1)
		if number == 3 {
			s[8] = featureReplacement
		}
		return v1(s)
	}
	v := assembleBytes(t, roles(0), roles(3), roles(1), roles(2))
	if v.Source == nil || !slices.Equal(v.Members, []string{"a", "c", "d"}) {
		t.Errorf("with both: members %q, %v", v.Members, v.Err)
	}
	v = assembleBytes(t, roles(0), roles(3), roles(2))
	if v.Source == nil || !slices.Equal(v.Members, []string{"a", "b", "c"}) || len(v.Notes) > 0 {
		t.Errorf("with the replacement: members %q, notes %q, %v", v.Members, v.Notes, v.Err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"host:0": "md0", "host:127": "md127", "root": "md/root", "host:a b": "md/0:0:0:0", "": "md/0:0:0:0", "h:x/y": "md/0:0:0:0", "7": "md7",
	} {
		sb := superblock{version: "1.2", name: name}
		if got := strings.ReplaceAll(sb.deviceName(), "00000000", "0"); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestBadChecksumIsDamage(t *testing.T) {
	t.Parallel()
	b := v1(simple(1, 0, 0))
	b[4096+32]++
	if _, err := (Manager{}).Probe(t.Context(), disktest.Memory(b)); !errors.Is(err, block.ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}

func TestUnknownLevelsAreNamed(t *testing.T) {
	t.Parallel()
	for _, level := range []int{-10, 7} {
		if v := assembleBytes(t, v1(simple(level, 0, 0))); !errors.Is(v.Err, block.ErrUnsupported) {
			t.Errorf("level %d: error %v, want ErrUnsupported", level, v.Err)
		}
	}
}
