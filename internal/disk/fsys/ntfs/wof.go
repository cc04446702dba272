package ntfs

import "github.com/lenscap/lenscap/internal/disk/fsys"
import "github.com/lenscap/lenscap/internal/disk/block"

func (n *node) wof() (fsys.Data, error) {
	return nil, block.Unsupported("MFT record %d: WOF", n.rec.num)
}
