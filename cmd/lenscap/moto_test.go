package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lenscap/lenscap"
)

// emulator is an AWS emulator that others wrote, driven with the AWS CLI: what
// lenscap says of it is held against what was done to it.
type emulator struct {
	t        *testing.T
	endpoint string
}

// startEmulator starts moto_server on a free port, or skips and says so.
func startEmulator(t *testing.T) *emulator {
	t.Helper()
	for _, tool := range []string{"moto_server", "aws"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not on this machine, so no independent AWS emulator was asked", tool)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "moto_server", "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), "MOTO_EC2_LOAD_DEFAULT_AMIS=false")
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatalf("start moto_server: %v", err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	e := &emulator{t, "http://127.0.0.1:" + port}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if resp, err := http.Get(e.endpoint + "/moto-api/"); err == nil {
			_ = resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("moto_server did not answer within a minute")
		}
	}
	t.Setenv("AWS_ENDPOINT_URL", e.endpoint)
	t.Setenv("AWS_ACCESS_KEY_ID", "testing")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testing")
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_DEFAULT_REGION", "us-east-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	return e
}

// aws runs the AWS CLI and gives one value of its answer.
func (e *emulator) aws(query string, args ...string) string {
	e.t.Helper()
	args = append(args, "--endpoint-url", e.endpoint, "--output", "text", "--query", query)
	out, err := exec.CommandContext(e.t.Context(), "aws", args...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// outsider is nobody's account in these tests.
const outsider = "999900001111"

// plant makes what a scan must find; it gives the exposed assets by their
// verdict and the innocent ones.
func (e *emulator) plant() (exposed map[string]lenscap.Verdict, innocent []string) {
	exposed = make(map[string]lenscap.Verdict)
	volume := e.aws("VolumeId", "ec2", "create-volume", "--size", "1", "--availability-zone", "us-east-1a")
	snapshot := func() string {
		return e.aws("SnapshotId", "ec2", "create-snapshot", "--volume-id", volume)
	}
	share := func(id string, args ...string) {
		e.aws("@", append([]string{
			"ec2", "modify-snapshot-attribute", "--snapshot-id", id,
			"--attribute", "createVolumePermission", "--operation-type", "add",
		}, args...)...)
	}
	public, shared, private := snapshot(), snapshot(), snapshot()
	share(public, "--group-names", "all")
	exposed[public] = lenscap.VerdictLivePublic
	share(shared, "--user-ids", outsider)
	exposed[shared] = lenscap.VerdictUntrustedShare
	innocent = append(innocent, private)

	image := e.aws("ImageId", "ec2", "register-image", "--name", "open", "--root-device-name", "/dev/sda1")
	e.aws("@", "ec2", "modify-image-attribute", "--image-id", image, "--launch-permission", "Add=[{Group=all}]")
	exposed[image] = lenscap.VerdictLivePublic
	// The disk behind a public image is public with it.
	backing := e.aws("Images[0].BlockDeviceMappings[0].Ebs.SnapshotId", "ec2", "describe-images", "--image-ids", image)
	exposed[backing] = lenscap.VerdictLivePublic
	closed := e.aws("ImageId", "ec2", "register-image", "--name", "closed", "--root-device-name", "/dev/sda1")
	innocent = append(innocent, closed)

	e.aws("DBInstance.DBInstanceIdentifier", "rds", "create-db-instance", "--db-instance-identifier", "db",
		"--db-instance-class", "db.t3.micro", "--engine", "postgres", "--allocated-storage", "20",
		"--master-username", "admin1", "--master-user-password", "not-a-real-one")
	for _, id := range []string{"db-open", "db-closed"} {
		e.aws("@", "rds", "create-db-snapshot", "--db-instance-identifier", "db", "--db-snapshot-identifier", id)
	}
	e.aws("@", "rds", "modify-db-snapshot-attribute", "--db-snapshot-identifier", "db-open",
		"--attribute-name", "restore", "--values-to-add", "all")
	exposed["db-open"] = lenscap.VerdictLivePublic
	innocent = append(innocent, "db-closed")

	disk := e.upload()
	share(disk, "--user-ids", outsider)
	exposed[disk] = lenscap.VerdictUntrustedShare
	return exposed, innocent
}

// upload makes a snapshot of a real file system through the EBS direct APIs.
func (e *emulator) upload() string {
	t := e.t
	dir := t.TempDir()
	root, image := filepath.Join(dir, "root"), filepath.Join(dir, "disk.raw")
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o750); err != nil {
		t.Fatal(err)
	}
	line := "admin:$6$c2FsdHNhbHQ$" + strings.Repeat("x", 86) + ":19000:0:99999:7:::\n"
	if err := os.WriteFile(filepath.Join(root, "etc", "shadow"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	mke2fs, err := exec.LookPath("mke2fs")
	if err != nil {
		mke2fs = "/sbin/mke2fs"
	}
	if out, err := exec.CommandContext(t.Context(), mke2fs, "-q", "-t", "ext4", "-d", root, image, "4M").CombinedOutput(); err != nil {
		t.Fatalf("make a file system: %v\n%s", err, out)
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	id := e.aws("SnapshotId", "ebs", "start-snapshot", "--volume-size", "1")
	const block = 512 << 10
	zero := make([]byte, block)
	n := 0
	for i := 0; i*block < len(data); i++ {
		part := data[i*block : min((i+1)*block, len(data))]
		if bytes.Equal(part, zero[:len(part)]) {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("block%d", i))
		if err := os.WriteFile(file, append(slices.Clone(part), zero[len(part):]...), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := e.aws("Checksum", "ebs", "put-snapshot-block", "--snapshot-id", id, "--block-index", fmt.Sprint(i),
			"--block-data", file, "--data-length", fmt.Sprint(block),
			"--checksum", checksum(t, file), "--checksum-algorithm", "SHA256")
		if sum == "" {
			t.Fatal("put-snapshot-block: no checksum in the answer")
		}
		n++
	}
	e.aws("Status", "ebs", "complete-snapshot", "--snapshot-id", id, "--changed-blocks-count", fmt.Sprint(n))
	return id
}

// TestIndependentEmulator holds a scan against an AWS emulator by others.
func TestIndependentEmulator(t *testing.T) {
	e := startEmulator(t)
	exposed, innocent := e.plant()

	var out, errOut bytes.Buffer
	code := run([]string{"scan", "--data", t.TempDir(), "--region", "us-east-1", "--format", "json", "--lang", "en"}, nil, &out, &errOut)
	if code != exitFindings {
		t.Fatalf("scan: exit code %d, want %d\n%s", code, exitFindings, errOut.String())
	}
	var report struct {
		Findings []lenscap.Finding `json:"findings"`
		Gaps     []lenscap.Gap     `json:"gaps"`
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("read the report: %v", err)
	}
	got := make(map[string]lenscap.Verdict)
	var onDisk []lenscap.Item
	var unread []lenscap.Gap
	for _, f := range report.Findings {
		if f.Exposure.Verdict.Exposed() {
			got[f.Asset.Ref.ID] = f.Exposure.Verdict
		}
		if f.Evidence != nil {
			onDisk = append(onDisk, f.Evidence.Items...)
			unread = append(unread, f.Evidence.Gaps...)
		}
		if slices.Contains(innocent, f.Asset.Ref.ID) && f.Severity >= lenscap.SeverityMedium {
			t.Errorf("%s is innocent, and yet %s says %s", f.Asset.Ref.ID, f.Rule, f.Severity)
		}
	}
	if diff := cmp.Diff(exposed, got); diff != "" {
		t.Errorf("exposed assets (-planted +found):\n%s", diff)
	}
	if !slices.ContainsFunc(onDisk, func(i lenscap.Item) bool { return i.Path == "/etc/shadow" }) {
		t.Errorf("the password hash on the shared disk was not found; items: %v; unread: %v", onDisk, unread)
	}
	// The emulator has no block-public-access: that must be said, not assumed.
	if !slices.ContainsFunc(report.Gaps, func(g lenscap.Gap) bool { return g.Aspect == lenscap.AspectGuards }) {
		t.Errorf("no gap tells that the guards could not be read; gaps: %v", report.Gaps)
	}
}

// checksum is the base64 of a file's SHA-256, as PutSnapshotBlock wants it.
func checksum(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
