package aws

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/disk/block"
	labaws "github.com/lenscap/lenscap/internal/lab/aws"
	"github.com/lenscap/lenscap/internal/lab/disks"
)

func changed(t *testing.T, src block.Source, since string) ([]block.Extent, error) {
	t.Helper()
	return src.(block.Differ).Changed(t.Context(), since)
}

func TestChangedBlocks(t *testing.T) {
	t.Parallel()
	s := newBlockServer(t)
	pages := map[string]string{
		"":      `{"BlockSize":524288,"VolumeSize":1,"NextToken":"empty","ChangedBlocks":[{"BlockIndex":0,"SecondBlockToken":"a"},{"BlockIndex":1,"FirstBlockToken":"b"}]}`,
		"empty": `{"BlockSize":524288,"VolumeSize":1,"NextToken":"last","ChangedBlocks":[]}`,
		"last":  `{"BlockSize":"512","VolumeSize":"1","ChangedBlocks":[{"BlockIndex":"2"},{"BlockIndex":7}]}`,
	}
	s.answers["ebs:ListChangedBlocks"] = func(q *query) string {
		v := q.URL.Query()
		if v.Get("firstSnapshotId") != "snap-before" || v.Get("maxResults") != "10000" || !strings.Contains(q.URL.Path, snapOwn) {
			return `{"ChangedBlocks":[{"BlockIndex":-1}]}`
		}
		return pages[v.Get("pageToken")]
	}
	got, err := changed(t, s.open(t, ownSnapshot), "snap-before")
	if err != nil {
		t.Fatal(err)
	}
	want := []block.Extent{{Offset: 0, Length: 3 * blockSize}, {Offset: 7 * blockSize, Length: blockSize}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if _, err := changed(t, s.open(t, ownSnapshot), ""); err == nil {
		t.Error("changed since nothing: no error")
	}
}

func TestChangedBlocksMalformed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"beyond":     `{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[{"BlockIndex":2048}]}`,
		"negative":   `{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[{"BlockIndex":-1}]}`,
		"descending": `{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[{"BlockIndex":2},{"BlockIndex":1}]}`,
		"twice":      `{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[{"BlockIndex":2},{"BlockIndex":2}]}`,
		"no index":   `{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[{}]}`,
		"block size": `{"BlockSize":4096,"VolumeSize":1,"ChangedBlocks":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBlockServer(t)
			s.answers["ebs:ListChangedBlocks"] = func(*query) string { return body }
			if _, err := changed(t, s.open(t, ownSnapshot), "snap-before"); !errors.Is(err, errMalformed) {
				t.Errorf("error %v, want malformed", err)
			}
		})
	}
}

func TestChangedBlocksFaults(t *testing.T) {
	t.Parallel()
	for how, want := range map[fault]lenscap.Cause{
		denied: lenscap.CauseDenied, throttled: lenscap.CauseThrottled, hanging: lenscap.CauseTimeout,
		repeating: lenscap.CauseTruncated, vanished: lenscap.CauseVanished,
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			s := newBlockServer(t)
			s.answers["ebs:ListChangedBlocks"] = jsonBody(`{"BlockSize":524288,"VolumeSize":1,"ChangedBlocks":[]}`, "NextToken")
			src := s.open(t, ownSnapshot)
			s.fail("ebs:ListChangedBlocks", how)
			got, err := changed(t, src, "snap-before")
			if err == nil || causeOf(err) != want || got != nil {
				t.Errorf("%v, error %v: want one by cause %s", got, err, want)
			}
			if how == denied && !strings.Contains(err.Error(), "needs ebs:ListChangedBlocks") {
				t.Errorf("error %v, want the right that is missing", err)
			}
		})
	}
	s := newBlockServer(t)
	src := s.open(t, ownSnapshot)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := src.(block.Differ).Changed(ctx, "snap-before"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

// TestChangedBlocksOfLab reads what changed and nothing else, and has the later
// disk by it.
func TestChangedBlocksOfLab(t *testing.T) {
	t.Parallel()
	const account, regionName = "111122223333", "us-east-1"
	first, err := disks.Open("data")
	if err != nil {
		t.Fatal(err)
	}
	second := first.With(1, []byte("new")).With(int(first.Size()/blockSize)-1, []byte("end"))
	lab, err := labaws.Start(t.Context(), labaws.Options{Fill: func(w *labaws.World) error {
		r := w.AddAccount(account, "production").Region(regionName)
		size := int(first.Size() / gib)
		r.AddSnapshot(labaws.Snapshot{ID: "snap-1", Volume: "vol-1", Size: size, Disk: first})
		r.AddSnapshot(labaws.Snapshot{ID: "snap-2", Volume: "vol-1", Size: size, Disk: second})
		r.AddSnapshot(labaws.Snapshot{ID: "snap-3", Volume: "vol-2", Size: size, Disk: second})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lab.Close() })
	c, err := New(cloud.Options{Rate: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	id, secret := lab.Keys(account)
	c.base = &awssdk.Config{
		Region: regionName, BaseEndpoint: awssdk.String(lab.Endpoint()), HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""), Retryer: c.retryer,
	}
	src, err := c.OpenBlocks(t.Context(), lenscap.Ref{Provider: Provider, Account: account, Region: regionName, Kind: lenscap.KindDiskSnapshot, ID: "snap-2"})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	got, err := changed(t, src, "snap-1")
	if err != nil {
		t.Fatal(err)
	}
	want := []block.Extent{{Offset: blockSize, Length: blockSize}, {Offset: first.Size() - blockSize, Length: blockSize}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if _, err := changed(t, src, "snap-3"); err == nil {
		t.Error("the snapshot of another volume was compared with")
	}
}
