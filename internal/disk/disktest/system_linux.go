package disktest

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func fifo(path string) error { return syscall.Mkfifo(path, 0o600) }

func setXattr(path, name string, value []byte) error {
	err := syscall.Setxattr(path, name, value, 0)
	if errors.Is(err, syscall.ENOTSUP) {
		return nil // the folder of the tests lies on a file system without them
	}
	return err
}

// xattrs reads the attributes that are compared. Links have none of the user's.
func xattrs(path string, mode fs.FileMode) (map[string]string, error) {
	if mode&fs.ModeSymlink != 0 {
		return nil, nil
	}
	list := make([]byte, 64<<10)
	n, err := syscall.Listxattr(path, list)
	if errors.Is(err, syscall.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "listxattr", Path: path, Err: err}
	}
	var out map[string]string
	for _, name := range split(list[:n]) {
		if !comparable(name) {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := syscall.Getxattr(path, name, value)
		if err != nil {
			return nil, &os.PathError{Op: "getxattr " + name, Path: path, Err: err}
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = string(value[:n])
	}
	return out, nil
}

func split(list []byte) (names []string) {
	start := 0
	for i, c := range list {
		if c == 0 {
			names = append(names, string(list[start:i]))
			start = i + 1
		}
	}
	return names
}

func owner(info fs.FileInfo, f *Fact) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = st.Uid, st.Gid
		if f.Type == "file" {
			f.Links = uint32(st.Nlink)
		}
	}
}
