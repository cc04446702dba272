package ntfs

import "github.com/lenscap/lenscap/internal/disk/block"

// fixup checks a protected structure and undoes its update sequence array: the
// last two bytes of every stride were swapped for a number that tells a torn
// write.
func fixup(b []byte, magic string) error {
	if string(b[:4]) != magic {
		return block.Damaged("magic %q, want %q", b[:4], magic)
	}
	at, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	// Strides are sectors of 512 bytes, on disks with larger ones, too; some
	// tools take the disk's.
	if count < 2 || len(b)%(count-1) != 0 || len(b)/(count-1)%stride != 0 {
		return block.Damaged("%d update sequence numbers for %d bytes", count, len(b))
	}
	step := len(b) / (count - 1)
	if at < 8 || at%2 != 0 || at+2*count > step-2 {
		return block.Damaged("update sequence of %d numbers at byte %d", count, at)
	}
	num := le.Uint16(b[at:])
	for i := 1; i < count; i++ {
		if end := i*step - 2; le.Uint16(b[end:]) != num {
			return block.Damaged("torn write: sector %d ends in %#04x, want the update sequence number %#04x", i-1, le.Uint16(b[end:]), num)
		}
	}
	for i := 1; i < count; i++ {
		copy(b[i*step-2:i*step], b[at+2*i:at+2*i+2])
	}
	return nil
}
