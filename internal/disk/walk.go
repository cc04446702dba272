package disk

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Entry is one step of a walk: a node and the volume it is on.
type Entry struct {
	Volume *Volume
	fsys.Node
}

// Absolute gives the path with its leading slash, byte for byte.
func (e Entry) Absolute() string {
	if e.Path == "." {
		return "/"
	}
	return "/" + e.Path
}

// Walk visits every node of every volume that is read, in the order of
// [fsys.FS.Walk]. fn may give [fsys.SkipDir] for a directory.
func (d *Disk) Walk(ctx context.Context, fn func(Entry) error) error {
	for i := range d.Volumes {
		v := &d.Volumes[i]
		if v.FS == nil {
			continue
		}
		if err := v.Walk(ctx, ".", fn); err != nil {
			return err
		}
	}
	return nil
}

// Walk visits the node at path and what lies below it. The path is as people
// type it.
func (v *Volume) Walk(ctx context.Context, path string, fn func(Entry) error) error {
	if v.FS == nil {
		return fmt.Errorf("volume %s is %s, %s: %w that is read", v.Name, v.Type, v.State, ErrNoVolume)
	}
	return v.FS.WalkFrom(ctx, fsys.Clean(path), func(n fsys.Node) error { return fn(Entry{v, n}) })
}

// Open opens the bytes of a regular file by a path as people type it. Symbolic
// links are followed within the volume.
func (d *Disk) Open(volume, path string) (fsys.Data, fsys.Stat, error) {
	v, err := d.Volume(volume)
	if err != nil {
		return nil, fsys.Stat{}, err
	}
	return v.FS.OpenData(fsys.Clean(path))
}

// Printable gives a name as valid UTF-8: each byte that is none becomes \xNN.
// exact is false when something was changed; then [Exact] tells the bytes.
func Printable(name string) (text string, exact bool) {
	if utf8.ValidString(name) {
		return name, true
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && n <= 1 {
			fmt.Fprintf(&b, `\x%02x`, name[i])
			i++
			continue
		}
		b.WriteString(name[i : i+n])
		i += n
	}
	return b.String(), false
}

// Visible gives a name as it may be shown on a terminal: [Printable], and control
// characters and those that turn the direction of text as \xNN and \u{NNNN}.
func Visible(name string) string {
	text, _ := Printable(name)
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x20 || r == 0x7F:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r >= 0x80 && r < 0xA0, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0x061C, r == 0x2028, r == 0x2029:
			fmt.Fprintf(&b, `\u{%04x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Exact gives the bytes of a name that [Printable] changed, in base64, and
// nothing for a name that is valid UTF-8.
func Exact(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}
