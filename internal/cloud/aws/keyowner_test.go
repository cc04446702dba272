package aws

import (
	"errors"
	"net/http"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	labaws "github.com/lenscap/lenscap/internal/lab/aws"
)

// TestKeyOwner asks the simulated cloud whose keys are, with every right that
// the policy lists for it and no other.
func TestKeyOwner(t *testing.T) {
	t.Parallel()
	const account, regionName = "111122223333", "us-east-1"
	used := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	lab, err := labaws.Start(t.Context(), labaws.Options{Fill: func(w *labaws.World) error {
		a := w.AddAccount(account, "production")
		a.AddUserKey(labaws.UserKey{ID: "AKIARTX3GSDS567OKITU", User: "deploy", LastUsed: used})
		a.AddUserKey(labaws.UserKey{ID: "AKIARTX3GSDSTC7X3HSD", User: "deploy", Inactive: true})
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lab.Close() })
	ledger := &cloud.Ledger{}
	c, err := New(cloud.Options{Rate: 1e6, Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	id, secret := lab.Keys(account)
	c.base = &awssdk.Config{
		Region: regionName, BaseEndpoint: awssdk.String(lab.Endpoint()), HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""), Retryer: c.retryer,
	}
	for _, x := range []struct {
		name, kind, id string
		want           lenscap.KeyOwner
		none, partly   bool
	}{
		{name: "active", kind: "aws_access_key", id: "AKIARTX3GSDS567OKITU", want: lenscap.KeyOwner{Account: account, Name: "deploy", Active: lenscap.Yes, LastUsed: used}},
		{name: "retired", kind: "aws_access_key", id: "AKIARTX3GSDSTC7X3HSD", want: lenscap.KeyOwner{Account: account, Name: "deploy", Active: lenscap.No}},
		{name: "deleted", kind: "aws_access_key", id: "AKIARTX3GSDS4DUY4ZUM", want: lenscap.KeyOwner{Account: account}, partly: true},
		{name: "temporary", kind: "aws_access_key", id: "ASIARTX3GSDS4DUY4ZUM", want: lenscap.KeyOwner{Account: account}},
		{name: "no key", kind: "aws_access_key", id: "deploy", none: true},
		{name: "another kind", kind: "github_token", id: "AKIARTX3GSDS567OKITU", none: true},
	} {
		got, err := c.KeyOwner(t.Context(), x.kind, x.id)
		if errors.Is(err, cloud.ErrNoSuchKey) != x.none || err != nil != (x.none || x.partly) {
			t.Errorf("%s: %v", x.name, err)
		}
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
	called := map[string]bool{}
	for _, tally := range ledger.Tallies() {
		called[actionOf(tally.Service, tally.Operation)] = true
	}
	for action, why := range uncalled() {
		if why == keyOwnerTest && !called[action] {
			t.Errorf("%s is in the policy and was never called", action)
		}
	}
}
