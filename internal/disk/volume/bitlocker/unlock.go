package bitlocker

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf16"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/cipher"
)

// rounds is how often a password is hashed.
const rounds = 1 << 20

// unlock finds the volume's key with the user's, or without any where the disk
// itself holds what opens it. by tells how.
func (m *metadata) unlock(ctx context.Context, given [][]byte) (key []byte, by string, err error) {
	for _, p := range m.protectors {
		if !p.clear() {
			continue
		}
		if key := m.through(p, p.open); key != nil {
			return key, "PROTECTION IS SUSPENDED: a clear key on the disk opens it, no password is needed", nil
		}
	}
	for _, g := range given {
		if key, err := unseal(m.key, g); err == nil {
			return key, "opened with the volume master key", nil
		}
		for _, p := range m.protectors {
			for _, open := range p.keys(ctx, g) {
				key := m.through(p, open)
				clear(open)
				if key != nil {
					return key, "opened with " + p.describe(), nil
				}
			}
			if ctx.Err() != nil {
				return nil, "", ctx.Err()
			}
		}
	}
	if len(given) == 0 {
		return nil, "", fmt.Errorf("no key was given, --key-file opens it: %w", block.ErrEncrypted)
	}
	return nil, "", fmt.Errorf("none of the keys given (%d) opens it: %w", len(given), block.ErrEncrypted)
}

// through gives the volume's key by way of a protector, nil when what should
// open that does not.
func (m *metadata) through(p protector, open []byte) []byte {
	master, err := unseal(p.key, open)
	if err != nil {
		return nil
	}
	defer clear(master)
	key, err := unseal(m.key, master)
	if err != nil {
		return nil
	}
	return key
}

// unseal decrypts a key with another one.
func unseal(s sealed, with []byte) ([]byte, error) {
	if len(s.tag) == 0 || len(with) != 32 {
		return nil, cipher.ErrKey
	}
	by, err := aes.NewCipher(with)
	if err != nil {
		return nil, err
	}
	b, err := cipher.OpenCCM(by, s.nonce, s.data, s.tag)
	if err != nil {
		return nil, err
	}
	// Its length, a version and the method stand before it.
	if int64(le.Uint32(b)) != int64(len(b)) {
		clear(b)
		return nil, block.Damaged("a key of %d bytes says that it has another length", len(b))
	}
	return b[12:], nil
}

// keys gives what a user's key may be for a protector.
func (p protector) keys(ctx context.Context, given []byte) (out [][]byte) {
	switch p.kind {
	case protectStartup:
		out = append(out, bytes.Clone(parseStartupKey(given)))
	case protectRecovery:
		for _, password := range recoveryPasswords(given) {
			out = append(out, stretch(ctx, sha256.Sum256(password), p.salt))
			clear(password)
		}
	case protectPassword:
		for _, password := range passwords(given) {
			first := sha256.Sum256(password)
			clear(password)
			out = append(out, stretch(ctx, sha256.Sum256(first[:]), p.salt))
		}
	}
	return out
}

// stretch makes a key of the hash of a password.
func stretch(ctx context.Context, password [32]byte, salt []byte) []byte {
	var b [32 + 32 + 16 + 8]byte
	copy(b[32:], password[:])
	copy(b[64:], salt)
	for i := range uint64(rounds) {
		if i%(1<<16) == 0 && ctx.Err() != nil {
			return nil
		}
		le.PutUint64(b[80:], i)
		sum := sha256.Sum256(b[:])
		copy(b[:], sum[:])
	}
	return b[:32]
}

// recovery is a recovery password: eight numbers of six digits.
var recovery = regexp.MustCompile(`(?:^|[^0-9])([0-9]{6})[- ]?([0-9]{6})[- ]?([0-9]{6})[- ]?([0-9]{6})[- ]?([0-9]{6})[- ]?([0-9]{6})[- ]?([0-9]{6})[- ]?([0-9]{6})(?:$|[^0-9])`)

// maxPasswords bounds those that one file is searched for.
const maxPasswords = 16

// recoveryPasswords finds recovery passwords in a text, which may be the file
// that Windows saves.
func recoveryPasswords(given []byte) (out [][]byte) {
	for _, groups := range recovery.FindAllSubmatch(utf8(given), maxPasswords) {
		var password []byte
		for _, g := range groups[1:] {
			n, err := strconv.Atoi(string(g))
			if err != nil || n%11 != 0 || n/11 > 0xFFFF {
				password = nil
				break
			}
			password = le.AppendUint16(password, uint16(n/11))
		}
		if password != nil {
			out = append(out, password)
		}
	}
	return out
}

// utf8 gives a text in UTF-8 that is in UTF-16 if it begins as such.
func utf8(b []byte) []byte {
	if len(b) < 2 || b[0] != 0xFF || b[1] != 0xFE {
		return b
	}
	var units []uint16
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, le.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}

// passwords gives a text as a password in UTF-16: all of it, and without a
// newline at the end.
func passwords(given []byte) (out [][]byte) {
	text := utf8(given)
	if len(text) > 1024 {
		return nil
	}
	for {
		var b []byte
		for _, u := range utf16.Encode([]rune(string(text))) {
			b = le.AppendUint16(b, u)
		}
		out = append(out, b)
		cut, found := bytes.CutSuffix(text, []byte("\n"))
		if !found || len(out) == 2 {
			return out
		}
		text = bytes.TrimSuffix(cut, []byte("\r"))
	}
}
