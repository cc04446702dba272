package luks_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/disk/disktest"
)

// TestQemu opens LUKS1 volumes that another implementation made.
func TestQemu(t *testing.T) {
	t.Parallel()
	tool := disktest.Tool(t, "qemu-img")
	plain := random(300<<10, 1)
	raw := write(t, "plain", plain)
	secret := "secret,id=s,data=" + pass
	for _, options := range []string{
		"cipher-alg=aes-256,cipher-mode=xts,ivgen-alg=plain64,hash-alg=sha256",
		"cipher-alg=aes-128,cipher-mode=xts,ivgen-alg=plain64,hash-alg=sha512",
		"cipher-alg=aes-256,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256,hash-alg=sha1",
		"cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=plain,hash-alg=ripemd160",
		"cipher-alg=twofish-256,cipher-mode=xts,ivgen-alg=plain64,hash-alg=sha224",
	} {
		t.Run(strings.ReplaceAll(options, ",", "_"), func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "luks")
			convert(t, tool, "convert", "-O", "luks", "--object", secret, "-o", "key-secret=s,iter-time=10,"+options, raw, out)
			src := disktest.File(t, out)
			locked(t, assemble(t, src))
			locked(t, assemble(t, src, []byte("wrong"), []byte(pass+" ")))
			holds(t, assemble(t, src, []byte("wrong"), []byte(pass)), int64(len(plain)), plain)
			holds(t, assemble(t, src, []byte(pass+"\n")), int64(len(plain)), plain)
		})
	}
}

// convert runs a tool that sometimes can't measure how fast it is.
func convert(t *testing.T, tool string, args ...string) {
	t.Helper()
	for range 20 {
		out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
		if err == nil {
			return
		}
		if !strings.Contains(string(out), "accurate CPU usage") {
			t.Fatalf("%s %q: %v\n%s", tool, args, err, out)
		}
	}
	t.Fatalf("%s %q never succeeds", tool, args)
}
