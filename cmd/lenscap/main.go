// Command lenscap keeps strangers off cloud disk images.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lenscap/lenscap"
)

// Exit codes, a contract for scripts: see docs/cli.md.
const (
	exitClean    = 0
	exitError    = 1
	exitUsage    = 2
	exitFindings = 3 // findings at or above --fail-on
	exitUnread   = 4 // no such finding, but something could not be read
)

// version is set when a release is built.
var version = "dev"

func main() {
	noCore()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// exit carries an exit code that is no error.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a mistake in the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// run is the program, fit to be called by tests.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	// The first interrupt ends the work in order, so that it can be resumed;
	// the second ends the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	a := &app{in: in, out: out, errOut: errOut}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exit
	var usage usageError
	switch {
	case err == nil:
		return exitClean
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "%s: %v\n", a.say(lenscap.Text{En: "usage", Zh: "用法错误"}), err)
		fmt.Fprintf(errOut, "%s\n", a.say(lenscap.Text{En: "hint: lenscap --help lists the commands and flags", Zh: "提示：lenscap --help 列出命令和参数"}))
		return exitUsage
	}
	fmt.Fprintf(errOut, "%s: %v\n", a.say(lenscap.Text{En: "error", Zh: "错误"}), err)
	return exitError
}
