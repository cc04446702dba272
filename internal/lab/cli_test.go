package lab_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// cli runs the public AWS CLI against the lab as an account and reads its answer.
func cli(t *testing.T, l *aws.Lab, account string, out any, args ...string) (stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "aws", append(args, "--output", "json", "--endpoint-url", l.Endpoint())...)
	clean := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = slices.Concat(clean, l.EnvOf(account))
	raw, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // exec gives it unwrapped
		return string(exit.Stderr)
	}
	if err != nil {
		t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatalf("aws %s: %v in %q", strings.Join(args, " "), err, raw)
		}
	}
	return ""
}

// TestCLI drives the lab with the AWS CLI, which shares no code with the SDK.
func TestCLI(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("skipped: the AWS CLI is not on PATH")
	}
	if testing.Short() {
		t.Skip("skipped: each call of the AWS CLI takes a second")
	}
	l, story := start(t, 1)
	must := func(out any, args ...string) {
		t.Helper()
		if msg := cli(t, l, lab.Production, out, args...); msg != "" {
			t.Fatalf("aws %s: %s", strings.Join(args, " "), msg)
		}
	}
	var id struct{ Account string }
	must(&id, "sts", "get-caller-identity")
	if id.Account != lab.Production {
		t.Errorf("account %q", id.Account)
	}

	var ids []string
	must(&ids, "ec2", "describe-snapshots", "--owner-ids", "self", "--query", "Snapshots[].SnapshotId")
	want := 0
	for _, e := range story.Expected() {
		if e.Ref.Account == lab.Production && e.Ref.Region == lab.EastRegion && e.Ref.Kind == lenscap.KindDiskSnapshot && e.Why != "in the recycle bin" {
			want++
		}
	}
	if len(ids) != want {
		t.Errorf("%d snapshots, want %d", len(ids), want)
	}

	must(nil, "ec2", "modify-snapshot-attribute", "--snapshot-id", publicSnapshot, "--attribute", "createVolumePermission", "--operation-type", "remove", "--group-names", "all")
	must(nil, "ec2", "modify-snapshot-attribute", "--snapshot-id", publicSnapshot, "--create-volume-permission", "Add=[{UserId="+lab.Outsider+"}]")
	var attr struct {
		CreateVolumePermissions []struct{ Group, UserID string }
	}
	must(&attr, "ec2", "describe-snapshot-attribute", "--snapshot-id", publicSnapshot, "--attribute", "createVolumePermission")
	if len(attr.CreateVolumePermissions) != 1 || attr.CreateVolumePermissions[0].UserID != lab.Outsider {
		t.Errorf("permissions %+v, want one of %s", attr.CreateVolumePermissions, lab.Outsider)
	}

	var blocks struct {
		Blocks []struct {
			BlockIndex int
			BlockToken string
		}
	}
	must(&blocks, "ebs", "list-snapshot-blocks", "--snapshot-id", publicSnapshot)
	if len(blocks.Blocks) == 0 {
		t.Fatal("no blocks")
	}
	file := filepath.Join(t.TempDir(), "block")
	var block struct{ Checksum string }
	must(&block, "ebs", "get-snapshot-block", "--snapshot-id", publicSnapshot, "--block-index", "0", "--block-token", blocks.Blocks[0].BlockToken, file)
	data, err := os.ReadFile(file)
	if sum := sha256.Sum256(data); err != nil || base64.StdEncoding.EncodeToString(sum[:]) != block.Checksum || string(data[512:520]) != "EFI PART" {
		t.Errorf("block 0: %v, %d bytes, checksum %q", err, len(data), block.Checksum)
	}

	var policy struct{ Policy string }
	must(&policy, "kms", "list-aliases")
	var key struct{ KeyMetadata struct{ KeyID string } }
	must(&key, "kms", "describe-key", "--key-id", "alias/partners")
	must(&policy, "kms", "get-key-policy", "--key-id", key.KeyMetadata.KeyID, "--policy-name", "default")
	if !strings.Contains(policy.Policy, lab.Outsider) {
		t.Errorf("policy %s", policy.Policy)
	}
	var accounts []string
	must(&accounts, "organizations", "list-accounts", "--query", "Accounts[].Id")
	slices.Sort(accounts)
	if !slices.Equal(accounts, []string{lab.Production, lab.Staging, lab.Acquired}) {
		t.Errorf("accounts %v", accounts)
	}
	var images []string
	must(&images, "ec2", "describe-images", "--owners", "self", "--executable-users", "all", "--query", "Images[].Name")
	if len(images) != 2 {
		t.Errorf("public images %v, want 2", images)
	}
	if msg := cli(t, l, lab.Staging, nil, "ec2", "describe-snapshots", "--snapshot-ids", sharedSnapshot); !strings.Contains(msg, "InvalidSnapshot.NotFound") {
		t.Errorf("another account's snapshot: %q, want InvalidSnapshot.NotFound", msg)
	}
}
