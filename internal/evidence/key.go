package evidence

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keyBytes is the length of the installation's key.
const keyBytes = 32

// LoadOrCreateKey reads the installation's key from path, or makes one: 32
// random bytes, mode 0600, complete or not there at all, whoever else creates
// it at the same time. The directory is made with mode 0700 when missing.
func LoadOrCreateKey(path string) ([]byte, error) {
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(path); err != nil {
		return nil, fmt.Errorf("create the key for fingerprints: %w", err)
	}
	return loadKey(path)
}

func loadKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key for fingerprints: %w", err)
	}
	if len(key) != keyBytes {
		return nil, fmt.Errorf("key for fingerprints %s has %d bytes, want %d: restore it, or remove it and lose the link to older fingerprints", path, len(key), keyBytes)
	}
	return key, nil
}

// createKey writes a key beside path and links it there: a link to a name that
// exists fails, so that of two creators the first wins.
func createKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover is harmless
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails
	_, err = f.Write(key)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
