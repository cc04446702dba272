package block

import (
	"errors"
	"fmt"
)

// Sentinels that every floor above shares and that callers test.
var (
	// ErrNotThis says that a source does not hold what was looked for.
	ErrNotThis = errors.New("not this format")
	// ErrDamaged says that a structure on the disk contradicts itself or the disk.
	ErrDamaged = errors.New("damaged")
	// ErrUnsupported says that a format uses a feature that is not read.
	ErrUnsupported = errors.New("not supported")
	// ErrEncrypted says that bytes are encrypted and no key opens them.
	ErrEncrypted = errors.New("encrypted")
	// ErrMissing says that bytes lie on something that was not given: a device
	// of a set, a backing file.
	ErrMissing = errors.New("missing")
)

// Damaged gives an error that wraps [ErrDamaged].
func Damaged(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrDamaged)...)
}

// Unsupported gives an error that wraps [ErrUnsupported].
func Unsupported(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrUnsupported)...)
}
