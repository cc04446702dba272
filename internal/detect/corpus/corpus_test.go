package corpus_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/lenscap/lenscap/internal/detect/corpus"
)

// TestGenerate holds the tree to its own labels: every value stands where its
// label says, and the same seed makes the same tree.
func TestGenerate(t *testing.T) {
	t.Parallel()
	files, again := corpus.Generate(3, 3), corpus.Generate(3, 3)
	if len(files) != len(again) {
		t.Fatal("another number of files")
	}
	types, paths := map[string]int{}, map[string]bool{}
	for i, f := range files {
		if f.Path != again[i].Path || !bytes.Equal(f.Data, again[i].Data) {
			t.Errorf("%s: not the same twice", f.Path)
		}
		if paths[f.Path] {
			t.Errorf("%s: there twice", f.Path)
		}
		paths[f.Path] = true
		for _, l := range f.Labels {
			types[l.Type]++
			got := f.Data[l.Offset : l.Offset+l.Length]
			if l.Class == corpus.Personal {
				continue
			}
			plain := bytes.ReplaceAll(got, []byte{0}, nil)
			if b, err := base64.StdEncoding.DecodeString(string(got)); err == nil && bytes.Contains(b, []byte(l.Value)) {
				plain = []byte(l.Value)
			}
			if string(plain) != l.Value {
				t.Errorf("%s: %s at %d is %q, labelled %q", f.Path, l.Type, l.Offset, got, l.Value)
			}
		}
	}
	if len(types) < 70 {
		t.Errorf("%d types only: %v", len(types), types)
	}
	if bytes.Equal(corpus.Generate(4, 1)[0].Data, files[0].Data) {
		t.Error("another seed makes the same file")
	}
}
