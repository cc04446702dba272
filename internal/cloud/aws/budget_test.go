package aws

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/cloudtest"
)

// crowd serves n snapshots, 1000 a page, one of them public.
func crowd(f *fake, n int) {
	f.answers["ec2:DescribeSnapshots"] = func(q *query) string {
		first, _ := strconv.Atoi(q.Form.Get("NextToken"))
		size, err := strconv.Atoi(q.Form.Get("MaxResults"))
		if err != nil || size < 5 || size > 1000 {
			return "a bad MaxResults"
		}
		var b strings.Builder
		for i := first; i < min(n, first+size); i++ {
			b.WriteString(snapshotItem(fmt.Sprintf("snap-%08x", i), "vol-0a0a0a0a", "<encrypted>false</encrypted>"))
		}
		next := ""
		if first+size < n {
			next = "<nextToken>" + strconv.Itoa(first+size) + "</nextToken>"
		}
		return ec2Body("DescribeSnapshots", "<snapshotSet>"+b.String()+"</snapshotSet>"+next)(q)
	}
	f.answers["ec2:DescribeSnapshots#public"] = ec2Body("DescribeSnapshots", "<snapshotSet>"+snapshotItem("snap-00000007", "vol-0a0a0a0a", "")+"</snapshotSet>")
	f.answers["ec2:DescribeSnapshotAttribute"] = ec2Body("DescribeSnapshotAttribute", "<createVolumePermission><item><group>all</group></item></createVolumePermission>")
}

// TestBudget holds the promise: 10,000 snapshots, inventory and public verdict,
// in 11 calls and one more for each public one.
//
// It runs alone: its pages are large, and a page that is cut short on a busy
// machine would be read again, which is right and not what is counted here.
func TestBudget(t *testing.T) {
	f := newFake(t)
	crowd(f, 10_000)
	ledger := &cloud.Ledger{}
	c := f.collector(t, cloud.Options{Ledger: ledger, Shares: cloud.SharesSkip})
	c.base.HTTPClient = awshttp.NewBuildableClient().WithTimeout(time.Minute) // a retry would count, too
	c.tune.attempts = 5
	sink := cloudtest.Collect(t, c)
	got := make(map[string]int)
	for _, tally := range ledger.Tallies() {
		got[tally.Operation] = tally.Count - tally.Retried
	}
	if got["DescribeSnapshots"] > 11 || got["DescribeSnapshotAttribute"] != 1 {
		t.Errorf("%d calls to list (%d pages, %d for public ones) and %d to confirm, want at most 11 and 1", got["DescribeSnapshots"],
			f.count(callSnapshots), f.count(callSnapshots+"#public"), got["DescribeSnapshotAttribute"])
	}
	t.Logf("%d calls list 10,000 snapshots and the public ones among them (goal 11), %d confirm", got["DescribeSnapshots"], got["DescribeSnapshotAttribute"])
	snapshots, public := 0, 0
	for _, a := range sink.Assets() {
		if a.Ref.Kind == lenscap.KindDiskSnapshot {
			snapshots++
			public += len(a.Grants)
		}
	}
	if snapshots != 10_003 || public != 1 { // one in the recycle bin, two of Lightsail
		t.Errorf("%d snapshots, %d public, want 10003 and 1; gaps %+v", snapshots, public, sink.AllGaps())
	}
}

func BenchmarkSnapshots(b *testing.B) {
	f := newFake(b)
	crowd(f, 10_000)
	ledger := &cloud.Ledger{}
	c := f.collector(b, cloud.Options{Ledger: ledger, Shares: cloud.SharesSkip})
	c.base.HTTPClient = awshttp.NewBuildableClient().WithTimeout(time.Minute)
	scopes, err := c.Scopes(b.Context(), &cloudtest.Sink{})
	if err != nil {
		b.Fatal(err)
	}
	before := ledger.Total()
	for b.Loop() {
		if err := c.Collect(b.Context(), scopes[0], &cloudtest.Sink{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(ledger.Total()-before)/float64(b.N), "calls/op")
}
