package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// blockOf is the data of a block of the fake's disk.
func blockOf(index int) []byte { return bytes.Repeat([]byte{byte(index + 1)}, blockSize) }

// ebsAnswers serves a disk of 1 GiB with data in blocks 0, 1 and 5, in two pages.
func ebsAnswers() map[string]answer {
	return map[string]answer{
		"ebs:ListSnapshotBlocks": func(q *query) string {
			if q.next == "" && q.URL.Query().Get("pageToken") == "" && q.URL.Query().Get("startingBlockIndex") == "" {
				return `{"BlockSize":524288,"VolumeSize":1,"NextToken":"two","Blocks":[{"BlockIndex":0,"BlockToken":"t0"},{"BlockIndex":1,"BlockToken":"t1"}]}`
			}
			return jsonBody(`{"BlockSize":524288,"VolumeSize":1,"Blocks":[{"BlockIndex":5,"BlockToken":"t5"}]}`, "NextToken")(q)
		},
		"ebs:ListChangedBlocks": jsonBody(`{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[{"BlockIndex":5}]}`, "NextToken"),
		"ebs:GetSnapshotBlock": func(q *query) string {
			index := 0
			_, _ = fmt.Sscanf(q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:], "%d", &index)
			return string(blockOf(index))
		},
	}
}

// blockServer adds the headers of GetSnapshotBlock; spoil may change what is sent.
type blockServer struct {
	*fake
	gets  atomic.Int32
	spoil func(n int32, data []byte, h http.Header) []byte
}

func (s *blockServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.names(r) != "ebs:GetSnapshotBlock" {
		s.fake.ServeHTTP(w, r)
		return
	}
	data := []byte(s.answers["ebs:GetSnapshotBlock"](&query{Request: r}))
	sum := sha256.Sum256(data)
	h := w.Header()
	h.Set("X-Amz-Checksum", base64.StdEncoding.EncodeToString(sum[:]))
	h.Set("X-Amz-Checksum-Algorithm", "SHA256")
	h.Set("X-Amz-Data-Length", fmt.Sprint(len(data)))
	if n := s.gets.Add(1); s.spoil != nil {
		data = s.spoil(n, data, h)
	}
	_, _ = w.Write(data)
}

func newBlockServer(t *testing.T) *blockServer {
	t.Helper()
	s := &blockServer{fake: newFake(t)}
	s.Config.Handler = s
	return s
}

var ownSnapshot = lenscap.Ref{Provider: Provider, Account: self, Region: "us-east-1", Kind: lenscap.KindDiskSnapshot, ID: snapOwn}

func (s *blockServer) open(t *testing.T, ref lenscap.Ref) block.Source {
	t.Helper()
	src, err := s.collector(t, cloud.Options{}).OpenBlocks(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func TestOpenBlocks(t *testing.T) {
	t.Parallel()
	s := newBlockServer(t)
	src := s.open(t, ownSnapshot)
	if src.Size() != gib {
		t.Errorf("size %d, want %d", src.Size(), gib)
	}
	extents, err := src.(block.Mapper).Extents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []block.Extent{{Offset: 0, Length: 2 * blockSize}, {Offset: 5 * blockSize, Length: blockSize}}
	if diff := cmp.Diff(want, extents); diff != "" {
		t.Errorf("extents (-want +got):\n%s", diff)
	}
	if err := src.(block.Prefetcher).Prefetch(t.Context(), extents); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6*blockSize)
	if _, err := src.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	disk := bytes.Join([][]byte{blockOf(0), blockOf(1), make([]byte, 3*blockSize), blockOf(5)}, nil)
	if !bytes.Equal(got, disk) {
		t.Error("the bytes read are not those of the disk")
	}
	across := make([]byte, 100)
	if _, err := src.ReadAt(across, blockSize-50); err != nil || !bytes.Equal(across, disk[blockSize-50:blockSize+50]) {
		t.Errorf("a read across two blocks is wrong: %v", err)
	}
	if n := s.gets.Load(); n != 3 {
		t.Errorf("%d blocks were fetched, want each of 3 once", n)
	}
	if n, err := src.ReadAt(make([]byte, 10), gib-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("read at the end: %d, %v, want 4, EOF", n, err)
	}
	if _, err := src.ReadAt(make([]byte, 1), gib); !errors.Is(err, io.EOF) {
		t.Errorf("read behind the end: %v, want EOF", err)
	}
	if _, err := src.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read at -1: no error")
	}
}

func TestOpenBlocksOfImage(t *testing.T) {
	t.Parallel()
	s := newBlockServer(t)
	ref := ownSnapshot
	ref.Kind, ref.ID = lenscap.KindMachineImage, imageOpen
	if src := s.open(t, ref); src.(*blocks).m.id != snapImage {
		t.Errorf("opened %s, want the snapshot behind the root device, %s", src.(*blocks).m.id, snapImage)
	}
}

func TestBlockChecksum(t *testing.T) {
	t.Parallel()
	flip := func(_ int32, data []byte, _ http.Header) []byte {
		data[7] ^= 1
		return data
	}
	for name, c := range map[string]struct {
		spoil func(int32, []byte, http.Header) []byte
		want  error
	}{
		"once": {func(n int32, data []byte, h http.Header) []byte {
			if n == 1 {
				return flip(n, data, h)
			}
			return data
		}, nil},
		"always": {flip, errChecksum},
		"other algorithm": {func(_ int32, data []byte, h http.Header) []byte {
			h.Set("X-Amz-Checksum-Algorithm", "MD5")
			return data
		}, errMalformed},
		"too long": {func(_ int32, data []byte, _ http.Header) []byte { return append(data, 1) }, errMalformed},
		"cut": {func(_ int32, data []byte, h http.Header) []byte {
			return data[:100]
		}, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBlockServer(t)
			s.spoil = c.spoil
			_, err := s.open(t, ownSnapshot).ReadAt(make([]byte, 10), 0)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

func TestBlockListHostile(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"beyond the end": `{"BlockSize":524288,"VolumeSize":1,"Blocks":[{"BlockIndex":2048,"BlockToken":"t"}]}`,
		"negative":       `{"BlockSize":524288,"VolumeSize":1,"Blocks":[{"BlockIndex":-1,"BlockToken":"t"}]}`,
		"descending":     `{"BlockSize":524288,"VolumeSize":1,"Blocks":[{"BlockIndex":2},{"BlockIndex":1}]}`,
		"twice":          `{"BlockSize":524288,"VolumeSize":1,"Blocks":[{"BlockIndex":2},{"BlockIndex":2}]}`,
		"no size":        `{"Blocks":[]}`,
		"huge":           `{"BlockSize":524288,"VolumeSize":9000000000,"Blocks":[]}`,
		"block size":     `{"BlockSize":4096,"VolumeSize":1,"Blocks":[]}`,
		"no index":       `{"BlockSize":524288,"VolumeSize":1,"Blocks":[{"BlockToken":"t"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBlockServer(t)
			s.answers["ebs:ListSnapshotBlocks"] = func(*query) string { return body }
			if _, err := s.collector(t, cloud.Options{}).OpenBlocks(t.Context(), ownSnapshot); !errors.Is(err, errMalformed) {
				t.Errorf("error %v, want malformed", err)
			}
		})
	}
}

func TestBlocksRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ref  lenscap.Ref
		how  fault
		want string
	}{
		"public": {lenscap.Ref{Provider: Provider, Kind: lenscap.KindDiskSnapshot, ID: snapOpen}, denied, "it is public"},
		"volume": {lenscap.Ref{Provider: Provider, Kind: lenscap.KindVolume, ID: "vol-1"}, "", "only snapshots"},
		"cloud":  {lenscap.Ref{Provider: "azure", Kind: lenscap.KindDiskSnapshot, ID: "x"}, "", "want an asset of aws"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.fail("ebs:ListSnapshotBlocks", c.how)
			_, err := f.collector(t, cloud.Options{}).OpenBlocks(t.Context(), c.ref)
			if !errors.Is(err, cloud.ErrNotReadable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that is not readable and says %q", err, c.want)
			}
		})
	}
	f := newFake(t)
	f.fail("ebs:ListSnapshotBlocks", denied)
	_, err := f.collector(t, cloud.Options{}).OpenBlocks(t.Context(), ownSnapshot)
	if err == nil || errors.Is(err, cloud.ErrNotReadable) || !strings.Contains(err.Error(), "ebs:GetSnapshotBlock") {
		t.Errorf("a private snapshot, denied: %v, want the rights that are missing", err)
	}
}

func TestBlocksClosed(t *testing.T) {
	t.Parallel()
	src := newBlockServer(t).open(t, ownSnapshot)
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := src.ReadAt(make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("read after close: %v, want context.Canceled", err)
	}
}
