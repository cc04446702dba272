package fsys_test

import (
	"io/fs"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/fsys"
)

func TestUnixMode(t *testing.T) {
	t.Parallel()
	for m, want := range map[uint32]fs.FileMode{
		0o100644: 0o644, 0o104755: fs.ModeSetuid | 0o755, 0o102711: fs.ModeSetgid | 0o711,
		0o041777: fs.ModeDir | fs.ModeSticky | 0o777, 0o120777: fs.ModeSymlink | 0o777, 0o010600: fs.ModeNamedPipe | 0o600,
		0o020620: fs.ModeDevice | fs.ModeCharDevice | 0o620, 0o060660: fs.ModeDevice | 0o660, 0o140755: fs.ModeSocket | 0o755,
		0: fs.ModeIrregular, 0o170007: fs.ModeIrregular | 0o007,
	} {
		if got := fsys.UnixMode(m); got != want {
			t.Errorf("mode %#o is %v, want %v", m, got, want)
		}
	}
}
