// Command peers lists or reads all files of an ext4 partition with Go libraries
// that could be used instead of lenscap's own reader. It is a module of its own:
// none of them is linked into lenscap.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/filesystem"
	"github.com/masahiro331/go-ext4-filesystem/ext4"
)

func main() {
	lib := flag.String("lib", "", "masahiro331 or diskfs")
	part := flag.Int("part", 1, "number of the GPT partition")
	read := flag.Bool("read", false, "read and hash every file")
	flag.Parse()
	var err error
	switch *lib {
	case "masahiro331":
		err = masahiro(flag.Arg(0), *part, *read)
	case "diskfs":
		err = diskFS(flag.Arg(0), *part, *read)
	default:
		err = fmt.Errorf("-lib %q: want masahiro331 or diskfs", *lib)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func masahiro(image string, part int, read bool) error {
	d, err := diskfs.Open(image, diskfs.WithOpenMode(diskfs.ReadOnly))
	if err != nil {
		return err
	}
	table, err := d.GetPartitionTable()
	if err != nil {
		return err
	}
	var start, size int64
	for _, p := range table.GetPartitions() {
		if p.GetIndex() == part {
			start, size = p.GetStart(), p.GetSize()
		}
	}
	f, err := os.Open(image)
	if err != nil {
		return err
	}
	fsys, err := ext4.NewFS(*io.NewSectionReader(f, start, size), nil)
	if err != nil {
		return err
	}
	files, failed := 0, 0
	err = fs.WalkDir(fsys, "/", func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			failed++
			return nil
		}
		files++
		fmt.Println(p)
		if !read || !e.Type().IsRegular() {
			return nil
		}
		h, err := fsys.Open(p)
		if err != nil {
			failed++
			return nil
		}
		defer h.Close()
		if _, err := io.Copy(sha256.New(), h); err != nil {
			failed++
		}
		return nil
	})
	fmt.Fprintln(os.Stderr, files, "files,", failed, "failed")
	return err
}

func diskFS(image string, part int, read bool) error {
	d, err := diskfs.Open(image, diskfs.WithOpenMode(diskfs.ReadOnly))
	if err != nil {
		return err
	}
	fsys, err := d.GetFilesystem(part)
	if err != nil {
		return err
	}
	files, failed := 0, 0
	err = walk(fsys, ".", read, &files, &failed)
	fmt.Fprintln(os.Stderr, files, "files,", failed, "failed")
	return err
}

func walk(fsys filesystem.FileSystem, dir string, read bool, files, failed *int) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		*failed++
		return nil
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.Name() == "." || e.Name() == ".." {
			continue
		}
		*files++
		fmt.Println(name)
		switch {
		case e.IsDir():
			if err := walk(fsys, name, read, files, failed); err != nil {
				return err
			}
		case read && e.Type().IsRegular():
			h, err := fsys.OpenFile(name, os.O_RDONLY)
			if err != nil {
				*failed++
				continue
			}
			if _, err := io.Copy(sha256.New(), h); err != nil {
				*failed++
			}
			h.Close()
		}
	}
	return nil
}
