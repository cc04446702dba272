package aws

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/cloudtest"
)

// memory is a Prior that knows the same list for every asset.
type memory struct {
	at     time.Time
	grants []lenscap.Grant
}

func (m memory) Shares(context.Context, lenscap.Ref) ([]lenscap.Grant, time.Time, bool) {
	return m.grants, m.at, true
}

func causesOf(gaps []lenscap.Gap) []lenscap.Cause {
	var out []lenscap.Cause
	for _, g := range gaps {
		out = append(out, g.Cause)
	}
	return out
}

func TestShares(t *testing.T) {
	t.Parallel()
	earlier := lenscap.Grant{
		Principal: lenscap.Principal{Type: lenscap.Account, ID: "777788889999"},
		Allows:    []lenscap.Access{lenscap.AccessRead}, Path: lenscap.PathACL,
		Proof: lenscap.Proof{Call: callSnapshotPerms, At: testNow.Add(-time.Hour)},
	}
	wasPublic := earlier
	wasPublic.Principal = lenscap.Principal{Type: lenscap.AnyCustomer}
	young, old := testNow.Add(-time.Hour), testNow.Add(-100*time.Hour)
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		opts   cloud.Options
		fault  fault
		want   []string // principals of snapGiven
		readAt time.Time
		causes []lenscap.Cause
	}{
		"first time":       {cloud.Options{}, "", []string{"account " + outsider}, testNow, nil},
		"left out":         {cloud.Options{Shares: cloud.SharesSkip}, "", []string{}, time.Time{}, []lenscap.Cause{lenscap.CauseNotRead}},
		"young enough":     {cloud.Options{SharesMaxAge: day, Prior: memory{young, []lenscap.Grant{earlier}}}, "", []string{"account 777788889999"}, young, nil},
		"too old":          {cloud.Options{SharesMaxAge: day, Prior: memory{old, []lenscap.Grant{earlier}}}, "", []string{"account " + outsider}, testNow, nil},
		"all anew":         {cloud.Options{SharesMaxAge: day, Shares: cloud.SharesAll, Prior: memory{young, []lenscap.Grant{earlier}}}, "", []string{"account " + outsider}, testNow, nil},
		"was public":       {cloud.Options{SharesMaxAge: day, Prior: memory{young, []lenscap.Grant{wasPublic}}}, "", []string{"account " + outsider}, testNow, nil},
		"denied":           {cloud.Options{}, denied, []string{}, time.Time{}, []lenscap.Cause{lenscap.CauseDenied}},
		"denied, but once": {cloud.Options{SharesMaxAge: day, Prior: memory{old, []lenscap.Grant{earlier}}}, denied, []string{"account 777788889999"}, old, []lenscap.Cause{lenscap.CauseDenied, lenscap.CauseStale}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			if c.fault != "" {
				f.fail(callSnapshotPerms, c.fault)
			}
			sink := cloudtest.Collect(t, f.collector(t, c.opts))
			a, _ := sink.Find(snapGiven)
			if diff := cmp.Diff(c.want, who(a)); diff != "" {
				t.Errorf("grants (-want +got):\n%s", diff)
			}
			if !a.SharesReadAt.Equal(c.readAt) {
				t.Errorf("read at %s, want %s", a.SharesReadAt, c.readAt)
			}
			if diff := cmp.Diff(c.causes, causesOf(a.Gaps)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPatience stops asking after some refusals in a row; what was not asked is
// unknown for the same reason.
func TestPatience(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	crowd(f, 300)
	f.fail(callSnapshotPerms, denied)
	sink := cloudtest.Collect(t, f.collector(t, cloud.Options{}))
	if n := f.count(callSnapshotPerms); n > patience+inFlight {
		t.Errorf("%d calls that were all denied, want about %d", n, patience)
	}
	n := 0
	for _, a := range sink.Assets() {
		if a.Ref.Kind == lenscap.KindDiskSnapshot && slices.Contains(causesOf(a.Gaps), lenscap.CauseDenied) {
			n++
		}
	}
	if n != 300 {
		t.Errorf("%d of 300 snapshots are unknown because of it, want all", n)
	}
	hit, _ := sink.Find("snap-00000007")
	if diff := cmp.Diff([]string{"any_customer"}, who(hit)); diff != "" {
		t.Errorf("public by the bulk call (-want +got):\n%s", diff)
	}
}
