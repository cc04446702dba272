package ntfs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// openMFT finds where $MFT lies: its own first record says it, and when the MFT
// is in many pieces records in the pieces known so far tell of further ones.
func (t *tree) openMFT() error {
	t.mft = mft{t: t, chunks: map[uint64]*chunk{}}
	rec, err := t.firstRecord()
	if err != nil {
		return err
	}
	f := file{t: t, rec: rec}
	var data attr
	err = f.each(1<<(typData>>4), func(a attr) bool {
		if a.name == nil {
			data = a
		}
		return a.name != nil
	})
	switch {
	case data.typ == 0 && err != nil:
		return err
	case data.typ == 0 || data.resident:
		return block.Damaged("$MFT has no run list")
	}
	t.mft.runs, err = decodeRuns(data.pairs, 0, t.boot.clusters)
	if len(t.mft.runs) == 0 {
		return block.Damaged("$MFT has an empty run list")
	}
	t.mft.size = min(data.size, data.valid, t.boot.clusters*uint64(t.boot.cluster), uint64(t.boot.record)<<32)
	if err == nil {
		err = t.extendMFT(f)
	}
	if err != nil {
		t.note(true, "a part of the MFT is not known, files in it are lost: %v", err)
	}
	return nil
}

// firstRecord reads the record of $MFT, from $MFTMirr when it is damaged.
func (t *tree) firstRecord() (record, error) {
	b := make([]byte, t.boot.record)
	var rec record
	err := block.Damaged("$MFT at cluster %d of %d", t.boot.mft, t.boot.clusters)
	if t.boot.mft < t.boot.clusters {
		err = block.ReadFull(t.src, b, int64(t.boot.mft)*int64(t.boot.cluster))
	}
	if err == nil {
		err = unprotect(recMFT, b)
	}
	if err == nil {
		rec, err = record{recMFT, b}.check()
	}
	if err == nil {
		return rec, nil
	}
	if merr := t.readMirror(recMFT, b); merr != nil {
		return rec, fmt.Errorf("read $MFT: %w; its mirror: %w", err, merr)
	}
	t.note(false, "the first record of the MFT is damaged, its mirror is used: %v", err)
	return record{recMFT, b}.check()
}

// extendMFT adds the pieces of the MFT that its attribute list tells of.
func (t *tree) extendMFT(f file) error {
	if err := f.readList(); err != nil || f.list == nil {
		return err
	}
	pieces := slices.DeleteFunc(f.list, func(e listEntry) bool { return e.typ != typData || len(e.name) > 0 || e.low == 0 })
	slices.SortFunc(pieces, func(a, b listEntry) int { return cmp.Compare(a.low, b.low) })
	b := make([]byte, t.boot.record)
	for _, e := range pieces {
		num, _ := splitRef(e.ref)
		if num >= t.mft.count() {
			return block.Damaged("$MFT: its attribute list names MFT record %d of %d", num, t.mft.count())
		}
		if err := t.mft.readAt(b, num*uint64(t.boot.record)); err != nil {
			return err
		}
		if err := unprotect(num, b); err != nil {
			return err
		}
		a, err := f.pick(record{num, b}, e)
		if err != nil {
			return err
		}
		more, err := decodeRuns(a.pairs, e.low, t.boot.clusters)
		if end := t.mft.runs[len(t.mft.runs)-1]; len(more) > 0 && more[0].vcn != end.vcn+end.n {
			return block.Damaged("$MFT: a part starts at cluster %d, the one before ends at %d", e.low, end.vcn+end.n)
		}
		t.mft.runs = append(t.mft.runs, more...)
		if err != nil {
			return err
		}
		if len(t.mft.runs) > maxMFTRuns {
			return block.Damaged("$MFT: more than %d pieces", maxMFTRuns)
		}
	}
	return nil
}

// readVolume reads the label, the version and the flags from $Volume.
func (t *tree) readVolume() error {
	f, err := t.file(recVolume, 0)
	var info []byte
	if err == nil {
		err = f.each(1<<(typVolumeName>>4)|1<<(typVolumeInfo>>4), func(a attr) bool {
			switch {
			case a.typ == typVolumeName && a.resident && len(a.value) <= 512:
				t.label = text(a.value)
			case a.typ == typVolumeInfo && a.resident && len(a.value) >= 12:
				info = a.value
			}
			return true
		})
	}
	if err != nil || info == nil {
		t.note(false, "$Volume can't be read, label and state are not known")
		return nil //nolint:nilerr // told in the note
	}
	if major := info[8]; major > 3 {
		return block.Unsupported("NTFS version %d.%d", major, info[9])
	}
	if flags := le.Uint16(info[10:]); flags&1 != 0 {
		t.note(false, "marked dirty: not cleanly unmounted, or to be checked")
	}
	return nil
}
