package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap/internal/config"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadLayers(t *testing.T) {
	t.Parallel()
	file := write(t, `
lang: zh
trust:
  accounts: ["123456789012"]
scan:
  fail_on: medium
  shares_max_age: 12h
`)
	got, err := config.Load(file, []string{"LENSCAP_SCAN_FAIL_ON=low", "LENSCAP_AWS_REGIONS=eu-west-1, us-east-1", "HOME=/x"})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Lang = "zh"
	want.Trust.Accounts = []string{"123456789012"}
	want.Scan.FailOn = "low"
	want.Scan.SharesMaxAge = 12 * time.Hour
	want.AWS.Regions = []string{"eu-west-1", "us-east-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestLoadEmptyFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "scan:\n  # rate: 1\n", "lang: en\nscan:\n"} {
		got, err := config.Load(write(t, text), nil)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got.Lang = ""
		if diff := cmp.Diff(config.Default(), got); diff != "" {
			t.Errorf("Load %q (-want +got):\n%s", text, diff)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		env        []string
		want       []string
	}{
		{"unknown key", "scan:\n  fial_on: high\n", nil, []string{"lenscap.yaml:2", `"fial_on"`, `did you mean "fail_on"`}},
		{"unknown section", "trusted: {}\n", nil, []string{":1", `did you mean "trust"`}},
		{"wrong type", "scan:\n  rate: fast\n", nil, []string{"rate"}},
		{"out of range", "scan:\n  rate: -1\n", nil, []string{"scan.rate", "-1"}},
		{"wrong word", "scan:\n  content: everything\n", nil, []string{"scan.content", "everything", "exposed"}},
		{"not yaml", "a: b: c: [", nil, []string{"lenscap.yaml"}},
		{"unknown variable", "", []string{"LENSCAP_SCAN_RTAE=1"}, []string{"LENSCAP_SCAN_RTAE", "did you mean \"LENSCAP_SCAN_RATE\""}},
		{"bad variable", "", []string{"LENSCAP_SCAN_RATE=x"}, []string{"LENSCAP_SCAN_RATE", "not a number"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(write(t, c.file), c.env)
			if err == nil {
				t.Fatal("Load: no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not tell %q", err, w)
				}
			}
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil); err == nil {
		t.Error("Load of a missing file: no error")
	}
}
