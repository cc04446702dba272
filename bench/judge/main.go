// Command judge measures how fast recorded assets are judged offline by all
// built-in rules, on one core: time, memory, assets a second.
//
//	go run -tags grpcnotrace ./bench/judge -assets 1000000
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/exposure"
	"github.com/lenscap/lenscap/internal/inventory"
	"github.com/lenscap/lenscap/rules"
)

func main() {
	assets := flag.Int("assets", 1_000_000, "assets to judge")
	flag.Parse()
	if err := run(*assets); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(n int) error {
	runtime.GOMAXPROCS(1)
	dir, err := os.MkdirTemp("", "lenscap-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	file := filepath.Join(dir, "inventory.jsonl")
	if err := record(file, n); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	before := cpu()
	began := time.Now()
	judged, held, err := judge(file)
	if err != nil {
		return err
	}
	wall, used := time.Since(began), cpu()-before
	fmt.Printf("assets judged   %d (%.0f bytes each, recorded)\n", judged, float64(info.Size())/float64(n))
	fmt.Printf("rules that held %d\n", held)
	fmt.Printf("wall            %.2f s\n", wall.Seconds())
	fmt.Printf("CPU             %.2f s (%.0f assets a CPU-second)\n", used.Seconds(), float64(judged)/used.Seconds())
	fmt.Printf("peak memory     %.0f MB\n", float64(peak())/1e6)
	fmt.Printf("against goals   %.2f of 10 s, %.2f of 300 MB\n", wall.Seconds()/10, float64(peak())/1e6/300)
	return nil
}

// judge does what lenscap scan --from does, without the store.
func judge(file string) (judged, held int, err error) {
	rs, err := rules.Builtin()
	if err != nil {
		return 0, 0, err
	}
	engine, err := exposure.NewEngine(rs)
	if err != nil {
		return 0, 0, err
	}
	rec, err := inventory.OpenRecording(file)
	if err != nil {
		return 0, 0, err
	}
	resolver := exposure.NewResolver(rec.View(), exposure.Trust{}, time.Now())
	err = rec.Each(context.Background(), func(a lenscap.Asset) error {
		e := resolver.Resolve(&a)
		js, err := engine.Judge(&a, &e, nil)
		judged++
		held += len(js)
		return err
	})
	return judged, held, err
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

// record writes a realistic account: mostly private snapshots and volumes with
// tags and lineage, one in a thousand shared, one in two hundred left behind.
func record(file string, n int) error {
	r := rand.New(rand.NewPCG(1, 2))
	created := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	ref := func(kind lenscap.Kind, id string) lenscap.Ref {
		return lenscap.Ref{Provider: "aws", Account: "111122223333", Region: "us-east-1", Kind: kind, ID: id}
	}
	ctx := map[string]inventory.Context{"aws/111122223333/us-east-1": {
		Guards: []lenscap.Guard{{
			Name: "snapshot_block_public_access", Provider: "aws", Account: "111122223333", Region: "us-east-1",
			Kinds: []lenscap.Kind{lenscap.KindDiskSnapshot}, Limits: []lenscap.PrincipalType{lenscap.AnyCustomer}, Effect: lenscap.GuardNewOnly,
		}},
		Coverage: []lenscap.Coverage{{Provider: "aws", Account: "111122223333", Region: "us-east-1", Kind: lenscap.KindDiskSnapshot, State: lenscap.CoverageComplete, Assets: n}},
	}}
	return inventory.Record(context.Background(), file, lenscap.Run{ID: "bench", Started: created}, ctx, func(fn func(lenscap.Asset) error) error {
		for i := range n {
			kind, prefix := lenscap.KindDiskSnapshot, "snap-"
			if i%10 == 9 {
				kind, prefix = lenscap.KindVolume, "vol-"
			}
			a := lenscap.Asset{
				Ref: ref(kind, fmt.Sprintf("%s%017x", prefix, i)), Name: fmt.Sprintf("backup-%d", r.IntN(5000)), State: "completed",
				Created: created.Add(time.Duration(r.IntN(40_000_000)) * time.Second), Size: int64(8+r.IntN(992)) << 30,
				Encryption: lenscap.Encryption{Encrypted: lenscap.Yes, Key: "arn:aws:kms:us-east-1:111122223333:key/k1", Manager: "customer"},
				Tags:       map[string]string{"Name": "backup", "env": "production", "team": fmt.Sprint(r.IntN(40))},
				Lineage:    lenscap.Lineage{Volume: &lenscap.Link{Ref: ref(lenscap.KindVolume, fmt.Sprintf("vol-%017x", r.IntN(n+1))), State: lenscap.LinkExists}},
			}
			switch i % 1000 {
			case 0:
				a.Encryption = lenscap.Encryption{Encrypted: lenscap.No}
				a.Grants = []lenscap.Grant{{Principal: lenscap.Principal{Type: lenscap.AnyCustomer}, Allows: []lenscap.Access{lenscap.AccessRead}, Path: lenscap.PathACL, Proof: lenscap.Proof{Call: "ec2:DescribeSnapshotAttribute"}}}
			case 200, 400, 600, 800, 999:
				a.Lineage.Volume.State = lenscap.LinkGone
			}
			if err := fn(a); err != nil {
				return err
			}
		}
		return nil
	})
}
