// Command peers measures gitleaks, as a Go module, over the files
// whose names it is given.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/zricethezav/gitleaks/v8/detect"
)

func main() {
	names := flag.String("files", "", "a file of the names of files to look at, one a line")
	flag.Parse()
	if err := run(*names); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(names string) error {
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return err
	}
	list, err := os.ReadFile(names)
	if err != nil {
		return err
	}
	var used time.Duration
	var size int64
	files, found := 0, 0
	for name := range strings.Lines(string(list)) {
		data, err := os.ReadFile(strings.TrimSuffix(name, "\n"))
		if err != nil {
			return err
		}
		before := cpu()
		found += len(d.DetectBytes(data))
		used += cpu() - before
		size += int64(len(data))
		files++
	}
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	fmt.Printf("gitleaks: %d files, %.0f MB, %.2f CPU-s: %.2f MB/CPU-s, peak RSS %d MiB, findings %d\n",
		files, float64(size)/1e6, used.Seconds(), float64(size)/1e6/used.Seconds(), u.Maxrss>>10, found)
	return nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
