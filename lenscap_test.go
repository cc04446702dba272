package lenscap_test

import (
	"testing"

	"github.com/lenscap/lenscap"
)

func TestRefRoundTrip(t *testing.T) {
	t.Parallel()
	seen := make(map[string]lenscap.Ref)
	for _, r := range []lenscap.Ref{
		{Provider: "aws", Account: "111122223333", Region: "eu-west-1", Kind: lenscap.KindDiskSnapshot, ID: "snap-1"},
		{Provider: "aws", Account: "111122223333", Kind: lenscap.KindBackup, ID: "arn:aws:backup:eu-west-1:1:recovery-point:x"},
		{Provider: "gcp", Account: "example.com:web", Kind: lenscap.KindMachineImage, ID: "a"},
		{Provider: "gcp", Account: "example.com%3Aweb", Kind: lenscap.KindMachineImage, ID: "a"},
		{Provider: "gcp", Account: "example.com", Region: "web", Kind: lenscap.KindMachineImage, ID: "a"},
		{Provider: "file", Kind: lenscap.KindDiskObject, ID: "/tmp/名 %:"},
	} {
		s := r.String()
		if other, dup := seen[s]; dup {
			t.Errorf("%+v and %+v are both %q", other, r, s)
		}
		seen[s] = r
		got, err := lenscap.ParseRef(s)
		if err != nil || got != r {
			t.Errorf("ParseRef(%q) = %+v, %v; want %+v", s, got, err, r)
		}
	}
	for _, bad := range []string{"", "a", "a:b:c:d", "a:b:c:d:", ":b:c:d:e"} {
		if _, err := lenscap.ParseRef(bad); err == nil {
			t.Errorf("ParseRef(%q): no error", bad)
		}
	}
}

func TestParseLang(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]lenscap.Lang{"en": "en", "zh": "zh", "zh_CN.UTF-8": "zh", "EN-gb": "en"} {
		if got, ok := lenscap.ParseLang(s); !ok || got != want {
			t.Errorf("ParseLang(%q) = %q, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "C", "de", "zhx", "english"} {
		if _, ok := lenscap.ParseLang(s); ok {
			t.Errorf("ParseLang(%q) is ok", s)
		}
	}
}

func TestGapCovers(t *testing.T) {
	t.Parallel()
	r := lenscap.Ref{Provider: "aws", Account: "1", Region: "eu-west-1", Kind: lenscap.KindVolume, ID: "v"}
	for _, c := range []struct {
		gap  lenscap.Gap
		want bool
	}{
		{lenscap.Gap{}, true},
		{lenscap.Gap{Provider: "gcp"}, false},
		{lenscap.Gap{Account: "2"}, false},
		{lenscap.Gap{Region: "us-east-1"}, false},
		{lenscap.Gap{Kinds: []lenscap.Kind{lenscap.KindBackup}}, false},
		{lenscap.Gap{Kinds: []lenscap.Kind{lenscap.KindBackup, lenscap.KindVolume}}, true},
		{lenscap.Gap{Asset: "w"}, false},
		{lenscap.Gap{Provider: "aws", Account: "1", Region: "eu-west-1", Asset: "v"}, true},
	} {
		if got := c.gap.Covers(r); got != c.want {
			t.Errorf("%+v covers: %v, want %v", c.gap, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"fail_on", "content", "rate"}
	for word, want := range map[string]string{"fial_on": "fail_on", "contents": "content", "zzzzzz": "", "rte": "rate"} {
		if got := lenscap.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
