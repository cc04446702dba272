package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/store/sqlite"
)

func open(t *testing.T) (s *sqlite.Store, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "s.db")
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, file
}

func put(t *testing.T, s *sqlite.Store, run string, a lenscap.Asset) {
	t.Helper()
	if err := s.PutAssets(t.Context(), run, []lenscap.Asset{a}); err != nil {
		t.Fatal(err)
	}
}

func TestFirstSeenStays(t *testing.T) {
	t.Parallel()
	s, file := open(t)
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	first := func() (ns int64) {
		if err := db.QueryRowContext(t.Context(), "SELECT first_seen FROM assets").Scan(&ns); err != nil {
			t.Fatal(err)
		}
		return ns
	}
	a := lenscap.Asset{Ref: lenscap.Ref{Provider: "aws", Kind: lenscap.KindVolume, ID: "v"}}
	put(t, s, "r1", a)
	was := first()
	put(t, s, "r2", a)
	if now := first(); was == 0 || now != was {
		t.Errorf("first seen %d, then %d: want the same", was, now)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	acl := lenscap.Grant{Principal: lenscap.Principal{Type: lenscap.Account, ID: "777788889999"}, Allows: []lenscap.Access{lenscap.AccessRead}, Path: lenscap.PathACL}
	policy := acl
	policy.Path = lenscap.PathPolicy
	read := lenscap.Asset{Ref: lenscap.Ref{Provider: "aws", Kind: lenscap.KindDiskSnapshot, ID: "read"}, Grants: []lenscap.Grant{acl, policy}, SharesReadAt: at}
	never := lenscap.Asset{Ref: lenscap.Ref{Provider: "aws", Kind: lenscap.KindDiskSnapshot, ID: "never"}, Grants: []lenscap.Grant{acl}}
	put(t, s, "r1", read)
	put(t, s, "r1", never)

	grants, when, ok := s.Shares(t.Context(), read.Ref)
	if !ok || !when.Equal(at) {
		t.Errorf("Shares: %v, %v, want %v, true", when, ok, at)
	}
	if diff := cmp.Diff([]lenscap.Grant{acl}, grants); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	for _, ref := range []lenscap.Ref{never.Ref, {Provider: "aws", Kind: lenscap.KindVolume, ID: "none"}} {
		if grants, _, ok := s.Shares(t.Context(), ref); ok || grants != nil {
			t.Errorf("Shares(%s): %v, %v, want nothing: the list was never read", ref, grants, ok)
		}
	}
}
