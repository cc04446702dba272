package luks

import (
	"context"
	"crypto/pbkdf2"
	"crypto/subtle"
	"hash"
	"runtime/debug"

	"golang.org/x/crypto/argon2"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// Bounds of the work that one try of a key may take: about half a minute, and
// as much memory as the tool itself uses unless told otherwise.
const (
	maxIterations = 1 << 27
	maxMemory     = 1 << 20 // KiB
	maxPasses     = 1 << 26 // KiB of memory, times how often it is filled
	muchMemory    = 64 << 10
)

// kdf makes a key of a passphrase.
type kdf struct {
	name   string // pbkdf2, argon2i, argon2id
	hash   string // of pbkdf2
	salt   []byte
	time   int // iterations
	memory int // KiB
	cpus   int
}

// check tells whether the work lies within bounds.
func (k kdf) check() error {
	switch k.name {
	case "pbkdf2":
		if k.time < 1 || k.time > maxIterations {
			return block.Unsupported("pbkdf2 with %d iterations, at most %d are tried", k.time, maxIterations)
		}
	case "argon2i", "argon2id":
		if k.memory < 1 || k.memory > maxMemory {
			return block.Unsupported("%s with %d KiB of memory, at most %d are given", k.name, k.memory, maxMemory)
		}
		if k.time < 1 || k.time > maxPasses/k.memory || k.cpus < 1 || k.cpus > 255 {
			return block.Unsupported("%s with %d passes over %d KiB on %d processors, at most %d KiB are filled", k.name, k.time, k.memory, k.cpus, maxPasses)
		}
	default:
		return block.Unsupported("key derivation %q", k.name)
	}
	return nil
}

// derive makes a key of the given length in bytes. k is within its bounds.
func (k kdf) derive(ctx context.Context, pass []byte, length int) ([]byte, error) {
	return within(ctx, func() ([]byte, error) {
		switch k.name {
		case "argon2i":
			defer k.free()
			return argon2.Key(pass, k.salt, uint32(k.time), uint32(k.memory), uint8(k.cpus), uint32(length)), nil
		case "argon2id":
			defer k.free()
			return argon2.IDKey(pass, k.salt, uint32(k.time), uint32(k.memory), uint8(k.cpus), uint32(length)), nil
		}
		return stretch(k.hash, pass, k.salt, k.time, length)
	})
}

// free gives back what a run took: the next one must not come on top of it.
func (k kdf) free() {
	if k.memory > muchMemory {
		debug.FreeOSMemory()
	}
}

func stretch(name string, pass, salt []byte, iterations, length int) ([]byte, error) {
	h, ok := hashes[name]
	if !ok {
		return nil, block.Unsupported("hash %q", text([]byte(name)))
	}
	return pbkdf2.Key(h, string(pass), salt, iterations, length)
}

// within runs f and stops waiting for it when ctx ends: it can't be stopped, but
// its work is bounded.
func within(ctx context.Context, f func() ([]byte, error)) ([]byte, error) {
	type result struct {
		key []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		key, err := f()
		done <- result{key, err}
	}()
	select {
	case r := <-done:
		return r.key, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// matches tells whether a key is the one that the digest was made of.
func (d digest) matches(ctx context.Context, key []byte) (bool, error) {
	if d.iterations < 1 || d.iterations > maxIterations || len(d.sum) > 256 {
		return false, block.Unsupported("digest with %d iterations and %d bytes", d.iterations, len(d.sum))
	}
	got, err := within(ctx, func() ([]byte, error) { return stretch(d.hash, key, d.salt, d.iterations, len(d.sum)) })
	return err == nil && subtle.ConstantTimeCompare(got, d.sum) == 1, err
}

// merge puts together a key that was split over stripes, in place of the first
// of which it is given (TKS1, "Anti-forensic information splitter").
func merge(newHash func() hash.Hash, split []byte, length int) []byte {
	key := make([]byte, length)
	h := newHash()
	for ; len(split) >= 2*length; split = split[length:] {
		subtle.XORBytes(key, key, split[:length])
		diffuse(h, key)
	}
	subtle.XORBytes(key, key, split[:length])
	return key
}

// diffuse replaces each part of b, as long as the hash, by its hash.
func diffuse(h hash.Hash, b []byte) {
	for i := uint32(0); len(b) > 0; i++ {
		part := b[:min(h.Size(), len(b))]
		h.Reset()
		h.Write(be.AppendUint32(nil, i))
		h.Write(part)
		copy(part, h.Sum(nil))
		b = b[len(part):]
	}
}
