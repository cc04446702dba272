package aws

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/cloud/cloudtest"
)

const member = "777788889999"

// withMember adds an account that can be entered by the role "reader".
func withMember(f *fake) {
	who := f.answers["sts:GetCallerIdentity"]
	f.answers["sts:GetCallerIdentity"] = func(q *query) string {
		if strings.Contains(q.Header.Get("Authorization"), "ASIAMEMBER") {
			return strings.ReplaceAll(who(q), self, member)
		}
		return who(q)
	}
	f.answers["sts:AssumeRole"] = func(q *query) string {
		key := "ASIAMEMBER"
		if q.Form.Get("RoleArn") != "arn:aws:iam::"+member+":role/reader" {
			key = "ASIAELSEWHERE"
		}
		return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>` + key +
			`</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
	}
	f.answers["organizations:ListAccounts"] = jsonBody(`{"Accounts":[{"Id":"`+self+`","Status":"ACTIVE","Paths":["o-a1/r-b2/`+self+`/"]},
		{"Id":"`+member+`","Status":"ACTIVE","Paths":["o-a1/r-b2/ou-b2-c3/ou-b2-d4/`+member+`/"]},
		{"Id":"444455556666","Status":"SUSPENDED","Paths":["o-a1/r-b2/"]}]}`, "NextToken")
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts   cloud.Options
		faults map[string]fault
		want   []string // account/region
		gaps   []string // account/region aspect cause
	}{
		"own account": {cloud.Options{}, nil, []string{self + "/us-east-1"}, nil},
		"disabled region asked for": {
			cloud.Options{Regions: []string{"af-south-1", "us-east-1", "us-east-1", "mars-1"}},
			nil,
			[]string{self + "/us-east-1"},
			[]string{self + "/af-south-1 assets region_disabled", self + "/mars-1 assets region_disabled"},
		},
		"regions denied": {
			cloud.Options{},
			map[string]fault{"ec2:DescribeRegions": denied},
			[]string{self + "/us-east-1"},
			[]string{self + "/ assets denied"},
		},
		"regions denied, some asked for": {
			cloud.Options{Regions: []string{"eu-west-1"}},
			map[string]fault{"ec2:DescribeRegions": denied},
			[]string{self + "/eu-west-1"},
			[]string{self + "/ assets denied"},
		},
		"organization": {
			cloud.Options{Organization: true, AssumeRole: "reader"},
			nil,
			[]string{self + "/us-east-1", member + "/us-east-1"},
			[]string{"444455556666/ assets not_read"},
		},
		"organization denied": {
			cloud.Options{Organization: true},
			map[string]fault{"organizations:ListAccounts": denied},
			[]string{self + "/us-east-1"},
			[]string{"/ assets denied", "/ trust denied"},
		},
		"organization garbled": {
			cloud.Options{},
			map[string]fault{"organizations:DescribeOrganization": garbled},
			[]string{self + "/us-east-1"},
			[]string{"/ trust malformed"},
		},
		"organization repeats": {
			cloud.Options{},
			map[string]fault{"organizations:ListAccounts": repeating},
			[]string{self + "/us-east-1"},
			[]string{"/ trust truncated"},
		},
		"named account": {
			cloud.Options{Accounts: []string{member}, AssumeRole: "arn:aws:iam::{account}:role/reader"},
			nil,
			[]string{member + "/us-east-1"},
			nil,
		},
		"named account, no role": {
			cloud.Options{Accounts: []string{member}}, nil, nil, []string{member + "/ assets error"},
		},
		"role into another account": {
			cloud.Options{Accounts: []string{member}, AssumeRole: "stray"}, nil, nil, []string{member + "/ assets error"},
		},
		"role denied": {
			cloud.Options{Accounts: []string{self, member}, AssumeRole: "reader"},
			map[string]fault{"sts:AssumeRole": denied},
			[]string{self + "/us-east-1"},
			[]string{member + "/ assets denied"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			withMember(f)
			for op, how := range c.faults {
				f.fail(op, how)
			}
			sink := &cloudtest.Sink{}
			scopes, err := f.collector(t, c.opts).Scopes(t.Context(), sink)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range scopes {
				got = append(got, s.Account+"/"+s.Region)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
			var gaps []string
			for _, g := range sink.Gaps() {
				gaps = append(gaps, fmt.Sprintf("%s/%s %s %s", g.Account, g.Region, g.Aspect, g.Cause))
			}
			slices.Sort(gaps)
			if diff := cmp.Diff(c.gaps, gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAssumeRole reads another account through its role.
func TestAssumeRole(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	withMember(f)
	ledger := &cloud.Ledger{}
	sink := cloudtest.Collect(t, f.collector(t, cloud.Options{Accounts: []string{member}, AssumeRole: "reader", Ledger: ledger}))
	if a, ok := sink.Find("vol-0a0a0a0a"); !ok || a.Ref.Account != member {
		t.Errorf("volume %+v, want one of %s", a.Ref, member)
	}
	for _, m := range sink.Members() {
		want := map[string][]string{member: {"ou-b2-c3", "ou-b2-d4"}}[m.Account]
		if !slices.Equal(m.OUs, want) {
			t.Errorf("%s is in %v, want %v", m.Account, m.OUs, want)
		}
	}
	if !slices.ContainsFunc(ledger.Tallies(), func(l cloud.Tally) bool { return l.Operation == "AssumeRole" && l.Account == self }) {
		t.Error("the ledger lacks the call that assumes the role")
	}
}

func TestNoOrganization(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	sink := &cloudtest.Sink{}
	c := f.collector(t, cloud.Options{})
	f.refuse("organizations:DescribeOrganization", "AWSOrganizationsNotInUseException")
	if _, err := c.Scopes(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	want := []lenscap.Membership{{Provider: Provider, Account: self}}
	if diff := cmp.Diff(want, sink.Members()); diff != "" || len(sink.Gaps()) > 0 {
		t.Errorf("members (-want +got):\n%s\ngaps %+v", diff, sink.Gaps())
	}
}

// TestNoCredentials is the one failure that makes every further step useless.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.fail("sts:GetCallerIdentity", denied)
	if _, err := f.collector(t, cloud.Options{}).Scopes(t.Context(), &cloudtest.Sink{}); err == nil {
		t.Error("no error")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]cloud.Options{
		"account": {Accounts: []string{"12345"}},
		"role":    {AssumeRole: "arn:aws:iam::111122223333:role/x"},
		"shares":  {Shares: "some"},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRoleARN(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"reader":                                "arn:aws-cn:iam::777788889999:role/reader",
		"/path/reader":                          "arn:aws-cn:iam::777788889999:role/path/reader",
		"arn:aws:iam::{account}:role/a/b":       "arn:aws:iam::777788889999:role/a/b",
		"arn:aws:iam::{account}:role/{account}": "arn:aws:iam::777788889999:role/777788889999",
	} {
		if got := roleARN(pattern, "aws-cn", member); got != want {
			t.Errorf("roleARN(%q) = %q, want %q", pattern, got, want)
		}
	}
}
