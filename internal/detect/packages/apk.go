package packages

import (
	"bytes"
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
)

// apkPaths are where apk keeps its database of installed packages; newer ones
// keep it below /usr.
var apkPaths = []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"}

func (m *Manifest) apk(ctx context.Context, files detect.Files) error {
	for _, p := range apkPaths {
		data, err := m.slurp(files, p, 32<<20)
		if err != nil {
			return wrap("apk", []error{err})
		}
		if len(data) > 0 {
			m.apkInstalled(ctx, data)
			return wrap("apk", []error{ctx.Err()})
		}
	}
	return nil
}

// apkInstalled reads apk's database: paragraphs of lines X:value, those of the
// package first, then F: a directory and R: a file in it with its Z: digest, as
// apk-package(5) and apk-tools' installed database have it.
func (m *Manifest) apkInstalled(ctx context.Context, data []byte) {
	var p Package
	var origin, commit, maintainer, dir, name string
	var digest []byte
	var algo string
	var n uint32
	taken, room := false, false
	take := func() { // the package's own fields are complete
		if taken || p.Name == "" {
			return
		}
		taken = true
		p.Manager, p.Vendor = APK, maintainer
		if origin != "" && commit != "" {
			p.Vendor = "Alpine Linux"
		}
		n, room = m.pkg(p)
	}
	file := func() {
		if name != "" && room {
			full := "/" + name
			if dir != "" {
				full = "/" + dir + "/" + name
			}
			m.own(n, full, algo, digest, strings.HasPrefix(full, "/etc/"))
		}
		name, digest, algo = "", nil, ""
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if len(line) == 0 {
			take()
			file()
			p, origin, commit, maintainer, dir, taken, room = Package{}, "", "", "", "", false, false
			if ctx.Err() != nil {
				return
			}
			continue
		}
		if len(line) < 2 || line[1] != ':' || len(line) > 8192 {
			continue
		}
		value := string(line[2:])
		switch line[0] {
		case 'P':
			p.Name = value
		case 'V':
			p.Version = value
		case 'o':
			origin = value
		case 'c':
			commit = value
		case 'm':
			maintainer = value
		case 't':
			if s, err := strconv.ParseInt(value, 10, 64); err == nil && s > 0 && s < 1<<40 {
				// apk keeps only the time of the build; a day covers builds whose files
				// are made after it was taken.
				p.until = time.Unix(s, 0).UTC().Add(24 * time.Hour)
			}
		case 'F':
			take()
			file()
			dir = strings.Trim(value, "/")
		case 'R':
			take()
			file()
			name = value
		case 'Z':
			algo, digest = apkDigest(value)
		}
	}
	take()
	file()
}

// apkDigest reads Q1 and base64 (SHA-1), Q2 and base64 (SHA-256), or the MD5 in
// hex of old versions.
func apkDigest(s string) (algo string, digest []byte) {
	switch {
	case strings.HasPrefix(s, "Q1"):
		algo = SHA1
	case strings.HasPrefix(s, "Q2"):
		algo = SHA256
	default:
		return MD5, unhex([]byte(s))
	}
	digest, err := base64.StdEncoding.DecodeString(s[2:])
	if err != nil {
		return "", nil
	}
	return algo, digest
}
