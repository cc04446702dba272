package evidence

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk"
)

// Bounds of the picture of a disk's directories.
const (
	usageDepth = 4      // directories below a volume's top
	usageNodes = 20_000 // held while walking
	usageKept  = 400    // given
)

// usage adds up what lies below the upper directories.
type usage struct {
	dirs map[string]*lenscap.Directory // by volume and path
}

// see counts one file.
func (u *usage) see(volume, path string, size int64) {
	if u.dirs == nil {
		u.dirs = map[string]*lenscap.Directory{}
	}
	u.each(volume, path, func(d *lenscap.Directory) {
		d.Size += size
		d.Files++
	})
}

// each calls fn for the directories above a path, the top first, as far as
// they are held.
func (u *usage) each(volume, path string, fn func(*lenscap.Directory)) {
	end := 0 // of the directory's path; 0 is the volume's top
	for depth := 0; depth <= usageDepth; depth++ {
		dir := path[:end]
		key := place(volume, dir)
		d := u.dirs[key]
		if d == nil {
			if len(u.dirs) >= usageNodes {
				return
			}
			d = &lenscap.Directory{Volume: volume, Path: cmp.Or(strings.Clone(dir), "/")}
			u.dirs[strings.Clone(key)] = d
		}
		fn(d)
		i := strings.IndexByte(path[min(end+1, len(path)):], '/')
		if i < 0 {
			return
		}
		end += 1 + i
	}
}

// found notes an item in the directories above it.
func (u *usage) found(it lenscap.Item) {
	if u.dirs == nil {
		return
	}
	u.each(it.Volume, it.Path, func(d *lenscap.Directory) {
		d.Items += max(1, it.Count)
		d.Severity = max(d.Severity, it.Severity)
		if !slices.Contains(d.Classes, it.Class) {
			d.Classes = append(d.Classes, it.Class)
		}
	})
}

// result gives the largest directories and those where something was found,
// with all that lie above them, by volume and path.
func (u *usage) result() []lenscap.Directory {
	all := make([]*lenscap.Directory, 0, len(u.dirs))
	for _, d := range u.dirs {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *lenscap.Directory) int {
		return cmp.Or(cmp.Compare(min(1, b.Items), min(1, a.Items)), cmp.Compare(b.Size, a.Size), cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Path, b.Path))
	})
	keep := map[*lenscap.Directory]bool{}
	for _, d := range all[:min(len(all), usageKept)] {
		u.each(d.Volume, strings.TrimSuffix(d.Path, "/")+"/", func(d *lenscap.Directory) { keep[d] = true })
	}
	var out []lenscap.Directory
	for d := range keep {
		d.Path, _ = disk.Printable(d.Path)
		slices.Sort(d.Classes)
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b lenscap.Directory) int {
		return cmp.Or(cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Path, b.Path))
	})
	return out
}
