package inventory_test

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/inventory"
)

func ref(kind lenscap.Kind, id string) lenscap.Ref {
	return lenscap.Ref{Provider: "aws", Account: "111122223333", Region: "eu-west-1", Kind: kind, ID: id}
}

func TestRecordingRoundTrip(t *testing.T) {
	t.Parallel()
	snap := ref(lenscap.KindDiskSnapshot, "snap-1")
	assets := []lenscap.Asset{
		{Ref: snap, Name: "快照", Size: 1 << 33},
		{Ref: ref(lenscap.KindMachineImage, "ami-1"), Lineage: lenscap.Lineage{Parts: []lenscap.Ref{snap}}},
		{Ref: ref(lenscap.KindBackupVault, "vault")},
	}
	run := lenscap.Run{ID: "r1", Status: lenscap.RunPartial}
	context := inventory.Context{
		Guards:   []lenscap.Guard{{Name: "g", Provider: "aws", Account: "111122223333", Region: "eu-west-1", Effect: lenscap.GuardOff}},
		Gaps:     []lenscap.Gap{{Provider: "aws", Aspect: lenscap.AspectTrust, Cause: lenscap.CauseDenied}},
		Coverage: []lenscap.Coverage{{Provider: "aws", Account: "111122223333", Kind: lenscap.KindVolume, State: lenscap.CoverageFailed}},
	}
	for _, name := range []string{"inventory.jsonl", "inventory.jsonl.gz"} {
		file := filepath.Join(t.TempDir(), name)
		err := inventory.Record(t.Context(), file, run, map[string]inventory.Context{"aws/1/eu-west-1": context}, func(fn func(lenscap.Asset) error) error {
			for _, a := range assets {
				if err := fn(a); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := inventory.OpenRecording(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []lenscap.Asset
		if err := rec.Each(t.Context(), func(a lenscap.Asset) error { got = append(got, a); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(assets, got); diff != "" {
			t.Errorf("%s: assets (-want +got):\n%s", name, diff)
		}
		want := run
		want.Gaps, want.Coverage = context.Gaps, context.Coverage
		if diff := cmp.Diff(want, rec.Run()); diff != "" {
			t.Errorf("%s: run (-want +got):\n%s", name, diff)
		}
		if n := len(rec.View().Carriers(snap)); n != 1 {
			t.Errorf("%s: %d carriers of the snapshot, want 1", name, n)
		}
		if rec.View().Vault(ref(lenscap.KindBackupVault, "vault")) == nil {
			t.Errorf("%s: the vault is missing from the view", name)
		}
	}
}

func TestRecordingErrors(t *testing.T) {
	t.Parallel()
	head := `{"format":"lenscap-inventory","version":1,"run":{"id":"r"}}` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "is empty"},
		"other format": {`{"format":"x","version":1,"run":{}}`, ":1: format"},
		"newer":        {`{"format":"lenscap-inventory","version":2,"run":{}}`, ":1: version"},
		"no header":    {`{"asset":{}}`, ":1: expected the header"},
		"cut between":  {head, "cut short: expected a last line"},
		"lacks assets": {head + `{"end":1}`, "cut short: its end tells of 1"},
		"cut":          {head + `{"scope":"a","context":{"guards":[`, ":2:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "r.jsonl")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := inventory.OpenRecording(file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not tell %q", err, c.want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "r.jsonl")
	for _, bad := range []string{`{"asset":null}`, `{"asset":{"size":"big"}}`, `{"asset":{`} {
		if err := os.WriteFile(file, []byte(head+bad+"\n"+`{"end":1}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		rec, err := inventory.OpenRecording(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Each(t.Context(), func(lenscap.Asset) error { return nil }); err == nil || !strings.Contains(err.Error(), ":2:") {
			t.Errorf("%s: error %v does not name the line", bad, err)
		}
	}
}

// TestRecordingCutGzip holds that a truncated archive is an error, not an end.
func TestRecordingCutGzip(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(`{"format":"lenscap-inventory","version":1,"run":{"id":"r"}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "r.jsonl.gz")
	if err := os.WriteFile(file, []byte(b.String()[:b.Len()-6]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inventory.OpenRecording(file); err == nil {
		t.Error("a truncated recording was opened")
	}
}

func TestViewPlaces(t *testing.T) {
	t.Parallel()
	v := inventory.NewView()
	v.Add(inventory.Context{
		Guards: []lenscap.Guard{
			{Name: "region", Provider: "aws", Account: "111122223333", Region: "eu-west-1"},
			{Name: "account", Provider: "aws", Account: "111122223333"},
			{Name: "cloud", Provider: "aws"},
			{Name: "asset", Provider: "aws", Asset: "snap-1"},
			{Name: "other region", Provider: "aws", Account: "111122223333", Region: "us-east-1"},
			{Name: "other asset", Provider: "aws", Asset: "snap-2"},
		},
		Gaps: []lenscap.Gap{
			{Aspect: lenscap.AspectGrants, Message: "everything"},
			{Provider: "aws", Kinds: []lenscap.Kind{lenscap.KindVolume}, Message: "volumes"},
			{Provider: "aws", Account: "111122223333", Asset: "snap-1", Message: "asset"},
			{Provider: "gcp", Message: "another cloud"},
		},
		Keys: []lenscap.Key{{Ref: lenscap.Ref{ID: "arn:aws:kms:eu-west-1:1:key/k1"}, Aliases: []string{"alias/a", "k1"}}},
	})
	var guards, gaps []string
	r := ref(lenscap.KindDiskSnapshot, "snap-1")
	v.Guards(r, func(g *lenscap.Guard) { guards = append(guards, g.Name) })
	v.Gaps(r, func(g *lenscap.Gap) { gaps = append(gaps, g.Message) })
	if diff := cmp.Diff([]string{"region", "account", "cloud", "asset"}, guards); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"everything", "asset"}, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	for _, name := range []string{"k1", "alias/a", "arn:aws:kms:eu-west-1:1:key/k1"} {
		if v.Key(name) == nil {
			t.Errorf("Key(%q) = nil", name)
		}
	}
	if v.Key("alias/b") != nil || v.Key("") != nil || v.Key("arn:aws:kms:us-east-1:1:key/k1") != nil {
		t.Error("an unknown key was found")
	}
	// What belongs to no region and no account is asked once only.
	n := 0
	v.Guards(lenscap.Ref{Provider: "aws"}, func(*lenscap.Guard) { n++ })
	if n != 1 {
		t.Errorf("%d guards for the cloud itself, want 1", n)
	}
}
