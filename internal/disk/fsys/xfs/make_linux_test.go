package xfs_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// TestMake is a tool of testdata/make.sh: with XFS_CHURN it changes the folder
// given in XFS_DIR, with XFS_TRUTH it writes what is true of it to a file.
func TestMake(t *testing.T) {
	dir := os.Getenv("XFS_DIR")
	if dir == "" {
		t.Skip("made for testdata/make.sh")
	}
	if v := os.Getenv("XFS_CHURN"); v != "" {
		var seed uint64
		var steps int
		if _, err := fmt.Sscan(v, &seed, &steps); err != nil {
			t.Fatal(err)
		}
		c := newChurn(t, dir, seed)
		c.run(steps)
		c.sync(c.create(5000))
	}
	if to := os.Getenv("XFS_TRUTH"); to != "" {
		var out bytes.Buffer
		err := gob.NewEncoder(&out).Encode(disktest.Truth(t, dir))
		if err == nil {
			err = os.WriteFile(to, out.Bytes(), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
