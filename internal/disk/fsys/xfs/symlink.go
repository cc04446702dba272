package xfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// maxTarget is the longest target of a symbolic link in bytes.
const maxTarget = 1024

// ReadLink implements [fsys.Tree].
func (t *tree) ReadLink(id fsys.ID) (string, error) {
	in, err := t.inode(id)
	if err != nil {
		return "", err
	}
	if in.kind() != 0xA000 {
		return "", in.wrongType("symbolic link")
	}
	f, err := in.dataFork()
	size := in.size()
	switch {
	case err != nil:
		return "", err
	case size > maxTarget:
		return "", block.Damaged("inode %d: link target of %d bytes, want at most %d", in.num, size, maxTarget)
	case f.format == formatLocal && size > uint64(len(f.raw)):
		return "", block.Damaged("inode %d: link target of %d bytes in a fork of %d", in.num, size, len(f.raw))
	case f.format == formatLocal:
		return string(f.raw[:size]), nil
	}
	m, err := t.mapping(f)
	if err != nil {
		return "", err
	}
	target := make([]byte, 0, size)
	for at := uint64(0); uint64(len(target)) < size; {
		r, err := m.lookup(at)
		if err == nil && r.phys == 0 {
			err = block.Damaged("block %d is a hole", at)
		}
		if err == nil {
			r.n = min(r.n, (maxTarget+symlinkHeader+uint64(t.sb.blockSize)-1)>>t.sb.blockLog)
			target, err = t.appendTarget(target, in, r)
		}
		if err != nil {
			return "", fmt.Errorf("inode %d: link target: %w", in.num, err)
		}
		at += r.n
	}
	return string(target), nil
}

// symlinkHeader is the length of xfs_dsymlink_hdr, with which each extent of a
// target starts in version 5.
const symlinkHeader = 56

// appendTarget adds what one extent holds of a link's target.
func (t *tree) appendTarget(target []byte, in inode, r run) ([]byte, error) {
	left := int(in.size()) - len(target)
	b := make([]byte, r.n<<t.sb.blockLog)
	off := int64(r.phys) << t.sb.blockLog
	if err := t.read(b, off); err != nil {
		return target, err
	}
	if !t.sb.v5 {
		return append(target, b[:min(left, len(b))]...), nil
	}
	at, n := be.Uint32(b[4:]), be.Uint32(b[8:])
	switch {
	case string(b[:4]) != "XSLM":
		return target, block.Damaged("block at byte %d has magic %q, want \"XSLM\"", off, b[:4])
	case int64(at) != int64(len(target)) || n == 0 || int64(n) > int64(min(left, len(b)-symlinkHeader)):
		return target, block.Damaged("block at byte %d holds %d bytes from %d, want at most %d from %d", off, n, at, left, len(target))
	case be.Uint64(b[32:]) != in.num:
		return target, block.Damaged("block at byte %d is inode %d's", off, be.Uint64(b[32:]))
	}
	return append(target, b[symlinkHeader:symlinkHeader+n]...), t.verify(b, off, 12, 40)
}
