package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lenscap/lenscap/internal/lab"
	labaws "github.com/lenscap/lenscap/internal/lab/aws"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lenscap": main})
}

// TestScripts uses the program as a user would. Beside the usual commands a
// script has:
//
//	exits CODE lenscap …   the program ends with that exit code
//	lab [deny OPERATION]   a simulated AWS, to which the environment points
//	mkdisk FILE DIR SIZE   an ext4 image of a folder
//	serve DIR NAME         a web server of a folder, its URL in $NAME
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "data"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("LANG", "en_US.UTF-8")
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "lab": startLab, "mkdisk": makeDisk, "serve": serve,
		},
	})
}

// exits runs a command and holds its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if ee, ok := err.(*exec.ExitError); ok { //nolint:errorlint // it is not wrapped
		got = ee.ExitCode()
	} else if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// startLab starts a simulated AWS for the script.
func startLab(ts *testscript.TestScript, _ bool, args []string) {
	ctx, stop := context.WithCancel(context.Background())
	sim, _, err := lab.StartAWS(ctx, lab.Options{})
	if err != nil {
		stop()
		ts.Fatalf("lab: %v", err)
	}
	ts.Defer(func() {
		_ = sim.Close()
		stop()
	})
	for _, kv := range sim.Env() {
		name, value, _ := strings.Cut(kv, "=")
		ts.Setenv(name, value)
	}
	if len(args) == 2 && args[0] == "deny" {
		sim.Inject(func(c labaws.Call) *labaws.Fault {
			if c.Operation == args[1] {
				return &labaws.Fault{Kind: labaws.FaultDeny}
			}
			return nil
		})
	}
}

// makeDisk makes a file system with the standard tool.
func makeDisk(ts *testscript.TestScript, _ bool, args []string) {
	tool, err := exec.LookPath("mke2fs")
	if err != nil {
		tool = "/sbin/mke2fs"
	}
	if _, err := os.Stat(tool); err != nil {
		ts.Fatalf("mkdisk: mke2fs is missing; make tools installs it")
	}
	ts.Check(ts.Exec(tool, "-q", "-t", "ext4", "-d", ts.MkAbs(args[1]), ts.MkAbs(args[0]), args[2]))
}

// serve starts a web server of a folder for the length of the script.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	srv := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(srv.Close)
	ts.Setenv(args[1], srv.URL)
}
