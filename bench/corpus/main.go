// Command corpus measures how much of what is planted in a made-up tree of files
// the detectors find, and how much they find that is nothing:
//
//	go run ./bench/corpus [-seed 1] [-scale 6] [-misses] [-write DIR]
//
// Recall is planted things found of all planted; precision is findings that lie
// on a planted thing of all findings. Whole files as artefacts count in neither.
package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/corpus"
	"github.com/lenscap/lenscap/rules"
)

func main() {
	log.SetFlags(0)
	seed := flag.Uint64("seed", 1, "of the tree")
	scale := flag.Int("scale", 6, "how many files of each kind")
	misses := flag.Bool("misses", false, "show each miss and each false finding")
	write := flag.String("write", "", "write the tree to this folder, for other tools")
	flag.Parse()
	if err := run(*seed, *scale, *misses, *write); err != nil {
		log.Fatal(err)
	}
}

// tally counts one type.
type tally struct{ planted, found, right int }

func run(seed uint64, scale int, misses bool, write string) error {
	start := time.Now()
	rs, err := rules.Detect()
	if err != nil {
		return err
	}
	e, err := detect.Everything(rs)
	if err != nil {
		return err
	}
	fmt.Printf("%d rules read and compiled in %.0f ms\n", len(rs), time.Since(start).Seconds()*1000)
	files := corpus.Generate(seed, scale)
	if write != "" {
		if err := save(files, write); err != nil {
			return err
		}
	}
	types, kinds := map[string]*tally{}, map[string]*tally{}
	wrong := map[string]int{}
	bytes, hits, good := 0, 0, 0
	start = time.Now()
	for _, f := range files {
		bytes += len(f.Data)
		found := scan(e, f)
		for _, h := range found {
			if h.Class == detect.Artefact || h.Class == detect.Database {
				continue
			}
			hits++
			if slices.ContainsFunc(f.Labels, func(l corpus.Label) bool { return on(h, l) }) {
				good++
				continue
			}
			wrong[h.Type+" in "+f.Kind]++
			if misses {
				fmt.Printf("false  %-24s %s:%d %q\n", h.Type, f.Path, h.Line, h.value)
			}
		}
		for _, l := range f.Labels {
			t, k := at(types, l.Class+" "+l.Type), at(kinds, f.Kind)
			t.planted++
			k.planted++
			i := slices.IndexFunc(found, func(h hit) bool { return on(h, l) })
			if i < 0 {
				if misses {
					fmt.Printf("missed %-24s %s @%d %q\n", l.Type, f.Path, l.Offset, l.Value)
				}
				continue
			}
			t.found++
			k.found++
			if slices.ContainsFunc(found, func(h hit) bool { return on(h, l) && h.Type == l.Type }) {
				t.right++
			}
		}
	}
	took := time.Since(start)
	fmt.Printf("%d files, %.1f MB, seed %d, in %.1f s\n\n%-46s planted  found  recall  right type\n", len(files), float64(bytes)/1e6, seed, took.Seconds(), "type")
	sum := map[string]*tally{}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		row(name, *types[name])
		class, _ := "secret", 0
		if len(name) > 13 && name[:13] == corpus.Personal {
			class = corpus.Personal
		}
		s := at(sum, class)
		s.planted += types[name].planted
		s.found += types[name].found
		s.right += types[name].right
	}
	fmt.Printf("\nby kind of file\n")
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		row(name, *kinds[name])
	}
	fmt.Printf("\nfalse findings\n")
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		fmt.Printf("%-46s %7d\n", name, wrong[name])
	}
	fmt.Println()
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		row("all "+name, *sum[name])
	}
	fmt.Printf("precision %.3f (%d of %d findings)\n", float64(good)/float64(max(hits, 1)), good, hits)
	return nil
}

func at(m map[string]*tally, name string) *tally {
	if m[name] == nil {
		m[name] = &tally{}
	}
	return m[name]
}

func row(name string, t tally) {
	fmt.Printf("%-46s %7d %6d   %.3f  %6d\n", name, t.planted, t.found, float64(t.found)/float64(max(t.planted, 1)), t.right)
}

// hit is a finding with its value kept: the tree holds no real one.
type hit struct {
	detect.Found
	value string
}

func scan(e *detect.Engine, f corpus.File) []hit {
	var out []hit
	s := e.Scan(detect.File{Path: f.Path, Size: int64(len(f.Data)), Mode: 0o644}, func(h detect.Found) {
		out = append(out, hit{h, string(h.Value)})
	})
	_, _ = s.Write(f.Data) // never fails
	_ = s.Close()
	return out
}

// on tells whether a finding is about what is planted: it shares half of its
// bytes and is not much longer. A value that stands encoded is known by itself.
func on(h hit, l corpus.Label) bool {
	if l.Class == corpus.Personal {
		return h.Class == detect.Personal && h.Type == "personal_"+l.Type
	}
	if h.Class == detect.Personal {
		return false
	}
	start, end := int(h.Offset), int(h.Offset)+len(h.value)
	shared := min(end, l.Offset+l.Length) - max(start, l.Offset)
	return shared*2 >= l.Length && end-start <= 3*l.Length+200 || h.value == l.Value && shared > 0
}

func save(files []corpus.File, dir string) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
