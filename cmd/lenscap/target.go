package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	clouds "github.com/lenscap/lenscap/internal/cloud/all"
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

// openTarget opens what TARGET names: a file or block device, or an asset of a
// cloud by its scheme. A file whose name looks like a scheme is reached by ./.
func (a *app) openTarget(ctx context.Context, target, region string) (block.Source, lenscap.Ref, error) {
	scheme, id, found := strings.Cut(target, ":")
	s, known := schemes[scheme]
	if !found || !known {
		if found && slices.Contains([]string{"azure", "gcp", "http", "https"}, scheme) {
			return nil, lenscap.Ref{}, usageError{fmt.Errorf("target %q: %s targets are not read yet; want a file or ebs:snap-…", target, scheme)}
		}
		src, err := block.OpenFile(target)
		if err != nil {
			return nil, lenscap.Ref{}, err
		}
		return src, lenscap.Ref{Provider: "file", Kind: lenscap.KindDiskObject, ID: target}, nil
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
		return nil, lenscap.Ref{}, fmt.Errorf("target %q: %s does not open disks", target, s.provider)
	}
	ref := lenscap.Ref{Provider: s.provider, Region: region, Kind: s.kind(id), ID: id}
	src, err := opener.OpenBlocks(ctx, ref)
	return src, ref, err
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
