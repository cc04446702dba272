// Package profile says what kind of disk it is: its system, its users, what is
// installed, what starts, which applications and data it holds, and which cloud
// it comes from.
//
// It reads known files of each volume by path, and is told of every node that a
// walk meets. It never keeps a secret: of a password it tells the kind of its
// hash, of a command the program.
package profile

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/packages"
)

// The limits of a profile.
const (
	maxBytes   = 1 << 20 // read of one file
	maxList    = 10_000  // entries looked at in one directory
	maxNodes   = 8000    // directories whose size is kept, of one volume
	maxMarks   = 500     // files that mark an application or a database
	maxResults = 2000    // users, services, applications …
	maxPlaces  = 50      // directories with data
	maxFacts   = 60
)

// Profile gathers. It is not safe for use by several goroutines at once.
type Profile struct {
	volumes []*volume
	last    *volume
	out     lenscap.Profile
	traces  map[lenscap.Trace]bool
}

// volume is what was seen of one volume.
type volume struct {
	name     string
	files    detect.Files
	manifest *packages.Manifest
	system   bool

	seen, bytes, packaged int64
	boot                  int64            // files of a boot partition, until another one is seen
	nodes                 map[string]*node // by path, to depth 5
	marks                 map[string]int64 // of files that mark something, with their sizes
	databases             map[string]*store
	kernel                string
}

// node is how much lies below a directory.
type node struct {
	size, own int64 // bytes, and those that no package brought
	files     int
	ownFiles  int
}

// New gives an empty profile.
func New() *Profile { return &Profile{traces: map[lenscap.Trace]bool{}} }

func (p *Profile) volume(name string) *volume {
	if p.last != nil && p.last.name == name {
		return p.last
	}
	i := slices.IndexFunc(p.volumes, func(v *volume) bool { return v.name == name })
	if i < 0 {
		i = len(p.volumes)
		p.volumes = append(p.volumes, &volume{name: name, nodes: map[string]*node{}, marks: map[string]int64{}, databases: map[string]*store{}})
	}
	p.last = p.volumes[i]
	return p.last
}

// Volume reads what it needs of a volume: its system, users, services, traces
// of clouds. m is what its package managers say, or nil. Files is kept until
// Result.
func (p *Profile) Volume(name string, files detect.Files, m *packages.Manifest) {
	v := p.volume(name)
	v.files, v.manifest = files, m
	p.readSystem(v)
	p.readTraces(v)
	p.readUsers(v)
	p.readServices(v)
	for _, k := range m.Packages() {
		if len(p.out.Packages) < 50_000 {
			p.out.Packages = append(p.out.Packages, lenscap.Package{Name: clean(k.Name), Version: clean(k.Version), Manager: k.Manager, Vendor: clean(k.Vendor)})
		}
	}
}

// See takes one node of the walk. Owned says that a package brought it.
func (p *Profile) See(name, file string, size int64, mode fs.FileMode, owned bool) {
	if !mode.IsRegular() || size < 0 || len(file) < 2 || file[0] != '/' {
		return
	}
	v := p.volume(name)
	if v.boot == v.seen && boots(file) {
		v.boot++
	}
	v.seen++
	v.bytes += size
	if owned {
		v.packaged += size
	}
	depth, most := 0, 5
	if strings.HasPrefix(file, "/usr/") && !strings.HasPrefix(file, "/usr/local/") {
		most = 2 // programs: nobody asks how much
	}
	for i := 1; i < len(file) && depth < most; i++ {
		if file[i] != '/' {
			continue
		}
		depth++
		n := v.nodes[file[:i]]
		if n == nil {
			if len(v.nodes) >= maxNodes {
				break
			}
			n = &node{}
			v.nodes[strings.Clone(file[:i])] = n
		}
		n.size += size
		n.files++
		if !owned {
			n.own += size
			n.ownFiles++
		}
	}
	base := file[strings.LastIndexByte(file, '/')+1:]
	if (markNames[base] || strings.HasSuffix(base, ".war") || strings.HasSuffix(base, ".jar") && !owned) && len(v.marks) < maxMarks &&
		!strings.Contains(file, "/node_modules/") && !strings.Contains(file, "/site-packages/") && !strings.Contains(file, "/dist-packages/") {
		v.marks[strings.Clone(file)] = size
	}
	if strings.HasPrefix(base, "vmlinuz-") && strings.HasPrefix(file, "/boot/") {
		v.kernel = newer(v.kernel, strings.Clone(base[len("vmlinuz-"):]))
	}
	v.seeStore(file, base, size)
}

// Result sums up; nil when no file was seen.
func (p *Profile) Result() *lenscap.Profile {
	var seen int64
	for _, v := range p.volumes {
		seen += v.seen
		p.out.FileBytes += v.bytes
		p.out.PackageBytes += v.packaged
	}
	if seen == 0 {
		return nil
	}
	for _, v := range p.volumes {
		p.findApplications(v)
		if v.system || p.out.Kernel == "" {
			p.out.Kernel = newer(p.out.Kernel, clean(v.kernel))
		}
		p.places(v)
	}
	p.classify()
	o := &p.out
	for t := range p.traces {
		o.Traces = append(o.Traces, t)
	}
	o.Traces = tidy(o.Traces, func(t lenscap.Trace) string { return t.Provider + "\x00" + t.Name + "\x00" + t.Value + "\x00" + t.Path })
	o.Users = tidy(o.Users, func(u lenscap.User) string { return u.Name + "\x00" + u.ID + "\x00" + u.Home })
	o.Packages = tidyN(o.Packages, 50_000, func(k lenscap.Package) string {
		return k.Name + "\x00" + k.Version + "\x00" + k.Manager + "\x00" + k.Vendor
	})
	o.Services = tidy(o.Services, func(s lenscap.Daemon) string { return s.Name })
	o.Applications = tidy(o.Applications, func(a lenscap.Application) string { return a.Name + "\x00" + a.Path })
	slices.SortFunc(o.Directories, func(a, b lenscap.Directory) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Path, b.Path))
	})
	o.Directories = o.Directories[:min(len(o.Directories), maxPlaces)]
	out := p.out
	p.out = lenscap.Profile{}
	return &out
}

// tidy sorts by a key, leaves out what has the same one, and bounds.
func tidy[T any](list []T, key func(T) string) []T { return tidyN(list, maxResults, key) }

func tidyN[T any](list []T, n int, key func(T) string) []T {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	list = slices.CompactFunc(list, func(a, b T) bool { return key(a) == key(b) })
	return list[:min(len(list), n)]
}

// read gives a file's first bytes; nil without such a file.
func (v *volume) read(file string) []byte {
	if v.files == nil {
		return nil
	}
	r, err := v.files.Open(file)
	if err != nil {
		return nil
	}
	data := make([]byte, max(0, min(r.Size(), maxBytes)))
	n, err := r.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return data[:n]
}

// line gives a file's first line that is not empty, cleaned.
func (v *volume) line(file string) string {
	for l := range strings.Lines(string(v.read(file))) {
		if l = clean(l); l != "" {
			return l
		}
	}
	return ""
}

// list gives what is in a directory, by name.
func (v *volume) list(dir string) []detect.File {
	var out []detect.File
	if v.files == nil {
		return nil
	}
	_ = v.files.List(dir, func(f detect.File) bool {
		out = append(out, f)
		return len(out) < maxList
	})
	slices.SortFunc(out, func(a, b detect.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func (v *volume) exists(file string) bool {
	if v.files == nil {
		return false
	}
	_, err := v.files.Open(file)
	return err == nil
}

// filled tells whether a directory holds anything.
func (v *volume) filled(dir string) bool {
	if v.files == nil {
		return false
	}
	found := false
	_ = v.files.List(dir, func(detect.File) bool { found = true; return false })
	return found
}

func (v *volume) place(file string) string { return clean(v.name) + ":" + cleanPath(file) }

// clean makes a name fit to print: one line, at most 100 characters.
func clean(s string) string { return cleanN(s, 100) }

func cleanPath(s string) string { return cleanN(s, 300) }

func cleanN(s string, n int) string {
	s = strings.TrimSpace(s[:min(len(s), 4*n)])
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	if r := []rune(s); len(r) > n {
		s = string(r[:n])
	}
	return s
}

// newer gives the greater of two versions.
func newer(a, b string) string {
	if compareVersions(a, b) >= 0 {
		return a
	}
	return b
}

// compareVersions compares runs of digits as numbers, the rest as text.
func compareVersions(a, b string) int {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	run := func(s string) int {
		i := 1
		for i < len(s) && digit(s[i]) == digit(s[0]) {
			i++
		}
		return i
	}
	for a != "" && b != "" {
		x, y := a[:run(a)], b[:run(b)]
		a, b = a[len(x):], b[len(y):]
		if digit(x[0]) && digit(y[0]) {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Compare(len(x), len(y)); c != 0 {
				return c
			}
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// sorted gives the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func base(f detect.File) string { return path.Base(f.Path) }
