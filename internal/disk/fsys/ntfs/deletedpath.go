package ntfs

import "fmt"

const (
	maxParents  = 255  // directories above a file
	keptParents = 4096 // paths of directories that are remembered
	keptPath    = 4096 // bytes of such a path
)

// name gives a deleted file's path; without a name, its number stands for it.
func (u *undelete) name(f *file) (path string, named bool) {
	name, space, parent := "", byte(namespaceDOS), uint64(0)
	_ = f.each(1<<(typFileName>>4), func(a attr) bool {
		if a.resident && len(a.value) >= keyBytes && (name == "" || space == namespaceDOS) {
			if raw, ok := cut(a.value, keyBytes, 2*uint64(a.value[64])); ok {
				name, space, parent = text(raw), a.value[65], le.Uint64(a.value)
			}
		}
		return true
	})
	if !validName(name) {
		return fmt.Sprintf("?/%d", f.rec.num), false
	}
	return under(u.path(parent, 0), name), true
}

// under puts a name below a path; the root's is empty.
func under(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// path gives the path of the directory that a reference means: "" for the
// root, "?" when it is not known any more. A deleted directory still tells its
// name: its record's sequence number is one higher then.
func (u *undelete) path(ref uint64, depth int) string {
	num, seq := splitRef(ref)
	if num == recRoot {
		return ""
	}
	if p, ok := u.paths[ref]; ok {
		return p
	}
	p := "?"
	if rec, err := u.t.mft.get(num); err == nil && depth < maxParents && rec.flag(recordDirectory) {
		want := seq
		if !rec.flag(recordInUse) {
			want++
		}
		if rec.seq() == want || rec.seq() == 1 && want == 0 {
			p = u.above(rec, depth)
		}
	}
	if len(u.paths) < keptParents && len(p) <= keptPath {
		u.paths[ref] = p
	}
	return p
}

// above gives the path of a directory by its record.
func (u *undelete) above(rec record, depth int) string {
	path := "?"
	_ = (&file{t: u.t, rec: rec}).each(1<<(typFileName>>4), func(a attr) bool {
		if !a.resident || len(a.value) < keyBytes || a.value[65] == namespaceDOS {
			return true
		}
		raw, ok := cut(a.value, keyBytes, 2*uint64(a.value[64]))
		if name := text(raw); ok && validName(name) {
			path = under(u.path(le.Uint64(a.value), depth+1), name)
		}
		return false
	})
	return path
}
