package disk

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Gone is a deleted file and the volume it was on.
type Gone struct {
	Volume *Volume
	fsys.Removed
}

// ErrNoDeleted says that a volume's file system is not searched for deleted files.
var ErrNoDeleted = errors.New("deleted files are not looked for in it")

// Deleted visits the deleted files that a volume still tells of. Damage on the
// way is the error at the end.
func (v *Volume) Deleted(ctx context.Context, fn func(Gone) error) error {
	if v.FS == nil {
		return fmt.Errorf("volume %s is %s, %s: %w that is read", v.Name, v.Type, v.State, ErrNoVolume)
	}
	tree, ok := v.FS.Tree().(fsys.Undeleter)
	if !ok {
		return fmt.Errorf("volume %s is %s: %w", v.Name, v.Type, ErrNoDeleted)
	}
	var failed error
	err := tree.Deleted(ctx, func(r fsys.Removed) bool {
		failed = fn(Gone{v, r})
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// ExtractDeleted copies what is left of a volume's deleted files into the
// directory dir, under the names they had, under the same rules as
// [Disk.Extract]. A name that is taken gets a number.
func (d *Disk) ExtractDeleted(ctx context.Context, volume, dir string) (Extracted, error) {
	var done Extracted
	v, err := d.Volume(volume)
	if err != nil {
		return done, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return done, fmt.Errorf("open the folder to extract to: %w", err)
	}
	defer root.Close() //nolint:errcheck // a directory's handle holds no data
	x := extraction{ctx: ctx, root: root, done: &done}
	return done, v.Deleted(ctx, x.deleted)
}

// maxSameName bounds how many deleted files of one name are told apart.
const maxSameName = 10_000

func (x extraction) deleted(g Gone) error {
	e := Entry{g.Volume, fsys.Node{Path: fsys.Clean(g.Path), Stat: g.Stat}}
	if !g.Mode.IsRegular() {
		return nil
	}
	if g.Data == nil {
		x.skip(e, errors.New("nothing of its bytes is known"))
		return nil
	}
	path := e.Path
	for n := 1; n < maxSameName; n++ {
		if _, err := x.root.Lstat(e.Path); errors.Is(err, os.ErrNotExist) {
			err := x.copy(e, g.Data)
			if err == nil || full(err) || x.ctx.Err() != nil {
				return err
			}
			x.skip(e, err)
			return nil
		}
		e.Path = fmt.Sprintf("%s~%d", path, n)
	}
	x.skip(e, fmt.Errorf("%d files of this name were extracted already", maxSameName))
	return nil
}
