package aws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"golang.org/x/sync/errgroup"

	"github.com/lenscap/lenscap/internal/disk/block"
)

const (
	// fetches is how many blocks are fetched at once.
	fetches = 16
	// keptBlocks is how many blocks are kept in memory: 64 MiB.
	keptBlocks = 128
	// tries is how often a block is fetched whose checksum does not hold.
	tries = 3
)

// errChecksum is a block whose bytes are not those that AWS stored.
var errChecksum = errors.New("checksum does not match")

// blocks is the disk behind a snapshot. Each block is fetched once while it is
// kept; blocks that hold no data are zeros and cost no call.
type blocks struct {
	ctx  context.Context // io.ReaderAt takes none; Close ends it
	stop context.CancelFunc
	m    *blockMap
	slot chan struct{} // one for each fetch in flight

	mu    sync.Mutex
	have  map[int32]*fetched
	order []int32 // least recently used first

	gets atomic.Int64 // calls of GetSnapshotBlock
}

// fetched is a block that is at hand once ready is closed.
type fetched struct {
	ready chan struct{}
	data  []byte
	err   error
}

var (
	_ block.Source     = (*blocks)(nil)
	_ block.Mapper     = (*blocks)(nil)
	_ block.Prefetcher = (*blocks)(nil)
	_ block.Spender    = (*blocks)(nil)
)

func openBlocks(ctx context.Context, client *ebs.Client, id string) (*blocks, error) {
	m, err := listBlocks(ctx, client, id)
	if err != nil {
		return nil, err
	}
	if m.size < 0 {
		return nil, fmt.Errorf("the listing of blocks is empty: %w", errMalformed)
	}
	ctx, stop := context.WithCancel(ctx)
	return &blocks{
		ctx: ctx, stop: stop, m: m,
		slot: make(chan struct{}, fetches), have: make(map[int32]*fetched),
	}, nil
}

// What the EBS direct APIs cost in most regions, in USD a call, by AWS's price
// list of 2026: aws.amazon.com/ebs/pricing.
const (
	pricePerGet  = 0.003 / 1000
	pricePerList = 0.0006 / 1000
)

// Spent implements [block.Spender].
func (b *blocks) Spent() float64 {
	return float64(b.gets.Load())*pricePerGet + float64(b.m.lists.Load())*pricePerList
}

// Size is the volume's length in bytes.
func (b *blocks) Size() int64 { return b.m.size }

// Close ends all fetches.
func (b *blocks) Close() error {
	b.stop()
	return nil
}

// Extents lists the ranges that hold data.
func (b *blocks) Extents(context.Context) ([]block.Extent, error) {
	out := make([]block.Extent, len(b.m.spans))
	for i, s := range b.m.spans {
		out[i] = block.Extent{Offset: int64(s.first) * blockSize, Length: int64(s.end-s.first) * blockSize}
	}
	return out, nil
}

// ReadAt reads from the blocks that hold data and gives zeros for the others.
func (b *blocks) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read snapshot %s at %d: want an offset from 0", b.m.id, off)
	}
	if off >= b.m.size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > b.m.size-off {
		p, end = p[:b.m.size-off], io.EOF
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		index, skip := int32(at/blockSize), at%blockSize
		part := p[done:min(len(p), done+int(blockSize-skip))]
		if b.m.holds(index) {
			data, err := b.get(b.ctx, index)
			if err != nil {
				return done, fmt.Errorf("read block %d of snapshot %s: %w", index, b.m.id, err)
			}
			copy(part, data[skip:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return len(p), end
}

// Prefetch fetches the blocks of the ranges, several at once, in the order
// given, as far as they fit into half of what is kept.
func (b *blocks) Prefetch(ctx context.Context, ranges []block.Extent) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(fetches)
	room := keptBlocks / 2
	for _, e := range ranges {
		first, last := max(0, e.Offset)/blockSize, (min(e.Offset+e.Length, b.m.size)-1)/blockSize
		for i := first; i <= last && room > 0 && gctx.Err() == nil; i++ {
			index := int32(i)
			if !b.m.holds(index) {
				continue
			}
			room--
			g.Go(func() error {
				_, err := b.get(gctx, index)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("fetch blocks of snapshot %s: %w", b.m.id, err)
	}
	return ctx.Err()
}

// get gives a block that holds data. Who comes while it is being fetched waits
// for it. A failure is not kept.
func (b *blocks) get(ctx context.Context, index int32) ([]byte, error) {
	b.mu.Lock()
	f, ok := b.have[index]
	if ok {
		b.touch(index)
	} else {
		f = &fetched{ready: make(chan struct{})}
		b.have[index] = f
		b.order = append(b.order, index)
		if len(b.order) > keptBlocks {
			delete(b.have, b.order[0])
			b.order = slices.Delete(b.order, 0, 1)
		}
	}
	b.mu.Unlock()
	if ok {
		select {
		case <-f.ready:
			return f.data, f.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	// The fetch serves all who wait, so that it ends with the source, not with
	// the one who asked first.
	f.data, f.err = b.fetch(b.ctx, index)
	if f.err != nil {
		b.mu.Lock()
		if b.have[index] == f {
			delete(b.have, index)
			b.order = slices.DeleteFunc(b.order, func(i int32) bool { return i == index })
		}
		b.mu.Unlock()
	}
	close(f.ready)
	return f.data, f.err
}

// touch makes a block the most recently used. mu is held.
func (b *blocks) touch(index int32) {
	if i := slices.Index(b.order, index); i >= 0 {
		b.order = append(slices.Delete(b.order, i, i+1), index)
	}
}

// fetch reads a block and holds it to its checksum.
func (b *blocks) fetch(ctx context.Context, index int32) ([]byte, error) {
	select {
	case b.slot <- struct{}{}:
		defer func() { <-b.slot }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	token, err := b.m.token(ctx, index)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		data, err := b.once(ctx, index, token)
		if err == nil || ctx.Err() != nil || try == tries || !errors.Is(err, errChecksum) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return data, err
		}
	}
}

func (b *blocks) once(ctx context.Context, index int32, token string) ([]byte, error) {
	b.gets.Add(1)
	out, err := b.m.client.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{
		SnapshotId: &b.m.id, BlockIndex: &index, BlockToken: &token,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.BlockData.Close() }()
	data := make([]byte, blockSize)
	n, err := io.ReadFull(out.BlockData, data)
	switch {
	case err == nil:
		if extra, _ := io.ReadFull(out.BlockData, make([]byte, 1)); extra > 0 {
			return nil, fmt.Errorf("more than %d bytes in a block: %w", blockSize, errMalformed)
		}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		// A short block is padded with zeros, when its length was announced.
		if out.DataLength == nil || int(*out.DataLength) != n {
			return nil, fmt.Errorf("%d bytes of a block of %d: %w", n, awssdk.ToInt32(out.DataLength), io.ErrUnexpectedEOF)
		}
	default:
		return nil, err
	}
	if out.ChecksumAlgorithm != ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256 {
		return nil, fmt.Errorf("checksum by %q, want SHA256: %w", out.ChecksumAlgorithm, errMalformed)
	}
	sum := sha256.Sum256(data[:n])
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != awssdk.ToString(out.Checksum) {
		return nil, fmt.Errorf("%w: %s, the service says %s", errChecksum, got, bounded(awssdk.ToString(out.Checksum), 64))
	}
	return data, nil
}
