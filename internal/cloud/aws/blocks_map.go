package aws

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
)

const (
	// blockSize is the only block size of the EBS direct APIs ("Read EBS
	// snapshots with the EBS direct APIs"), in bytes.
	blockSize = 512 << 10
	// maxVolume is the largest EBS volume, in GiB.
	maxVolume = 64 << 10
	// keptPages is how many pages of block tokens are kept, 10,000 tokens each:
	// those of disks up to 80 GB are listed once.
	keptPages = 16
)

// span is a run of blocks that hold data: first to end, end not included.
type span struct{ first, end int32 }

// blockMap says which blocks of a snapshot hold data. It is small: tokens, by
// which blocks are fetched, are kept for a few pages and listed anew otherwise.
type blockMap struct {
	client *ebs.Client
	id     string
	size   int64 // of the volume, in bytes
	spans  []span
	starts []int32 // the first block of each page

	lists atomic.Int64 // calls of ListSnapshotBlocks

	mu    sync.Mutex
	pages []tokenPage // most recently used last
}

type tokenPage struct {
	index  int
	tokens map[int32]string
}

// listBlocks reads the whole map.
func listBlocks(ctx context.Context, client *ebs.Client, id string) (*blockMap, error) {
	m := &blockMap{client: client, id: id, size: -1}
	err := pages(ctx, func(token *string) (*string, error) {
		m.lists.Add(1)
		out, err := client.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{
			SnapshotId: &id, NextToken: token, MaxResults: awssdk.Int32(10_000),
		})
		if err != nil {
			return nil, err
		}
		return out.NextToken, m.addPage(out)
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// addPage takes a page of the listing, holding it to what a disk can be.
func (m *blockMap) addPage(out *ebs.ListSnapshotBlocksOutput) error {
	// An emulator says 512 and means KiB; any other size is not understood.
	if n := awssdk.ToInt32(out.BlockSize); n != blockSize && n != blockSize>>10 && n != 0 {
		return fmt.Errorf("blocks of %d bytes, want %d: %w", n, blockSize, errMalformed)
	}
	gb := awssdk.ToInt64(out.VolumeSize)
	if gb < 1 || gb > maxVolume {
		return fmt.Errorf("a volume of %d GiB, want 1 to %d: %w", gb, maxVolume, errMalformed)
	}
	if m.size < 0 {
		m.size = gb * gib
	} else if m.size != gb*gib {
		return fmt.Errorf("a volume of %d GiB that had %d bytes a page before: %w", gb, m.size, errMalformed)
	}
	if len(out.Blocks) == 0 {
		return nil
	}
	page := tokenPage{index: len(m.starts), tokens: make(map[int32]string, len(out.Blocks))}
	for i := range out.Blocks {
		at := awssdk.ToInt32(out.Blocks[i].BlockIndex)
		if out.Blocks[i].BlockIndex == nil || at < m.end() || int64(at)*blockSize >= m.size {
			return fmt.Errorf("block %d after block %d of a volume of %d bytes: %w", at, m.end()-1, m.size, errMalformed)
		}
		if n := len(m.spans); n > 0 && m.spans[n-1].end == at {
			m.spans[n-1].end++
		} else {
			m.spans = append(m.spans, span{at, at + 1})
		}
		page.tokens[at] = awssdk.ToString(out.Blocks[i].BlockToken)
	}
	m.starts = append(m.starts, awssdk.ToInt32(out.Blocks[0].BlockIndex))
	m.keep(page)
	return nil
}

// end is the block behind the last one that holds data.
func (m *blockMap) end() int32 {
	if n := len(m.spans); n > 0 {
		return m.spans[n-1].end
	}
	return 0
}

// keep remembers a page of tokens, dropping the one that was not used for longest.
func (m *blockMap) keep(p tokenPage) {
	if len(m.pages) >= keptPages {
		m.pages = append(m.pages[:0], m.pages[1:]...)
	}
	m.pages = append(m.pages, p)
}

// holds tells whether a block holds data.
func (m *blockMap) holds(at int32) bool {
	i := sort.Search(len(m.spans), func(i int) bool { return m.spans[i].end > at })
	return i < len(m.spans) && m.spans[i].first <= at
}

// token gives the token of a block that holds data.
func (m *blockMap) token(ctx context.Context, at int32) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, v := range slices.Backward(m.pages) {
		if t, ok := v.tokens[at]; ok {
			p := v
			m.pages = append(append(m.pages[:i:i], m.pages[i+1:]...), p)
			return t, nil
		}
	}
	index := sort.Search(len(m.starts), func(i int) bool { return m.starts[i] > at }) - 1
	if index < 0 {
		return "", fmt.Errorf("block %d holds no data: %w", at, errMalformed)
	}
	m.lists.Add(1)
	out, err := m.client.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{
		SnapshotId: &m.id, StartingBlockIndex: &m.starts[index], MaxResults: awssdk.Int32(10_000),
	})
	if err != nil {
		return "", err
	}
	page := tokenPage{index: index, tokens: make(map[int32]string, len(out.Blocks))}
	for i := range out.Blocks {
		page.tokens[awssdk.ToInt32(out.Blocks[i].BlockIndex)] = awssdk.ToString(out.Blocks[i].BlockToken)
	}
	t, ok := page.tokens[at]
	if !ok {
		return "", fmt.Errorf("block %d is not listed any more: %w", at, errMalformed)
	}
	m.keep(page)
	return t, nil
}
