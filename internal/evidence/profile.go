package evidence

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
)

// profile gathers what kind of image a disk is, from paths and two files.
type profile struct {
	os, hostname string
	facts        map[string]string // path → class
	files        bool
}

// The classes, after the mission's kinds of snapshot.
const (
	classOS          = "os_image"
	classApplication = "application_image"
	classData        = "data_snapshot"
)

// marks are paths that make a class. One that ends with a slash is a directory
// that must hold something.
var marks = []struct{ path, class string }{
	{"/etc/os-release", classOS},
	{"/usr/lib/os-release", classOS},
	{"/bin/sh", classOS},
	{"/usr/bin/sh", classOS},
	{"/srv/", classApplication},
	{"/var/www/", classApplication},
	{"/opt/", classApplication},
	{"/var/lib/docker/overlay2/", classApplication},
	{"/var/lib/containerd/", classApplication},
	{"/var/lib/postgresql/", classData},
	{"/var/lib/mysql/", classData},
	{"/var/lib/mongodb/", classData},
	{"/var/lib/redis/", classData},
	{"/var/lib/elasticsearch/", classData},
}

// databaseFiles are names that only a database's own directory holds.
var databaseFiles = []string{"/PG_VERSION", "/ibdata1", "/WiredTiger", "/dump.rdb", "/appendonly.aof", "/ntds.dit"}

// see looks at one path.
func (p *profile) see(e disk.Entry) {
	path := e.Absolute()
	if e.Mode.IsRegular() {
		p.files = true
	}
	for _, m := range marks {
		dir, isDir := strings.CutSuffix(m.path, "/")
		if isDir && e.Mode.IsRegular() && strings.HasPrefix(path, m.path) {
			p.fact(dir, m.class)
		} else if !isDir && path == m.path {
			p.fact(path, m.class)
		}
	}
	for _, name := range databaseFiles {
		if e.Mode.IsRegular() && strings.HasSuffix(path, name) {
			p.fact(path, classData)
		}
	}
}

func (p *profile) fact(path, class string) {
	if p.facts == nil {
		p.facts = map[string]string{}
	}
	if len(p.facts) < 20 {
		p.facts[path] = class
	}
}

// wants tells how much of a file the profile needs.
func (p *profile) wants(f detect.File) int64 {
	switch f.Path {
	case "/etc/os-release", "/usr/lib/os-release", "/etc/hostname":
		return min(f.Size, 4096)
	}
	return 0
}

// read takes the system's name and the host's.
func (p *profile) read(f detect.File, data []byte) {
	switch f.Path {
	case "/etc/hostname":
		line, _, _ := bytes.Cut(data, []byte("\n"))
		p.hostname = short(line)
	case "/etc/os-release", "/usr/lib/os-release":
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			if v, ok := bytes.CutPrefix(line, []byte("PRETTY_NAME=")); ok {
				p.os = short(bytes.Trim(bytes.TrimSpace(v), `"'`))
			}
		}
	}
}

func short(b []byte) string {
	s, _ := disk.Printable(string(bytes.TrimSpace(b)))
	if r := []rune(s); len(r) > 100 {
		s = string(r[:100])
	}
	return s
}

// result sums up; nil when nothing was seen. A disk with files but without any
// mark of a system is data.
func (p *profile) result() *lenscap.Profile {
	if !p.files {
		return nil
	}
	out := &lenscap.Profile{OS: p.os, Hostname: p.hostname}
	for path, class := range p.facts {
		text, _ := disk.Printable(path)
		out.Facts = append(out.Facts, lenscap.Fact{Class: class, Path: text})
		if !slices.Contains(out.Class, class) {
			out.Class = append(out.Class, class)
		}
	}
	if len(out.Class) == 0 {
		out.Class = []string{classData}
	}
	slices.SortFunc(out.Facts, func(a, b lenscap.Fact) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(out.Class)
	return out
}
