package aws

import (
	"context"
	"errors"
	"fmt"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk/block"
)

var _ block.Differ = (*blocks)(nil)

// Changed lists the blocks that differ from an earlier snapshot of the same
// volume, those that lost their data among them. AWS refuses the snapshot of
// another volume, a public and an archived one.
func (b *blocks) Changed(ctx context.Context, since string) ([]block.Extent, error) {
	if since == "" {
		return nil, errors.New("list changed blocks: want the snapshot to compare with")
	}
	c := changes{size: b.m.size}
	err := pages(ctx, func(token *string) (*string, error) {
		b.m.lists.Add(1)
		out, err := b.m.client.ListChangedBlocks(ctx, &ebs.ListChangedBlocksInput{
			FirstSnapshotId: &since, SecondSnapshotId: &b.m.id, NextToken: token, MaxResults: awssdk.Int32(10_000),
		})
		if err != nil {
			return nil, err
		}
		return out.NextToken, c.addPage(out)
	})
	if err != nil {
		if causeOf(err) == lenscap.CauseDenied {
			err = fmt.Errorf("needs ebs:ListChangedBlocks on both snapshots: %w", err)
		}
		return nil, fmt.Errorf("list what changed in snapshot %s since %s: %w", b.m.id, bounded(since, 64), err)
	}
	return c.extents, nil
}

// changes gathers the pages of ListChangedBlocks.
type changes struct {
	size    int64 // of the second snapshot's volume, in bytes
	extents []block.Extent
	next    int64 // the least index that may follow
}

// addPage takes a page of the listing, holding it to what a disk can be. A page
// may be empty with more to follow.
func (c *changes) addPage(out *ebs.ListChangedBlocksOutput) error {
	// An emulator says 512 and means KiB; any other size is not understood.
	if n := awssdk.ToInt32(out.BlockSize); n != blockSize && n != blockSize>>10 && n != 0 {
		return fmt.Errorf("blocks of %d bytes, want %d: %w", n, blockSize, errMalformed)
	}
	for i := range out.ChangedBlocks {
		at := int64(awssdk.ToInt32(out.ChangedBlocks[i].BlockIndex))
		if out.ChangedBlocks[i].BlockIndex == nil || at < c.next || at*blockSize >= c.size {
			return fmt.Errorf("changed block %d after block %d of a volume of %d bytes: %w", at, c.next-1, c.size, errMalformed)
		}
		c.next = at + 1
		if n := len(c.extents); n > 0 && c.extents[n-1].Offset+c.extents[n-1].Length == at*blockSize {
			c.extents[n-1].Length += blockSize
		} else {
			c.extents = append(c.extents, block.Extent{Offset: at * blockSize, Length: blockSize})
		}
	}
	return nil
}
