package fsys

import "io/fs"

// UnixMode turns a Unix mode, type and permissions as POSIX lays them out, into
// Go's. A type that there isn't becomes [fs.ModeIrregular].
func UnixMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & 0xF000 {
	case 0x1000:
		mode |= fs.ModeNamedPipe
	case 0x2000:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case 0x4000:
		mode |= fs.ModeDir
	case 0x6000:
		mode |= fs.ModeDevice
	case 0x8000:
	case 0xA000:
		mode |= fs.ModeSymlink
	case 0xC000:
		mode |= fs.ModeSocket
	default:
		mode |= fs.ModeIrregular
	}
	if m&0x800 != 0 {
		mode |= fs.ModeSetuid
	}
	if m&0x400 != 0 {
		mode |= fs.ModeSetgid
	}
	if m&0x200 != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}
