package tar

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxOVF bounds the description of a virtual machine, in bytes.
const maxOVF = 4 << 20

// envelope is what an OVF says of its disks (DSP0243, sections 7.1 and 9.1).
// Before version 1.0 sections were of one name.
type envelope struct {
	Files []ovfFile `xml:"References>File"`
	Disks []ovfDisk `xml:"DiskSection>Disk"`
	Old   []ovfDisk `xml:"Section>Disk"`
}

type ovfFile struct {
	ID    string `xml:"id,attr"`
	Href  string `xml:"href,attr"`
	Chunk string `xml:"chunkSize,attr"`
}

type ovfDisk struct {
	ID     string `xml:"diskId,attr"`
	File   string `xml:"fileRef,attr"`
	Parent string `xml:"parentRef,attr"`
}

// readOVF reads the description.
func readOVF(src block.Source, m *member) (*envelope, error) {
	if m.err != nil {
		return nil, m.err
	}
	if m.size > maxOVF {
		return nil, block.Unsupported("it has %d bytes: want at most %d", m.size, maxOVF)
	}
	data := &mapped{src, m.size, m.pieces}
	var e envelope
	if err := xml.NewDecoder(io.NewSectionReader(data, 0, m.size)).Decode(&e); err != nil {
		return nil, block.Damaged("%v", err)
	}
	e.Disks = append(e.Disks, e.Old...)
	return &e, nil
}

// ovfDisks marks the disks that an archive's description names, with notes on
// those that are not there.
func (a *archive) ovfDisks(ovf *member) {
	e, err := readOVF(a.src, ovf)
	if err != nil {
		a.lose("the description %.100q: %v", ovf.name, err)
		return
	}
	files := make(map[string]ovfFile)
	for _, f := range e.Files {
		files[f.ID] = f
	}
	for _, d := range e.Disks {
		if d.File == "" {
			continue // made empty when the machine is
		}
		if d.Parent != "" {
			a.lose("the disk %.100q is a difference to another one, which is not read", d.ID)
		}
		f, ok := files[d.File]
		if !ok {
			a.lose("the disk %.100q is in the file %.100q, which the description does not have", d.ID, d.File)
			continue
		}
		if m := a.find(path.Dir(ovf.name), f); m != nil {
			m.disk = true
		} else {
			a.lose("the disk %.100q is in %.100q, which is not in the archive", d.ID, f.Href)
		}
	}
}

// find gives the member that a description means, which may be in pieces.
func (a *archive) find(dir string, f ovfFile) *member {
	names := []string{f.Href}
	if plain, err := url.PathUnescape(f.Href); err == nil && plain != f.Href {
		names = append(names, plain)
	}
	for _, n := range names {
		name := path.Join(dir, n)
		if m := a.byName[name]; m != nil {
			return m
		}
		if f.Chunk == "" {
			continue
		}
		if m := a.join(name); m != nil {
			return m
		}
	}
	return nil
}

// join makes one member of NAME.000000000 and those that follow.
func (a *archive) join(name string) *member {
	whole := &member{name: name}
	for i := 0; ; i++ {
		m := a.byName[fmt.Sprintf("%s.%09d", name, i)]
		if m == nil {
			break
		}
		m.used = true
		whole.cut = whole.cut || m.cut
		if whole.err == nil {
			whole.err = m.err
		}
		for _, p := range m.pieces {
			p.off += whole.size
			whole.pieces = append(whole.pieces, p)
		}
		whole.size += m.size
	}
	if whole.size == 0 {
		return nil
	}
	a.members = append(a.members, whole)
	a.byName[name] = whole
	return whole
}
