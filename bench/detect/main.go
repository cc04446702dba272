// Command detect measures the engine of internal/detect over a tree of files:
// bytes per second of processor time, memory, findings.
//
//	detect [-threads N] [-stream] [-sample N] [-limit BYTES] [-repeat N] [-files FILE] [-list] [-profile FILE] TREE
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/rules"
)

func main() {
	threads := flag.Int("threads", 1, "how many files at once")
	stream := flag.Bool("stream", false, "read files in pieces, for the memory's peak")
	sample := flag.Int("sample", 1, "look at one file in N")
	list := flag.Bool("list", false, "print where things were found, without values")
	limit := flag.Int64("limit", 1<<40, "leave out larger files, in bytes")
	repeat := flag.Int("repeat", 1, "look at each file so often")
	names := flag.String("files", "", "write the names of the files that are looked at to this file")
	profile := flag.String("profile", "", "write a CPU profile to this file")
	flag.Parse()
	o := options{*threads, *sample, *repeat, *limit, *stream, *list, *profile, *names}
	if err := run(flag.Arg(0), o); err != nil {
		fmt.Fprintln(os.Stderr, "detect:", err)
		os.Exit(1)
	}
}

type options struct {
	threads, sample, repeat int
	limit                   int64
	stream, list            bool
	profile, names          string
}

type file struct {
	detect.File
	name string
	data []byte
}

// bench is one measurement.
type bench struct {
	engine  *detect.Engine
	list    bool
	repeat  int
	mu      sync.Mutex
	found   map[string]int
	skipped atomic.Int64
	cpu     [2]time.Duration // binary, text
	wall    time.Duration
	bytes   [2]int64
	files   int
}

func run(tree string, o options) error {
	begin := time.Now()
	records, err := rules.Detect()
	if err != nil {
		return err
	}
	engine, err := detect.Everything(records)
	if err != nil {
		return err
	}
	fmt.Printf("%d rules, %d matchers, %d detectors; %v to read and compile\n", len(records), len(detect.Matchers()), len(detect.Detectors()), time.Since(begin).Round(time.Millisecond))
	b := &bench{engine: engine, list: o.list, repeat: o.repeat, found: map[string]int{}}
	files, err := collect(tree, engine, o)
	if err != nil {
		return err
	}
	if o.names != "" {
		var names strings.Builder
		for _, f := range files {
			names.WriteString(f.name + "\n")
		}
		if err := os.WriteFile(o.names, []byte(names.String()), 0o600); err != nil {
			return err
		}
	}
	if o.profile != "" {
		out, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { _ = out.Close() }()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if o.stream {
		err = b.stream(files)
	} else {
		err = b.memory(files, o.threads)
	}
	if err != nil {
		return err
	}
	b.print(o.threads)
	return nil
}

func collect(tree string, engine *detect.Engine, o options) (files []file, err error) {
	n := 0
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if n++; n%o.sample != 0 {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := detect.File{Path: strings.TrimPrefix(path, strings.TrimSuffix(tree, "/")), Size: info.Size(), Mode: info.Mode()}
		if engine.Wants(f) > 0 && f.Size <= o.limit {
			files = append(files, file{File: f, name: path})
		}
		return nil
	})
	return files, err
}

// memory reads files in lots, and measures while they are looked at.
func (b *bench) memory(files []file, threads int) error {
	const lot = 128 << 20
	for len(files) > 0 {
		var size int64
		n := 0
		for ; n < len(files) && (n == 0 || size < lot); n++ {
			data, err := os.ReadFile(files[n].name)
			if err != nil {
				return err
			}
			files[n].data = data
			size += int64(len(data))
		}
		var kinds [2][]file
		for _, f := range files[:n] {
			k := 1
			if bytes.IndexByte(f.data[:min(len(f.data), 8<<10)], 0) >= 0 {
				k = 0
			}
			kinds[k] = append(kinds[k], f)
		}
		for k, some := range kinds {
			for range b.repeat {
				b.measure(k, some, threads)
			}
		}
		clear(files[:n])
		files = files[n:]
	}
	return nil
}

func (b *bench) measure(kind int, files []file, threads int) {
	before, begin := cpu(), time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(files)); i = next.Add(1) - 1 {
				f := files[i]
				s := b.engine.Scan(f.File, func(h detect.Found) { b.keep(f.File, h) })
				for piece := range slices.Chunk(f.data, 1<<20) {
					_, _ = s.Write(piece)
				}
				_ = s.Close()
				b.skipped.Add(int64(s.Skipped()))
				if b.list && s.Skipped() > 0 {
					fmt.Printf("left out\t%s\t%d\n", f.Path, s.Skipped())
				}
			}
		})
	}
	wg.Wait()
	b.wall += time.Since(begin)
	b.cpu[kind] += cpu() - before
	b.files += len(files)
	for _, f := range files {
		b.bytes[kind] += int64(len(f.data))
	}
}

func (b *bench) stream(files []file) error {
	buf := make([]byte, 64<<10)
	begin, before := time.Now(), cpu()
	for _, f := range files {
		in, err := os.Open(f.name)
		if err != nil {
			return err
		}
		s := b.engine.Scan(f.File, func(h detect.Found) { b.keep(f.File, h) })
		n, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{in}, buf)
		_, _ = s.Close(), in.Close()
		if err != nil {
			return err
		}
		b.bytes[1] += n
		b.files++
	}
	b.wall, b.cpu[1] = time.Since(begin), cpu()-before
	return nil
}

func (b *bench) keep(f detect.File, h detect.Found) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.found[h.Type]++
	if b.list {
		fmt.Printf("%s\t%s:%d\t%s\n", h.Type, f.Path, h.Line, h.Detail)
	}
}

func (b *bench) print(threads int) {
	mb := func(n int64, d time.Duration) float64 { return float64(n) / 1e6 / max(d.Seconds(), 1e-9) }
	total, used := b.bytes[0]+b.bytes[1], b.cpu[0]+b.cpu[1]
	fmt.Printf("threads %d: %d files, %.0f MB, %.2f CPU-s: %.0f MB/CPU-s (text %.0f MB at %.0f, binary %.0f MB at %.0f), wall %.0f MB/s, peak RSS %d MiB\n",
		threads, b.files, float64(total)/1e6, used.Seconds(), mb(total, used),
		float64(b.bytes[1])/1e6, mb(b.bytes[1], b.cpu[1]), float64(b.bytes[0])/1e6, mb(b.bytes[0], b.cpu[0]), mb(total, b.wall), peak())
	sum := 0
	for _, k := range slices.Sorted(maps.Keys(b.found)) {
		fmt.Printf("  %-28s %d\n", k, b.found[k])
		sum += b.found[k]
	}
	fmt.Printf("  findings %d, keywords left out %d\n", sum, b.skipped.Load())
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the most memory that the process ever held, in MiB.
func peak() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss >> 10
}
