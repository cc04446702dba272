package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	clouds "github.com/lenscap/lenscap/internal/cloud/all"
	"github.com/lenscap/lenscap/internal/disk"
	readers "github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// schemes are the targets that a cloud opens: ebs:snap-… and ebs:ami-….
var schemes = map[string]struct {
	provider string
	kind     func(id string) lenscap.Kind
}{
	"ebs": {"aws", func(id string) lenscap.Kind {
		if strings.HasPrefix(id, "ami-") {
			return lenscap.KindMachineImage
		}
		return lenscap.KindDiskSnapshot
	}},
}

// targetFlags are what a user may say about a TARGET.
type targetFlags struct {
	region   string
	members  []string
	backing  []string
	keyFiles []string
	spill    int64
	spillDir string
}

func (a *app) targetFlags(c *cobra.Command, f *targetFlags) {
	p := c.PersistentFlags()
	p.StringVar(&f.region, "region", "", a.say(t("region of a cloud's disk (default: the SDK's)", "云上磁盘所在地域（默认取 SDK 配置）")))
	p.StringArrayVar(&f.members, "member", nil, a.say(t("a further disk of the same array, volume group or file system", "同一阵列、卷组或文件系统的另一块磁盘")))
	p.StringArrayVar(&f.backing, "backing", nil, a.say(t("a file that the image may be a difference to; no other is opened", "镜像所依赖的后备文件；除此之外不会打开别的文件")))
	p.StringArrayVar(&f.keyFiles, "key-file", nil, a.say(t("a file with a key of an encrypted volume", "含有加密卷密钥的文件")))
	p.Int64Var(&f.spill, "spill-bytes", 64<<30, a.say(t("most bytes of a temporary file for a stream that can't be read at random; 0 makes none", "无法随机读取的压缩流所用临时文件的上限字节数；0 表示不使用")))
	p.StringVar(&f.spillDir, "spill-dir", "", a.say(t("folder of such temporary files (default: the system's)", "上述临时文件所在目录（默认取系统临时目录）")))
}

// shown gives a TARGET as it may be printed: the user and query of a URL are
// what opens it, and secret.
func shown(name string) string {
	if !strings.HasPrefix(name, "http:") && !strings.HasPrefix(name, "https:") {
		return name
	}
	u, err := url.Parse(name)
	if err != nil {
		return "the URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// target is what a TARGET names, opened, and how its disk is to be opened.
type target struct {
	block.Source
	ref  lenscap.Ref
	opts disk.Options
}

// Close closes the target and its further disks.
func (t target) Close() error {
	errs := []error{t.Source.Close()}
	for _, m := range t.opts.More {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// diskMemory is what the collector of garbage keeps the heap near to while a
// disk is read; the caches hold half of it.
const diskMemory = 64 << 20

// boundMemory holds the heap down, unless the user has set GOMEMLIMIT.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(diskMemory)
	}
}

// openTarget opens what TARGET names: a file or block device, a URL, or an asset
// of a cloud by its scheme. A file whose name looks like a scheme is reached by ./.
func (a *app) openTarget(ctx context.Context, name string, f targetFlags) (target, error) {
	boundMemory()
	opts, err := f.options(name)
	if err != nil {
		return target{}, err
	}
	src, ref, err := a.openSource(ctx, name, f.region)
	if err != nil {
		return target{}, err
	}
	out := target{src, ref, opts}
	for _, m := range f.members {
		more, _, err := a.openSource(ctx, m, f.region)
		if err != nil {
			return target{}, errors.Join(err, out.Close())
		}
		out.opts.More = append(out.opts.More, more)
	}
	return out, nil
}

func (a *app) openSource(ctx context.Context, name, region string) (block.Source, lenscap.Ref, error) {
	scheme, id, found := strings.Cut(name, ":")
	s, known := schemes[scheme]
	if found && (scheme == "http" || scheme == "https") {
		src, err := block.OpenHTTP(ctx, name, block.HTTPOptions{})
		if err != nil {
			return nil, lenscap.Ref{}, err
		}
		return src, lenscap.Ref{Provider: "http", Kind: lenscap.KindDiskObject, ID: shown(name)}, nil
	}
	if !found || !known {
		if found && slices.Contains([]string{"azure", "gcp"}, scheme) {
			return nil, lenscap.Ref{}, usageError{fmt.Errorf("target %q: %s targets are not read yet; want a file, https://… or ebs:snap-…", name, scheme)}
		}
		src, err := block.OpenFile(name)
		if err != nil {
			return nil, lenscap.Ref{}, err
		}
		return src, lenscap.Ref{Provider: "file", Kind: lenscap.KindDiskObject, ID: name}, nil
	}
	opts := cloud.Options{}
	if region != "" {
		opts.Regions = []string{region}
	}
	c, err := clouds.New(s.provider, opts)
	if err != nil {
		return nil, lenscap.Ref{}, err
	}
	opener, ok := c.(cloud.BlockOpener)
	if !ok {
		return nil, lenscap.Ref{}, fmt.Errorf("target %q: %s does not open disks", name, s.provider)
	}
	ref := lenscap.Ref{Provider: s.provider, Region: region, Kind: s.kind(id), ID: id}
	src, err := opener.OpenBlocks(ctx, ref)
	return src, ref, err
}

// maxKeyFile is the longest key file, the same as cryptsetup's.
const maxKeyFile = 8 << 20

// options say how the disk of a target is to be opened. The parts of an image
// are looked for in its own folder; other images only where the user named them.
func (f targetFlags) options(name string) (disk.Options, error) {
	opts := readers.Options()
	opts.Image.SpillBytes, opts.Image.SpillDir = f.spill, f.spillDir
	if shown(name) == name {
		opts.Image.Extent = func(part string) (block.Source, error) {
			return openFile(filepath.Join(filepath.Dir(name), part))
		}
	}
	if len(f.backing) > 0 {
		opts.Image.Backing = func(want string) (block.Source, error) {
			base := want[strings.LastIndexAny(want, `/\`)+1:]
			for _, given := range f.backing {
				if filepath.Base(given) == base {
					return openFile(given)
				}
			}
			return nil, fmt.Errorf("want one of --backing to be named %q: %w", base, block.ErrMissing)
		}
	}
	for _, path := range f.keyFiles {
		key, err := readKey(path)
		if err != nil {
			return opts, err
		}
		opts.Keys = append(opts.Keys, key)
	}
	return opts, nil
}

func openFile(path string) (block.Source, error) {
	src, err := block.OpenFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", err, block.ErrMissing)
	}
	return src, err
}

func readKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	defer file.Close() //nolint:errcheck // reading only: nothing is lost
	key, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if len(key) > maxKeyFile {
		return nil, fmt.Errorf("key file %s: want at most %d bytes", path, maxKeyFile)
	}
	return key, nil
}

// collectors makes the collectors of the named clouds, of all when none is named.
func collectors(providers []string, opts cloud.Options) ([]cloud.Collector, error) {
	if len(providers) == 0 {
		providers = clouds.Providers()
	}
	var out []cloud.Collector
	for _, p := range providers {
		c, err := clouds.New(p, opts)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
