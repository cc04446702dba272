// Command disk measures the disk engine on one image, beside whatever else can
// read it on this machine, and prints ratios:
//
//	go run -tags grpcnotrace ./bench/disk -lenscap bin/lenscap IMAGE
//
// The kernel's row needs root and is tar over a read-only loop mount; that of
// libguestfs needs guestfish; those of Go libraries need the program of
// bench/disk/peers (-peers). What is not there is said and left out. With
// -economy it prints instead how many of the disk's 512 KiB blocks (as EBS has
// them) a listing, a content scan and reading all touch.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	var b bench
	flag.StringVar(&b.lenscap, "lenscap", "bin/lenscap", "the program measured")
	flag.StringVar(&b.peers, "peers", "", "the program of bench/disk/peers")
	flag.StringVar(&b.volume, "volume", "p1", "the volume to read")
	flag.IntVar(&b.runs, "n", 3, "counted runs of each")
	only := flag.Bool("economy", false, "count the blocks touched instead")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: disk [FLAGS] IMAGE")
		os.Exit(2)
	}
	b.image = flag.Arg(0)
	run := b.run
	if *only {
		run = func() error { return economy(context.Background(), b.image) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type bench struct {
	lenscap, peers, image, volume string
	runs                          int
}

// figure is what one run of a whole process cost.
type figure struct {
	wall, cpu float64 // seconds
	rss       int64   // KiB, of the largest process
}

type reader struct {
	name string
	list []string
	read []string
	runs int
}

func (b bench) run() error {
	readers := []reader{{
		name: "lenscap", runs: b.runs,
		list: []string{b.lenscap, "disk", "ls", b.image, b.volume + ":/"},
		read: []string{b.lenscap, "disk", "hash", b.image, b.volume + ":/"},
	}}
	mount, unmount, err := b.mount()
	if err != nil {
		fmt.Println("kernel: left out:", err)
	} else {
		defer unmount()
		readers = append(readers, reader{
			name: "kernel, find and tar over a loop mount", runs: b.runs,
			list: []string{"find", mount, "-printf", "%M %s %p\n"},
			read: []string{"sh", "-c", "exec tar cf - -C " + mount + " . | cat >/dev/null"},
		})
	}
	readers = append(readers, b.others()...)
	fmt.Printf("%-42s %27s %32s\n", "", "list: wall s, CPU s, MB", "read all: wall s, CPU s, MB")
	var ours [2]figure
	for i, r := range readers {
		list, err := best(r.runs, r.list)
		read, err2 := best(r.runs, r.read)
		if err = cmp.Or(err, err2); err != nil {
			fmt.Printf("%-42s failed: %v\n", r.name, err)
			continue
		}
		if i == 0 {
			ours = [2]figure{list, read}
		}
		fmt.Printf("%-42s %8.3f %8.3f %6d  %s %8.3f %8.3f %6d  %s\n", r.name, list.wall, list.cpu, list.rss>>10,
			ratio(list, ours[0]), read.wall, read.cpu, read.rss>>10, ratio(read, ours[1]))
	}
	return nil
}

func ratio(f, to figure) string { return fmt.Sprintf("%6.1fx", f.wall/max(to.wall, 1e-6)) }

// others are readers in user space besides the one measured.
func (b bench) others() (out []reader) {
	if _, err := exec.LookPath("guestfish"); err != nil {
		fmt.Println("libguestfs: left out:", err)
	} else {
		dev := "/dev/sda" + strings.TrimPrefix(b.volume, "p")
		fish := []string{"guestfish", "--ro", "--format=raw", "-a", b.image, "run", ":", "mount-ro", dev, "/", ":"}
		out = append(out, reader{
			name: "libguestfs", runs: 1,
			list: append(slices.Clone(fish), "find", "/"),
			read: append(slices.Clone(fish), "tar-out", "/", "/dev/null"),
		})
	}
	if b.peers == "" {
		fmt.Println("Go libraries: left out: no -peers")
		return out
	}
	for _, lib := range []string{"masahiro331", "diskfs"} {
		out = append(out, reader{
			name: "Go: " + lib, runs: 1,
			list: []string{b.peers, "-lib", lib, "-part", strings.TrimPrefix(b.volume, "p"), b.image},
			read: []string{b.peers, "-lib", lib, "-part", strings.TrimPrefix(b.volume, "p"), "-read", b.image},
		})
	}
	return out
}

// best runs a command once unless it runs once only, to warm up, and then n
// times; it gives the run of the median wall time.
func best(n int, args []string) (figure, error) {
	var got []figure
	for i := range n + 1 {
		if i == 0 && n == 1 {
			continue
		}
		f, err := once(args)
		if err != nil {
			return f, err
		}
		if i > 0 {
			got = append(got, f)
		}
	}
	slices.SortFunc(got, func(a, b figure) int { return cmp.Compare(a.wall, b.wall) })
	return got[len(got)/2], nil
}

func once(args []string) (figure, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var told strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &told
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start).Seconds()
	var code *exec.ExitError
	if errors.As(err, &code) && code.ExitCode() == 4 {
		err = nil // a volume that is not measured was not read
	}
	if err != nil {
		return figure{}, fmt.Errorf("%s: %w: %.300s", args[0], err, told.String())
	}
	f := figure{wall: wall, cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.rss = ru.Maxrss
	}
	return f, nil
}

// mount mounts the volume read-only through a loop device.
func (b bench) mount() (dir string, unmount func(), err error) {
	if os.Geteuid() != 0 {
		return "", nil, errors.New("mounting needs root")
	}
	info, err := exec.CommandContext(context.Background(), b.lenscap, "disk", "info", "--json", b.image).Output() //nolint:gosec // the program measured
	if code := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &code) || code.ExitCode() != 4) {
		return "", nil, err
	}
	offset, size, err := find(info, b.volume)
	if err != nil {
		return "", nil, err
	}
	dir, err = os.MkdirTemp("", "lenscap-bench-")
	if err != nil {
		return "", nil, err
	}
	opts := fmt.Sprintf("ro,loop,offset=%d,sizelimit=%d", offset, size)
	if out, err := exec.CommandContext(context.Background(), "mount", "-o", opts, b.image, dir).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("mount: %w: %s", err, out)
	}
	return dir, func() {
		_ = exec.CommandContext(context.Background(), "umount", dir).Run()
		_ = os.Remove(dir)
	}, nil
}
