// Command store measures the store with many assets: writing them, writing
// them again, writing their exposures, streaming them and asking for one.
//
//	go run -tags grpcnotrace ./bench/store -assets 1000000
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/store/sqlite"
)

// batch is how many assets are written in one transaction.
const batch = 5000

var created = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func main() {
	assets := flag.Int("assets", 1_000_000, "assets to write")
	flag.Parse()
	if err := run(context.Background(), *assets); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n int) (err error) {
	dir, err := os.MkdirTemp("", "lenscap-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	file := filepath.Join(dir, "store.db")
	s, err := sqlite.Open(ctx, file)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // a temporary store
	steps := []struct {
		name string
		ops  int
		do   func() error
	}{
		{"write assets", n, func() error { return write(ctx, s, n, "r1") }},
		{"write them again", n, func() error { return write(ctx, s, n, "r2") }},
		{"exposures, 1 in 1000 open", n, func() error { return expose(ctx, s, n, lenscap.VerdictPrivate, 0) }},
		{"exposures, all shared", n, func() error { return expose(ctx, s, n, lenscap.VerdictTrusted, 1) }},
		{"the same once more", n, func() error { return expose(ctx, s, n, lenscap.VerdictTrusted, 2) }},
		{"stream assets", n, func() error { return stream(ctx, s, n) }},
		{"one asset, at random", 20_000, func() error { return points(ctx, s, n, 20_000) }},
	}
	fmt.Printf("%-28s %9s %9s %12s %9s\n", "step", "wall s", "CPU s", "per CPU-s", "peak MB")
	for _, step := range steps {
		before, began := cpu(), time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		wall, used := time.Since(began), cpu()-before
		fmt.Printf("%-28s %9.2f %9.2f %12.0f %9.0f\n", step.name, wall.Seconds(), used.Seconds(),
			float64(step.ops)/used.Seconds(), float64(peak())/1e6)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Printf("size on disk %.0f MB, %.0f bytes an asset\n", float64(info.Size())/1e6, float64(info.Size())/float64(n))
	return nil
}

func ref(i int) lenscap.Ref {
	return lenscap.Ref{
		Provider: "aws", Account: "111122223333", Region: "us-east-1",
		Kind: lenscap.KindDiskSnapshot, ID: fmt.Sprintf("snap-%017x", i),
	}
}

func asset(r *rand.Rand, i int) lenscap.Asset {
	return lenscap.Asset{
		Ref: ref(i), Name: fmt.Sprintf("backup-%d", r.IntN(5000)), State: "completed",
		Created: created.Add(time.Duration(r.IntN(40_000_000)) * time.Second), Size: int64(8+r.IntN(992)) << 30,
		Encryption: lenscap.Encryption{Encrypted: lenscap.Yes, Key: "arn:aws:kms:us-east-1:111122223333:key/k1", Manager: "customer"},
		Tags:       map[string]string{"Name": "backup", "env": "production", "team": fmt.Sprint(r.IntN(40))},
	}
}

// each calls fn for every stretch of at most batch numbers below n.
func each(n int, fn func(from, to int) error) error {
	for from := 0; from < n; from += batch {
		if err := fn(from, min(from+batch, n)); err != nil {
			return err
		}
	}
	return nil
}

func write(ctx context.Context, s finding.Store, n int, run string) error {
	r := rand.New(rand.NewPCG(1, 2))
	return each(n, func(from, to int) error {
		assets := make([]lenscap.Asset, 0, batch)
		for i := from; i < to; i++ {
			assets = append(assets, asset(r, i))
		}
		return s.PutAssets(ctx, run, assets)
	})
}

// expose gives all assets one verdict, and every thousandth of private ones a public one.
func expose(ctx context.Context, s finding.Store, n int, v lenscap.Verdict, day int) error {
	return each(n, func(from, to int) error {
		xs := make([]lenscap.Exposure, 0, batch)
		for i := from; i < to; i++ {
			x := lenscap.Exposure{Asset: ref(i), Verdict: v}
			if v == lenscap.VerdictPrivate && i%1000 == 0 {
				x.Verdict = lenscap.VerdictLivePublic
			}
			xs = append(xs, x)
		}
		return s.PutExposures(ctx, fmt.Sprint("r", day), created.AddDate(2, 0, day), xs)
	})
}

func stream(ctx context.Context, s finding.Store, n int) error {
	got := 0
	if err := s.EachAsset(ctx, "r2", func(lenscap.Asset) error { got++; return nil }); err != nil {
		return err
	}
	if got != n {
		return fmt.Errorf("%d assets came back, want %d", got, n)
	}
	return nil
}

func points(ctx context.Context, s finding.Store, n, times int) error {
	r := rand.New(rand.NewPCG(3, 4))
	for range times {
		if _, _, err := s.Asset(ctx, ref(r.IntN(n))); err != nil {
			return err
		}
	}
	return nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the largest resident set in bytes.
func peak() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Maxrss << 10
}
