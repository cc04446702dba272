package cloudtest

import (
	"context"
	"errors"
	"testing"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// errSink is what the suite's failing sink says.
var errSink = errors.New("the sink is full")

// Run holds a collector to what [cloud.Collector] promises. fresh gives a new
// collector over an account that is not empty and answers every call.
func Run(t *testing.T, fresh func(t *testing.T) cloud.Collector) {
	t.Helper()
	t.Run("reads", func(t *testing.T) { reads(t, fresh(t)) })
	t.Run("stops when cancelled", func(t *testing.T) { cancelled(t, fresh(t)) })
	t.Run("stops when the sink fails", func(t *testing.T) { full(t, fresh(t)) })
	t.Run("permissions", func(t *testing.T) { permissions(t, fresh(t)) })
}

// Collect reads every scope of a collector into a sink.
func Collect(t *testing.T, c cloud.Collector) *Sink {
	t.Helper()
	sink := &Sink{}
	scopes, err := c.Scopes(t.Context(), sink)
	if err != nil {
		t.Fatalf("scopes: %v", err)
	}
	for _, s := range scopes {
		if err := c.Collect(t.Context(), s, sink); err != nil {
			t.Fatalf("collect %+v: %v", s, err)
		}
	}
	return sink
}

func reads(t *testing.T, c cloud.Collector) {
	sink := Collect(t, c)
	if len(sink.Assets()) == 0 {
		t.Error("no assets")
	}
	seen := make(map[lenscap.Ref]bool)
	count := make(map[lenscap.Coverage]int)
	for _, a := range sink.Assets() {
		checkAsset(t, c.Provider(), a)
		if seen[a.Ref] {
			t.Errorf("%s was given twice", a.Ref)
		}
		seen[a.Ref] = true
		count[lenscap.Coverage{Provider: a.Ref.Provider, Account: a.Ref.Account, Region: a.Ref.Region, Kind: a.Ref.Kind}]++
	}
	closed := make(map[lenscap.Coverage]int)
	for _, cov := range sink.Coverage() {
		key := lenscap.Coverage{Provider: cov.Provider, Account: cov.Account, Region: cov.Region, Kind: cov.Kind}
		if _, twice := closed[key]; twice {
			t.Errorf("%s in %s/%s was closed twice", cov.Kind, cov.Account, cov.Region)
		}
		closed[key] = cov.Assets
	}
	for key, n := range count {
		if got, ok := closed[key]; !ok || got != n {
			t.Errorf("%s in %s/%s: closed with %d assets (closed: %v), %d were given", key.Kind, key.Account, key.Region, got, ok, n)
		}
	}
	for _, g := range sink.AllGaps() {
		if g.Provider != c.Provider() || g.Cause == "" || g.Aspect == "" {
			t.Errorf("a gap lacks provider, cause or aspect: %+v", g)
		}
	}
}

func checkAsset(t *testing.T, provider string, a lenscap.Asset) {
	t.Helper()
	if a.Ref.Provider != provider || a.Ref.Account == "" || a.Ref.ID == "" || a.Ref.Kind == "" {
		t.Errorf("incomplete reference %+v", a.Ref)
	}
	for _, g := range a.Grants {
		if g.Principal.Type == "" || len(g.Allows) == 0 || g.Path == "" || g.Proof.Call == "" || g.Proof.At.IsZero() {
			t.Errorf("%s: a grant lacks principal, access, path or proof: %+v", a.Ref, g)
		}
	}
	for _, g := range a.Gaps {
		if g.Asset != a.Ref.ID {
			t.Errorf("%s: its gap is about %q", a.Ref, g.Asset)
		}
	}
}

func cancelled(t *testing.T, c cloud.Collector) {
	sink := &Sink{}
	scopes, err := c.Scopes(t.Context(), sink)
	if err != nil || len(scopes) == 0 {
		t.Fatalf("scopes: %d, %v", len(scopes), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := len(sink.Coverage())
	if err := c.Collect(ctx, scopes[0], sink); !errors.Is(err, context.Canceled) {
		t.Errorf("collect after cancel: %v, want context.Canceled", err)
	}
	if len(sink.Coverage()) != before {
		t.Error("a cancelled scope was closed")
	}
}

func full(t *testing.T, c cloud.Collector) {
	scopes, err := c.Scopes(t.Context(), &Sink{})
	if err != nil || len(scopes) == 0 {
		t.Fatalf("scopes: %d, %v", len(scopes), err)
	}
	if err := c.Collect(t.Context(), scopes[0], &Sink{Fail: errSink}); !errors.Is(err, errSink) {
		t.Errorf("collect into a failing sink: %v, want its error", err)
	}
}

func permissions(t *testing.T, c cloud.Collector) {
	p, ok := c.(cloud.Permitter)
	if !ok {
		t.Skip("the collector lists no permissions")
	}
	seen := make(map[string]bool)
	for _, perm := range p.Permissions() {
		if perm.Action == "" || perm.Feature == "" || perm.Why.En == "" || perm.Why.Zh == "" {
			t.Errorf("incomplete permission %+v", perm)
		}
		if key := perm.Feature + " " + perm.Action; seen[key] {
			t.Errorf("%s is listed twice", key)
		} else {
			seen[key] = true
		}
	}
	if doc, err := p.Policy(); err != nil || len(doc) == 0 {
		t.Errorf("policy of all features: %d bytes, %v", len(doc), err)
	}
	if _, err := p.Policy("no such feature"); err == nil {
		t.Error("a policy for an unknown feature: no error")
	}
}
