// Package packages reads what package managers say of a volume: which packages
// are installed, which files they brought and what those files' digests are.
//
// It reads dpkg (status, status.d, info), rpm (rpmdb.sqlite, Packages of
// Berkeley DB, Packages.db of ndb) and apk. A file that a known distribution
// shipped and nobody changed holds no secret of the disk's owner; a package of
// somebody else may well ship one, so [Known] tells them apart.
package packages

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
)

// The limits: what a manifest holds at most, about 48 MiB in all.
const (
	maxFiles    = 700_000
	maxPackages = 50_000
	maxRead     = 512 << 20 // bytes read of one volume's lists
	maxText     = 120       // runes of a name
	maxLines    = 200_000   // files of one package of dpkg
)

// The package managers.
const (
	DPKG = "dpkg"
	RPM  = "rpm"
	APK  = "apk"
)

// The algorithms of digests.
const (
	MD5    = "md5"
	SHA1   = "sha1"
	SHA224 = "sha224"
	SHA256 = "sha256"
	SHA384 = "sha384"
	SHA512 = "sha512"
)

// Package is one installed package.
type Package struct {
	Name    string
	Version string // with epoch and release, as its manager prints it
	Manager string // dpkg, rpm, apk
	// Vendor is who made it, as far as the manager says: a maintainer's address
	// (dpkg), Vendor (rpm), Alpine Linux (apk of its own build system).
	Vendor    string
	Installed time.Time // zero when the manager doesn't tell
	// until is the latest time that a file as shipped can have been modified.
	until time.Time
}

// Owned is what a manager says of one file.
type Owned struct {
	Package Package
	Digest  []byte // nil when the manager has none
	Algo    string // md5, sha1, sha224, sha256, sha384, sha512; empty without Digest
	Config  bool   // a file that its owner is to edit
}

// Manifest is what the package managers of one volume say. It doesn't change
// and is safe for use by several goroutines. The zero value and nil are empty.
type Manifest struct {
	packages  []Package
	files     []file // by key
	digests   []byte
	seed      maphash.Seed
	truncated bool
	read      int64
}

// file is one owned file: 24 bytes.
type file struct {
	key    uint64 // of the normalised path, seeded: a disk can't make collisions
	digest uint32 // where in digests
	pkg    uint32
	order  uint32
	algo   uint8 // index into algos; 0 is none
	config bool
}

var algos = []struct {
	name string
	size int
}{{"", 0}, {MD5, md5.Size}, {SHA1, sha1.Size}, {SHA224, sha256.Size224}, {SHA256, sha256.Size}, {SHA384, sha512.Size384}, {SHA512, sha512.Size}}

// Reader reads manifests.
type Reader struct {
	// SQLite opens rpmdb.sqlite. Without one, such a database is an error that
	// wraps [database.ErrUnsupported].
	SQLite database.Engine
}

// Read reads what the package managers of a volume say. Damage costs what it
// hits: the manifest is never nil and holds what could be read, also when there
// is an error. A volume without a package manager gives an empty one.
func Read(ctx context.Context, files detect.Files) (*Manifest, error) {
	return Reader{}.Read(ctx, files)
}

// Read is as the function Read.
func (r Reader) Read(ctx context.Context, files detect.Files) (*Manifest, error) {
	m := &Manifest{seed: maphash.MakeSeed()}
	errs := []error{m.dpkg(ctx, files), m.rpm(ctx, files, r.SQLite), m.apk(ctx, files)}
	// The last package to bring a file has it: a stable order keeps that one last.
	slices.SortFunc(m.files, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.order, b.order))
	})
	if m.truncated {
		errs = append(errs, fmt.Errorf("lists of packages: expected at most %d packages, %d files and %d bytes, found more: the rest was left out", maxPackages, maxFiles, maxRead))
	}
	return m, errors.Join(errs...)
}

// Packages gives the installed packages, by name, version and manager.
func (m *Manifest) Packages() []Package {
	if m == nil {
		return nil
	}
	out := slices.Clone(m.packages)
	slices.SortFunc(out, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Vendor, b.Vendor))
	})
	return out
}

// Files is how many files packages own.
func (m *Manifest) Files() int {
	if m == nil {
		return 0
	}
	return len(m.files)
}

// Owner tells which package brought a file. Path is absolute within the volume;
// /lib and the like stand also for /usr/lib, as on systems where one is a link
// to the other.
func (m *Manifest) Owner(path string) (Owned, bool) {
	f, ok := m.find(path)
	if !ok {
		return Owned{}, false
	}
	o := Owned{Package: m.packages[f.pkg], Config: f.config}
	if a := algos[f.algo]; a.size > 0 {
		o.Algo = a.name
		o.Digest = m.digests[f.digest : int(f.digest)+a.size : int(f.digest)+a.size]
	}
	return o, true
}

// Owns tells whether a package brought a file. It doesn't allocate.
func (m *Manifest) Owns(path string) bool {
	_, ok := m.find(path)
	return ok
}

func (m *Manifest) find(path string) (file, bool) {
	if m == nil || len(m.files) == 0 {
		return file{}, false
	}
	key := m.key(path)
	i, ok := slices.BinarySearchFunc(m.files, key, func(f file, k uint64) int { return cmp.Compare(f.key, k) })
	if !ok {
		return file{}, false
	}
	for i+1 < len(m.files) && m.files[i+1].key == key && !m.better(i, i+1) {
		i++
	}
	return m.files[i], true
}

// better tells that of two entries for one path the first says more: a list
// without digests doesn't hide one with.
func (m *Manifest) better(i, j int) bool { return m.files[i].algo != 0 && m.files[j].algo == 0 }

// key is a path's, with /usr in front of what merged systems keep there.
func (m *Manifest) key(p string) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	if merged(p) {
		h.WriteString("/usr")
	}
	h.WriteString(p)
	return h.Sum64()
}

func merged(p string) bool {
	for _, d := range [...]string{"/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/", "/libx32/"} {
		if strings.HasPrefix(p, d) {
			return true
		}
	}
	return false
}

// Unchanged guesses, without reading a byte, that a file is as its package
// shipped it: it belongs to a known vendor, lies where only packages write, is
// no configuration and was not modified after the package was installed. It
// can be wrong about a file whose time was put back.
func Unchanged(m *Manifest, path string, modified time.Time) bool {
	f, ok := m.find(path)
	if !ok || f.config || modified.IsZero() || !vendored(path) {
		return false
	}
	p := m.packages[f.pkg]
	return Known(p.Vendor) && !p.until.IsZero() && !modified.After(p.until)
}

// vendored tells whether a path lies where packages write and people don't.
func vendored(p string) bool {
	if merged(p) || strings.HasPrefix(p, "/boot/") {
		return true
	}
	return strings.HasPrefix(p, "/usr/") && !strings.HasPrefix(p, "/usr/local/")
}

// Verify tells whether the digest of a file's bytes, made with o.Algo, is what
// its package says.
func Verify(o Owned, sum []byte) bool {
	return len(o.Digest) > 0 && bytes.Equal(o.Digest, sum)
}

// vendors are the distributions' own names: the value of rpm's Vendor begins
// with one, or the domain of dpkg's Maintainer is one or below one.
var vendors = []string{
	"red hat", "fedora project", "centos", "suse ", "opensuse", "alibaba cloud", "alibaba group", "openeuler", "http://openeuler.org", "rocky enterprise software foundation", "rocky linux",
	"almalinux", "oracle america", "amazon linux", "amazon.com", "amazon web services", "microsoft corporation", "alpine linux", "debian", "ubuntu", "kylin", "uniontech", "opencloudos", "tencentos", "anolis", "openanolis", "vmware, inc",
}

var domains = []string{
	"debian.org", "debian.net", "ubuntu.com", "canonical.com", "alpinelinux.org", "kali.org", "raspberrypi.com", "raspberrypi.org", "devuan.org", "deepin.org", "uniontech.com", "kylinos.cn", "linuxmint.com",
}

// Known tells whether a vendor is a distribution: what it ships is public. What
// anybody else ships may be somebody's own.
func Known(vendor string) bool {
	v := strings.ToLower(strings.TrimSpace(vendor))
	if strings.HasPrefix(v, "debian: ") {
		return true // see private
	}
	if i := strings.LastIndexByte(v, '@'); i >= 0 {
		host := strings.TrimRight(v[i+1:], "> ")
		return slices.ContainsFunc(domains, func(d string) bool {
			return host == d || strings.HasSuffix(host, "."+d)
		})
	}
	return v == "suse" || slices.ContainsFunc(vendors, func(d string) bool { return strings.HasPrefix(v, d) })
}

// pkg takes a package; without room it says no.
func (m *Manifest) pkg(p Package) (uint32, bool) {
	p.Name, p.Version, p.Vendor = clean(p.Name), clean(p.Version), clean(p.Vendor)
	if len(m.packages) >= maxPackages {
		m.truncated = true
		return 0, false
	}
	if p.Name == "" {
		return 0, false
	}
	if p.until.IsZero() {
		p.until = p.Installed
	}
	m.packages = append(m.packages, p)
	return uint32(len(m.packages) - 1), true
}

// own takes a file of a package. A digest of another size than its algorithm's
// is none.
func (m *Manifest) own(pkg uint32, p string, algo string, digest []byte, config bool) {
	if len(m.files) >= maxFiles {
		m.truncated = true
		return
	}
	if len(p) < 2 || p[0] != '/' || len(p) > 4096 {
		return
	}
	f := file{key: m.key(path.Clean(p)), pkg: pkg, config: config, order: uint32(len(m.files))}
	i := slices.IndexFunc(algos, func(a struct {
		name string
		size int
	},
	) bool {
		return a.name == algo
	})
	if i > 0 && len(digest) == algos[i].size && len(m.digests)+len(digest) <= 32<<20 {
		f.algo, f.digest = uint8(i), uint32(len(m.digests))
		m.digests = append(m.digests, digest...)
	}
	m.files = append(m.files, f)
}

// unhex reads a digest; what is none gives nil.
func unhex(s []byte) []byte {
	if len(s) == 0 || len(s) > 128 {
		return nil
	}
	out := make([]byte, hex.DecodedLen(len(s)))
	if _, err := hex.Decode(out, s); err != nil {
		return nil
	}
	return out
}

// clean makes a name fit to print.
func clean(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s[:min(len(s), 4*maxText)]), "�")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText])
	}
	return s
}

// slurp reads a whole file of at most limit bytes; a longer one is cut. Without
// such a file it gives nil and no error.
func (m *Manifest) slurp(files detect.Files, p string, limit int64) ([]byte, error) {
	r, err := files.Open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	n := min(r.Size(), limit, maxRead-m.read)
	if n < r.Size() {
		m.truncated = true
	}
	data := make([]byte, max(0, n))
	got, err := r.ReadAt(data, 0)
	m.read += int64(got)
	if err != nil && !errors.Is(err, io.EOF) {
		return data[:got], fmt.Errorf("%s: expected %d bytes, read %d: %w", p, n, got, err)
	}
	return data[:got], nil
}

// exists tells whether there is a regular file.
func exists(files detect.Files, p string) bool {
	_, err := files.Open(p)
	return err == nil
}
