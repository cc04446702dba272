package ntfs

import (
	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

const (
	maxLogPage  = 64 << 10
	noClient    = 0xFFFF
	volumeClean = 2 // flag of a restart area
)

// noteLog tells when $LogFile holds changes that may not have reached their
// places: it is not replayed.
func (t *tree) noteLog() {
	clean, err := t.logClean()
	switch {
	case err != nil:
		t.note(true, "$LogFile can't be read, the newest changes of metadata may be missing: %v", err)
	case !clean && t.hibernated():
		t.note(true, "Windows is hibernated here: what it kept in memory and in $LogFile is missing")
	case !clean:
		t.note(true, "not cleanly unmounted: $LogFile is not replayed, the newest changes of metadata may be missing")
	}
}

// logClean tells whether the log needs no replay. Of the two restart pages the
// newer one counts. A log that was emptied is all ones.
func (t *tree) logClean() (bool, error) {
	d, err := t.system(recLogFile)
	if err != nil {
		return false, err
	}
	head := make([]byte, min(d.Size(), maxLogPage))
	if err := block.ReadFull(d, head, 0); err != nil {
		return false, err
	}
	newest, clean, found := uint64(0), false, false
	for off := 0; off+stride <= len(head); off = max(2*off, stride) {
		lsn, c, ok := restartArea(head[off:])
		if ok && (!found || lsn > newest) {
			newest, clean, found = lsn, c, true
		}
	}
	if found {
		return clean, nil
	}
	for _, c := range head {
		if c != 0xFF {
			return false, block.Damaged("$LogFile: no restart area")
		}
	}
	return true, nil
}

// restartArea reads a restart page, when b starts with one: its sequence number
// and whether nobody had the log open. b is left as it is.
func restartArea(b []byte) (lsn uint64, clean, ok bool) {
	magic := string(b[:4])
	if magic != "RSTR" && magic != "CHKD" {
		return 0, false, false
	}
	size := le.Uint32(b[16:])
	if size < stride || uint64(size) > uint64(len(b)) || size&(size-1) != 0 {
		return 0, false, false
	}
	page := append([]byte(nil), b[:size]...)
	if fixup(page, magic) != nil {
		return 0, false, false
	}
	area, ok := cut(page, uint64(le.Uint16(page[24:])), 48)
	if !ok {
		return 0, false, false
	}
	return le.Uint64(area), le.Uint16(area[12:]) == noClient || le.Uint16(area[14:])&volumeClean != 0, true
}

// hibernated looks for the file that holds a sleeping system's memory.
func (t *tree) hibernated() bool {
	var found fsys.ID
	_ = t.List(t.Root(), func(e fsys.Entry) bool { // damage of the root is told when it is listed
		if t.SameName(e.Name, "hiberfil.sys") {
			found = e.ID
		}
		return found == 0
	})
	if found == 0 {
		return false
	}
	d, err := t.Open(found)
	if err != nil {
		return false
	}
	magic := make([]byte, 4)
	return block.ReadFull(d, magic, 0) == nil && (string(magic) == "hibr" || string(magic) == "HIBR")
}
