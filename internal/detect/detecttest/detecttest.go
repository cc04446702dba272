// Package detecttest is the suite that every detector passes: examples for and
// against, and promises that hold for any input.
package detecttest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect"
)

// Example is a file and what must be found in it.
type Example struct {
	Path string
	Data string
	// Want is "type value" for each hit, in order; nothing for a look-alike.
	Want []string
	// Unwanted is set when the detector must not even ask for the file.
	Unwanted bool
}

// Accept holds a detector against its examples.
func Accept(t *testing.T, d detect.Detector, examples []Example) {
	t.Helper()
	if len(examples) == 0 || d.Name() == "" || d.Name() != strings.ToLower(d.Name()) {
		t.Fatalf("detector %q: want a lower-case name and examples", d.Name())
	}
	hits := 0
	for _, e := range examples {
		f := detect.File{Path: e.Path, Size: int64(len(e.Data)), Mode: 0o600}
		n := d.Wants(f)
		if n < 0 || n > f.Size || (n == 0) != (e.Unwanted || len(e.Data) == 0) {
			t.Errorf("%s wants %d of %d bytes of %s, unwanted: %v", d.Name(), n, f.Size, e.Path, e.Unwanted)
		}
		if e.Unwanted {
			continue
		}
		var got []string
		for _, h := range run(t, d, f, []byte(e.Data)) {
			v := e.Data[h.Start:h.End]
			got = append(got, h.Type+" "+v)
			if !h.ValuePublic && len(v) >= 6 && strings.Contains(h.Public, v) {
				t.Errorf("%s tells the value of a %s", d.Name(), h.Type)
			}
		}
		hits += len(got)
		if !slices.Equal(got, e.Want) {
			t.Errorf("%s in %s:\n got %q\nwant %q", d.Name(), e.Path, got, e.Want)
		}
		damage(t, d, f, []byte(e.Data))
	}
	if hits == 0 {
		t.Errorf("%s: no example has a hit", d.Name())
	}
}

// run runs a detector and checks what every hit promises.
func run(t *testing.T, d detect.Detector, f detect.File, data []byte) []detect.Hit {
	t.Helper()
	before := bytes.Clone(data)
	hits := d.Detect(f, data)
	if !bytes.Equal(before, data) {
		t.Fatalf("%s changed the data", d.Name())
	}
	for _, h := range hits {
		if h.Start < 0 || h.End < h.Start || h.End > len(data) {
			t.Fatalf("%s: hit %d:%d of %d bytes", d.Name(), h.Start, h.End, len(data))
		}
		if h.Type == "" || h.Class == "" || h.Severity == "" || h.TitleEn == "" || h.TitleZh == "" {
			t.Errorf("%s: hit %+v leaves something out", d.Name(), h)
		}
		v := string(data[h.Start:h.End])
		if len(v) < 6 || h.ValuePublic || h.Class == detect.Artefact {
			continue // a value that is public by its kind
		}
		// In damaged data a user's name may become its password; the caller
		// drops such a Public.
		if strings.Contains(h.Detail+h.TitleEn+h.TitleZh+h.Type, v) {
			t.Errorf("%s tells the value of a %s", d.Name(), h.Type)
		}
	}
	return hits
}

// damage cuts the data short everywhere and changes bytes: no panic, hits in bounds.
func damage(t *testing.T, d detect.Detector, f detect.File, data []byte) {
	t.Helper()
	for n := range min(len(data), 2000) {
		run(t, d, f, data[:n])
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		bad := bytes.Clone(data)
		for range 1 + r.IntN(4) {
			if len(bad) > 0 {
				bad[r.IntN(len(bad))] = byte(r.Uint32())
			}
		}
		run(t, d, f, bad)
	}
}

// Noise runs a detector over random bytes, base64 and hex at the given paths:
// look-alikes of everything that is random, where nothing may be found.
func Noise(t *testing.T, d detect.Detector, paths ...string) {
	t.Helper()
	raw := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{4}).Read(raw)
	var wrapped strings.Builder
	for line := range slices.Chunk(raw, 57) {
		wrapped.WriteString(base64.StdEncoding.EncodeToString(line) + "\n")
	}
	for _, path := range paths {
		for kind, data := range map[string][]byte{"bytes": raw, "base64": []byte(wrapped.String()), "hex": []byte(hex.EncodeToString(raw))} {
			f := detect.File{Path: path, Size: int64(len(data))}
			for _, h := range run(t, d, f, data) {
				t.Errorf("%s found a %s in random %s", d.Name(), h.Type, kind)
			}
		}
	}
}
