package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
)

// stanza is one package of dpkg's status file, see dpkg(1) and deb-control(5).
type stanza struct {
	Package
	arch      string
	installed bool // its files are there
	conffiles []conffile
}

type conffile struct {
	path   string
	digest []byte
}

// private are source packages of Debian's usual installations whose maintainers
// sign with an address of their own: the address doesn't tell where they are
// from.
var private = strings.Fields(`7zip cscope dh-runit dmidecode e2fsprogs file freetype fsverity-utils giflib git harfbuzz
	jbigkit kmod libasyncns libbpf libcap-ng libconfig libexecs libidn2 libinih liblockfile liblzf libonig libpsl libunistring
	libutempter libxcrypt logrotate lsb lsb-release-minimal mdadm ndctl netbase osinfo-db pmdk popt publicsuffix sndio
	source-highlight sysvinit tcp-wrappers time usbredir usrmerge vdeplug4 xfsprogs xz-utils yajl`)

// parseStatus reads paragraphs of control fields.
func parseStatus(data []byte, yield func(stanza) bool) {
	var s stanza
	var field, source, maintainer, origin string
	flush := func() bool {
		s.Manager = DPKG
		s.Vendor = maintainer
		if source == "" {
			source = s.Name
		}
		if slices.Contains(private, source) && strings.Contains(s.Version, "-") {
			s.Vendor = "Debian: " + maintainer
		}
		if origin != "" && Known(origin) && !strings.Contains(maintainer, "@") {
			s.Vendor = origin
		}
		ok := s.Name == "" || yield(s)
		s, field, source, maintainer, origin = stanza{}, "", "", "", ""
		return ok
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			if !flush() {
				return
			}
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if field == "conffiles" && len(s.conffiles) < 10_000 {
				if c, ok := parseConffile(line); ok {
					s.conffiles = append(s.conffiles, c)
				}
			}
			continue
		}
		name, value, ok := strings.Cut(string(line[:min(len(line), 4096)]), ":")
		if !ok {
			field = ""
			continue
		}
		field, value = strings.ToLower(name), strings.TrimSpace(value)
		switch field {
		case "package":
			s.Name = value
		case "version":
			s.Version = value
		case "architecture":
			s.arch = value
		case "source":
			source, _, _ = strings.Cut(value, " ")
		case "maintainer":
			maintainer = value
		case "origin":
			origin = value
		case "status":
			words := strings.Fields(value)
			s.installed = len(words) == 3 && !slices.Contains([]string{"not-installed", "config-files", "half-installed"}, words[2])
		}
	}
	flush()
}

// parseConffile reads " /etc/x 0123… obsolete".
func parseConffile(line []byte) (conffile, bool) {
	// The path may hold blanks, so the digest is looked for from the end.
	words := bytes.Fields(line)
	for len(words) > 2 && (string(words[len(words)-1]) == "obsolete" || string(words[len(words)-1]) == "remove-on-upgrade") {
		words = words[:len(words)-1]
	}
	if len(words) < 2 {
		return conffile{}, false
	}
	last := words[len(words)-1]
	return conffile{string(bytes.Join(words[:len(words)-1], []byte(" "))), unhex(last)}, true
}

// parseSums gives the lines of a list as md5sum(1) writes them, paths from the
// root.
func parseSums(data []byte, yield func(path string, digest []byte)) {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if len(line) < 35 || len(line) > 4096+35 || line[32] != ' ' {
			continue
		}
		if d := unhex(line[:32]); d != nil {
			yield("/"+strings.TrimPrefix(strings.TrimPrefix(string(line[34:]), "./"), "/"), d)
		}
	}
}

const (
	dpkgStatus = "/var/lib/dpkg/status"
	dpkgSingle = "/var/lib/dpkg/status.d"
	dpkgInfo   = "/var/lib/dpkg/info"
)

func (m *Manifest) dpkg(ctx context.Context, files detect.Files) error {
	var errs []error
	data, err := m.slurp(files, dpkgStatus, 32<<20)
	errs = append(errs, err)
	if len(data) > 0 {
		lists, err := listTimes(files, dpkgInfo)
		errs = append(errs, err)
		parseStatus(data, func(s stanza) bool {
			if !s.installed {
				return true
			}
			base := s.Name + ":" + s.arch
			at, ok := lists[base]
			if !ok {
				base = s.Name
				at, ok = lists[base]
			}
			s.Installed = at
			n, room := m.pkg(s.Package)
			if !room {
				return len(m.packages) < maxPackages
			}
			if ok && !strings.ContainsAny(base, "/\x00") {
				errs = append(errs, m.dpkgFiles(files, n, s, dpkgInfo+"/"+base))
			}
			return ctx.Err() == nil
		})
	}
	errs = append(errs, m.distroless(ctx, files), ctx.Err())
	return wrap("dpkg", errs)
}

// dpkgFiles takes the files of one package from its lists.
func (m *Manifest) dpkgFiles(files detect.Files, n uint32, s stanza, base string) error {
	seen := map[string]bool{}
	for _, c := range s.conffiles {
		seen[c.path] = true
		m.own(n, c.path, MD5, c.digest, true)
	}
	sums, err := m.slurp(files, base+".md5sums", 16<<20)
	parseSums(sums, func(p string, digest []byte) {
		if !seen[p] && len(seen) < maxLines {
			seen[p] = true
			m.own(n, p, MD5, digest, false)
		}
	})
	list, err2 := m.slurp(files, base+".list", 16<<20)
	dirs := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		if len(dirs) >= maxLines {
			break
		}
		dirs[path.Dir(strings.TrimSuffix(line, "\n"))] = true
	}
	for line := range strings.Lines(string(list)) {
		if p := strings.TrimSuffix(line, "\n"); !dirs[p] && !seen[p] {
			m.own(n, p, "", nil, false)
		}
	}
	return errors.Join(err, err2)
}

// distroless reads one file a package, as images without dpkg itself have it.
func (m *Manifest) distroless(ctx context.Context, files detect.Files) error {
	var names []detect.File
	err := files.List(dpkgSingle, func(f detect.File) bool {
		names = append(names, f)
		return len(names) < maxPackages
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	errs := []error{err}
	slices.SortFunc(names, func(a, b detect.File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range names {
		if ctx.Err() != nil || !f.Mode.IsRegular() || strings.HasSuffix(f.Path, ".md5sums") {
			continue
		}
		data, err := m.slurp(files, f.Path, 1<<20)
		errs = append(errs, err)
		parseStatus(data, func(s stanza) bool {
			s.Installed = f.Modified
			n, ok := m.pkg(s.Package)
			if ok {
				sums, err := m.slurp(files, f.Path+".md5sums", 16<<20)
				errs = append(errs, err)
				for _, c := range s.conffiles {
					m.own(n, c.path, MD5, c.digest, true)
				}
				parseSums(sums, func(p string, digest []byte) { m.own(n, p, MD5, digest, strings.HasPrefix(p, "/etc/")) })
			}
			return false // one package a file
		})
	}
	return errors.Join(errs...)
}

// listTimes gives the times of the lists, which are those of installation, by
// name without extension.
func listTimes(files detect.Files, dir string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := files.List(dir, func(f detect.File) bool {
		if name, ok := strings.CutSuffix(f.Path[strings.LastIndexByte(f.Path, '/')+1:], ".list"); ok {
			out[name] = f.Modified
		}
		return len(out) < maxPackages
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return out, err
}

// wrap joins the first few errors under a name: a hostile disk can't make a
// message without end.
func wrap(name string, errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	more := len(errs) - 5
	err := errors.Join(errs[:min(5, len(errs))]...)
	if more > 0 {
		return fmt.Errorf("%s: %w (and %d more)", name, err, more)
	}
	return fmt.Errorf("%s: %w", name, err)
}
