package detect

import (
	"strings"
)

// textLimit is how much of a text file is looked at.
const textLimit = 1 << 20

// harmless are directories whose files come from packages and never hold what
// somebody put there by hand: programs, libraries, documentation.
var harmless = []string{
	"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/boot/", "/proc/", "/sys/", "/dev/",
	"/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libexec/", "/usr/include/",
	"/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/i18n/",
	"/usr/share/zoneinfo/", "/usr/share/perl/", "/usr/share/perl5/", "/usr/share/python3/", "/usr/share/mime/",
	"/usr/share/icons/", "/usr/share/vim/", "/usr/share/bash-completion/", "/usr/share/ca-certificates/",
	"/var/lib/dpkg/", "/var/lib/apt/", "/var/lib/rpm/", "/var/cache/apt/", "/var/cache/man/",
}

// named tells whether a file's name, or its last elements, is one of names.
func named(f File, names ...string) bool {
	for _, n := range names {
		if f.Path == n || strings.HasSuffix(f.Path, "/"+strings.TrimPrefix(n, "/")) {
			return true
		}
	}
	return false
}

// upTo is what Wants gives for a file that is wanted up to a limit.
func upTo(f File, limit int64) int64 { return min(max(f.Size, 0), limit) }

// Shelved tells archives and indexes in the caches of package managers: what is in them was
// signed by who packed it, and is installed besides.
func Shelved(path string) bool {
	for _, dir := range []string{"/var/cache/apt/archives/", "/var/lib/apt/lists/", "/var/cache/dnf/", "/var/cache/yum/", "/var/cache/apk/", "/etc/apk/cache/", "/var/cache/zypp/", "/var/cache/pacman/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// Harmless tells whether a path lies in a directory whose files come from
// packages: programs, libraries, documentation. A caller that can't tell
// vendors' files by their hashes may leave them out by it.
func Harmless(path string) bool {
	for _, dir := range harmless {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}
