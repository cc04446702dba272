package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/report"
	"github.com/lenscap/lenscap/rules"
)

// output says where a report goes and in which format.
type output struct {
	format, file string
}

func (o *output) bind(a *app, c *cobra.Command) {
	c.Flags().StringVarP(&o.format, "format", "f", "", a.say(t("report format: ", "报告格式："))+strings.Join(report.Formats(), ", ")+
		a.say(t(" (default table on a terminal, else json)", "（终端默认 table，否则 json）")))
	c.Flags().StringVarP(&o.file, "output", "o", "", a.say(t("write the report to this file", "把报告写入该文件")))
}

func (o output) check() error {
	if o.format != "" && !slices.Contains(report.Formats(), o.format) {
		return usageError{fmt.Errorf("--format %q: want one of %s", o.format, strings.Join(report.Formats(), ", "))}
	}
	return nil
}

// isTable tells whether the report is the one that people read on a terminal.
func (o output) isTable(a *app) bool {
	_, isTerminal := terminal(a.out)
	return o.format == "table" || o.format == "" && o.file == "" && isTerminal
}

// write writes the report to the file, or to standard output. A file appears
// whole or not at all.
func (o output) write(a *app, in report.Input) error {
	format := o.format
	width, _ := terminal(a.out)
	switch {
	case o.isTable(a):
		format = "table"
	case format == "":
		format = "json"
	}
	if o.file == "" {
		in.Width, in.Color = width, color(a.out)
		return report.Write(a.out, format, in)
	}
	return writeFile(o.file, func(w io.Writer) error { return report.Write(w, format, in) })
}

// writeFile writes beside the file and then renames over it.
func writeFile(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".lenscap-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	if err := write(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// input gathers what a report prints.
func (a *app) input(run lenscap.Run, found []lenscap.Finding, ledger *cloud.Ledger, rs []*rules.Rule) report.Input {
	in := report.Input{
		Run: run, Findings: found, Rules: make(map[string]*rules.Rule, len(rs)),
		Lang: a.lang, Now: time.Now().UTC(), Version: version,
	}
	for _, r := range rs {
		in.Rules[r.ID] = r
	}
	for _, t := range ledger.Tallies() {
		in.Calls = append(in.Calls, report.Call{
			Provider: t.Provider, Account: t.Account, Region: t.Region,
			Service: t.Service, Operation: t.Operation,
			Count: t.Count, Failed: t.Failed, Retried: t.Retried,
		})
	}
	return in
}
