package aws

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestForm(t *testing.T) {
	t.Parallel()
	read := func(s string) form {
		v, err := url.ParseQuery(s)
		if err != nil {
			t.Fatal(err)
		}
		return form(v)
	}
	f := read("Owner.1=self&Owner.2=amazon&Names.member.1=a&Ids.SnapshotId.1=x&Filter.1.Name=state&Filter.1.Value.1=ok&Filter.1.Value.2=no&Filters.Filter.1.Name=f&Filters.Filter.1.Values.Value.1=g&A.Add.1.UserId=1&Big.99999999999999999999=x")
	for name, want := range map[string][]string{"Owner": {"self", "amazon"}, "Names": {"a"}, "Ids": {"x"}, "None": nil, "Big": nil} {
		if d := cmp.Diff(want, f.List(name)); d != "" {
			t.Errorf("list %s: %s", name, d)
		}
	}
	if got := f.Filters(); len(got) != 1 || got[0].name != "state" || len(got[0].values) != 2 {
		t.Errorf("filters %+v", got)
	}
	delete(f, "Filter.1.Name")
	delete(f, "Filter.1.Value.1")
	delete(f, "Filter.1.Value.2")
	if got := f.Filters(); len(got) != 1 || got[0].name != "f" || got[0].values[0] != "g" {
		t.Errorf("filters of RDS %+v", got)
	}
	if got := f.Sub("A").Structs("Add"); len(got) != 1 || got[0].Get("UserId") != "1" {
		t.Errorf("structures %+v", got)
	}
}

func TestMatchPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, path string
		want          map[string]string
	}{
		{"/snapshots/{id}/blocks/{n}", "/snapshots/snap-1/blocks/7", map[string]string{"id": "snap-1", "n": "7"}},
		{"/snapshots/{id}/blocks", "/snapshots/snap-1/blocks/7", nil},
		{"/tags/{arn}", "/tags/arn%3Aaws%3Ax%2Fy", map[string]string{"arn": "arn:aws:x/y"}},
		{"/{bucket}/{key...}", "/b/a/b%20c", map[string]string{"bucket": "b", "key": "a/b c"}},
		{"/{bucket}", "/b/", map[string]string{"bucket": "b"}},
	} {
		got, ok := matchPath(c.pattern, c.path)
		if ok != (c.want != nil) || ok && !cmp.Equal(got, c.want) {
			t.Errorf("%s against %s: %v, %v; want %v", c.path, c.pattern, got, ok, c.want)
		}
	}
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{{"web-*", "web-1", true}, {"*-1", "web-1", true}, {"w?b*1", "web-x-1", true}, {"web", "web-1", false}, {"*", "", true}, {"?", "", false}, {"a*b*c", "aXbYd", false}} {
		if got := wildcard(c.pattern, c.s); got != c.want {
			t.Errorf("%q against %q: %v", c.s, c.pattern, got)
		}
	}
}

func TestAccessKeyNamesItsAccount(t *testing.T) {
	t.Parallel()
	k := fixedKey("111122223333")
	if len(k.id) != 20 || len(k.secret) != 40 || !strings.HasPrefix(k.id, "AKIA") {
		t.Errorf("key id of %d characters, secret of %d", len(k.id), len(k.secret))
	}
	if other := fixedKey("444455556666"); other.id == k.id || other.secret == k.secret {
		t.Error("two accounts have the same keys")
	}
}

func TestTrailIsBounded(t *testing.T) {
	t.Parallel()
	var tr trail
	for range maxTrail + 5 {
		tr.add(Event{})
	}
	if len(tr.events) != maxTrail || tr.next != 5 {
		t.Errorf("%d events, next %d", len(tr.events), tr.next)
	}
}

// FuzzRequest: no request, however odd, makes the lab fail.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0", "Action=DescribeSnapshots&Filter.1.Name=x")
	f.Add("GET", "/snapshots/snap-1/blocks/1?blockToken=x", "", "")
	f.Add("POST", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/b/c/kms/aws4_request", "", "{}")
	lab := &Lab{services: services(), world: newWorld(time.Now), now: time.Now}
	lab.world.AddAccount("111122223333", "a")
	f.Fuzz(func(t *testing.T, method, target, auth, body string) {
		u, err := url.Parse(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(method, " \x00") {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set("Authorization", auth)
		w := httptest.NewRecorder()
		lab.ServeHTTP(w, r)
		if w.Code < 400 {
			t.Errorf("a request that nobody signed: status %d", w.Code)
		}
		// What the operations read of it, signed or not.
		form := readForm(r, []byte(body))
		form.Filters()
		for name := range form {
			form.List(name)
			form.Structs(name)
		}
	})
}
