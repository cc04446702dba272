package aws

import (
	"encoding/base64"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/lenscap/lenscap/internal/lab/disks"
)

func ebsService() *service {
	return &service{protocol: restJSON, routes: []route{
		{http.MethodGet, "/snapshots/{snapshotId}/blocks", "", "ListSnapshotBlocks", listSnapshotBlocks},
		{http.MethodGet, "/snapshots/{snapshotId}/blocks/{blockIndex}", "", "GetSnapshotBlock", getSnapshotBlock},
		{http.MethodGet, "/snapshots/{secondSnapshotId}/changedblocks", "", "ListChangedBlocks", listChangedBlocks},
	}}
}

const tokenLife = 7 * 24 * time.Hour

// blockToken is what a block token holds: which block of which snapshot.
type blockToken struct {
	Snapshot string `json:"s"`
	Index    int    `json:"i"`
	Expires  int64  `json:"e"`
}

func ebsInvalid(reason, format string, args ...any) *apiError {
	e := bad("ValidationException", format, args...)
	e.Message += " (" + reason + ")"
	return e
}

// readable gives a snapshot whose blocks the caller may read. The EBS direct
// APIs refuse a public snapshot, even its owner's, and an archived one; an
// encrypted one needs its key, too. The refusal of public ones follows the
// share list, block or no block.
func readableSnapshot(q *Request, id string) (*Snapshot, error) {
	s := q.World.snapshot(q.Call.Region, id)
	if s == nil || !s.visible(q.World, q.Call.Account) {
		return nil, fail(http.StatusNotFound, "ResourceNotFoundException", "The snapshot '%s' does not exist.", id)
	}
	switch {
	case public(s.Shares):
		return nil, ebsInvalid("INVALID_SNAPSHOT_ID", "The snapshot %s is public; public snapshots are not supported", id)
	case s.Tier == "archive":
		return nil, ebsInvalid("INVALID_SNAPSHOT_ID", "The snapshot %s is archived; restore it first", id)
	case s.State != "completed":
		return nil, fail(http.StatusConflict, "ConflictException", "The snapshot %s is in state %s", id, s.State)
	case s.Encrypted && !q.World.mayDecrypt(s.Key, q.Call.Account):
		return nil, fail(http.StatusForbidden, "AccessDeniedException", "The KMS key of snapshot %s does not let you decrypt", id)
	}
	return s, nil
}

// number reads an optional number of the query.
func number(q *Request, name string, otherwise, least, most int) (int, error) {
	text := q.Query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, ebsInvalid("INVALID_PARAMETER_VALUE", "%s is %q: want %d to %d", name, text, least, most)
	}
	return n, nil
}

type blockJSON struct {
	Index  int    `json:"BlockIndex"`
	Token  string `json:"BlockToken,omitempty"`
	First  string `json:"FirstBlockToken,omitempty"`
	Second string `json:"SecondBlockToken,omitempty"`
}

type blocksJSON struct {
	Blocks     *[]blockJSON `json:"Blocks,omitempty"`
	Changed    *[]blockJSON `json:"ChangedBlocks,omitempty"`
	BlockSize  int
	VolumeSize int
	ExpiryTime float64
	NextToken  string `json:",omitempty"`
}

// blockPage cuts the page that startingBlockIndex, maxResults and pageToken ask.
func blockPage(q *Request, indexes []int) (page []int, next string, err error) {
	least, err := number(q, "startingBlockIndex", 0, 0, math.MaxInt32)
	if err != nil {
		return nil, "", err
	}
	size, err := number(q, "maxResults", 10000, 100, 10000)
	if err != nil {
		return nil, "", err
	}
	start := 0
	for start < len(indexes) && indexes[start] < least {
		start++
	}
	return paginate(q, indexes[start:], size, q.Query.Get("pageToken"))
}

func listSnapshotBlocks(q *Request) (any, error) {
	s, err := readableSnapshot(q, q.Path("snapshotId"))
	if err != nil {
		return nil, err
	}
	part, next, err := blockPage(q, s.Disk.Indexes())
	if err != nil {
		return nil, err
	}
	expires := q.World.Now().Add(tokenLife)
	blocks := make([]blockJSON, len(part))
	for n, i := range part {
		blocks[n] = blockJSON{Index: i, Token: q.World.seal(blockToken{s.ID, i, expires.Unix()})}
	}
	return blocksJSON{Blocks: &blocks, BlockSize: disks.BlockSize, VolumeSize: s.Size, ExpiryTime: float64(expires.Unix()), NextToken: next}, nil
}

func getSnapshotBlock(q *Request) (any, error) {
	s, err := readableSnapshot(q, q.Path("snapshotId"))
	if err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(q.Path("blockIndex"))
	var token blockToken
	if err != nil || !q.World.open(q.Query.Get("blockToken"), &token) || token.Snapshot != s.ID || token.Index != index {
		return nil, ebsInvalid("INVALID_BLOCK_TOKEN", "The block token does not belong to block %s of %s", q.Path("blockIndex"), s.ID)
	}
	if q.World.Now().Unix() > token.Expires {
		return nil, ebsInvalid("INVALID_BLOCK_TOKEN", "The block token has expired")
	}
	data, sum, ok := s.Disk.Block(index)
	if !ok {
		return nil, ebsInvalid("INVALID_BLOCK", "The snapshot %s has no block %d", s.ID, index)
	}
	return &Raw{Body: data, Header: map[string]string{
		"Content-Type":             "application/octet-stream",
		"X-Amz-Data-Length":        strconv.Itoa(len(data)),
		"X-Amz-Checksum":           base64.StdEncoding.EncodeToString(sum[:]),
		"X-Amz-Checksum-Algorithm": "SHA256",
	}}, nil
}

func listChangedBlocks(q *Request) (any, error) {
	second, err := readableSnapshot(q, q.Path("secondSnapshotId"))
	if err != nil {
		return nil, err
	}
	first := &Snapshot{}
	if id := q.Query.Get("firstSnapshotId"); id != "" {
		if first, err = readableSnapshot(q, id); err != nil {
			return nil, err
		}
		if first.Volume != second.Volume {
			return nil, ebsInvalid("UNRELATED_SNAPSHOTS", "The snapshots are of different volumes")
		}
	}
	part, next, err := blockPage(q, disks.Changed(first.Disk, second.Disk))
	if err != nil {
		return nil, err
	}
	expires := q.World.Now().Add(tokenLife)
	blocks := make([]blockJSON, len(part))
	for n, i := range part {
		blocks[n].Index = i
		if first.Disk.Has(i) {
			blocks[n].First = q.World.seal(blockToken{first.ID, i, expires.Unix()})
		}
		if second.Disk.Has(i) {
			blocks[n].Second = q.World.seal(blockToken{second.ID, i, expires.Unix()})
		}
	}
	return blocksJSON{Changed: &blocks, BlockSize: disks.BlockSize, VolumeSize: second.Size, ExpiryTime: float64(expires.Unix()), NextToken: next}, nil
}
