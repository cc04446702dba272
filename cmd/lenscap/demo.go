package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/lab"
	labaws "github.com/lenscap/lenscap/internal/lab/aws"
	"github.com/lenscap/lenscap/internal/report"
	"github.com/lenscap/lenscap/internal/scan"
	stores "github.com/lenscap/lenscap/internal/store/all"
)

// demoRate is no limit worth the name: the simulated cloud has no quota.
const demoRate = 100_000

// demoRows is how many findings the demo's table shows.
const demoRows = 24

func (a *app) demoCommand() *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs,
		Short: a.say(t("run the whole way over a simulated AWS with leaked disks in it", "在内含泄露磁盘的模拟 AWS 上完整演示一遍")),
		Long: a.say(t("Starts a simulated AWS on loopback, with real disks behind its snapshots, scans it and tells what it found.\nNeeds nothing but this binary: no credentials, no network.",
			"在本机回环地址启动模拟 AWS（快照背后是真实磁盘），扫描并讲述结果。\n只需要这个程序本身：不需要凭据，也不联网。")),
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), keep) },
	}
	c.Flags().BoolVar(&keep, "keep", false, a.say(t("leave the simulated cloud running and print how to reach it", "保持模拟云运行并输出访问方式")))
	return c
}

func (a *app) demo(ctx context.Context, keep bool) (err error) {
	sim, _, err := lab.StartAWS(ctx, lab.Options{})
	if err != nil {
		return fmt.Errorf("start the simulated cloud: %w", err)
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	if err := pointAt(sim.Env()); err != nil {
		return err
	}
	a.cfg.Data = filepath.Join(a.cfg.Data, "demo")
	if err := os.RemoveAll(a.cfg.Data); err != nil {
		return fmt.Errorf("clear the last demo: %w", err)
	}
	store, err := stores.Open(ctx, filepath.Join(a.cfg.Data, storeFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	a.cfg.AWS.Organization, a.cfg.AWS.AssumeRole = true, lab.AuditRole
	a.cfg.Trust.Accounts = lab.Trusted()
	a.cfg.Scan.Content, a.cfg.Scan.Rate, a.cfg.Scan.Shares = string(scan.ContentExposed), demoRate, string(cloud.SharesAll)
	cfg, err := a.scanConfig(store, scanFlags{})
	if err != nil {
		return err
	}
	bars := a.progress()
	cfg.Progress = bars
	began := time.Now()
	run, err := scan.Run(ctx, cfg.Config)
	bars.close()
	if err != nil {
		return err
	}
	if err := a.demoTell(ctx, store, run, cfg, time.Since(began)); err != nil {
		return err
	}
	if !keep {
		return nil
	}
	return a.demoKeep(ctx, sim)
}

// pointAt sets the process's environment, as a user's shell would be set. A
// profile would be read before the keys, so there must be none.
func pointAt(env []string) error {
	if err := os.Unsetenv("AWS_PROFILE"); err != nil {
		return fmt.Errorf("point the SDK at the simulated cloud: %w", err)
	}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("point the SDK at the simulated cloud: %w", err)
		}
	}
	return nil
}

// demoTell shows the findings, one of them in full, and what to try next.
func (a *app) demoTell(ctx context.Context, store finding.Store, run lenscap.Run, cfg runConfig, took time.Duration) error {
	found, err := store.Findings(ctx, finding.Filter{})
	if err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	in := a.input(run, found, cfg.Ledger, cfg.rules)
	in.Width, _ = terminal(a.out)
	in.Color = color(a.out)
	if err := report.Brief(a.out, in, demoRows); err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("the demo found nothing, which can't be right")
	}
	star := found[0]
	if i := slices.IndexFunc(found, func(f lenscap.Finding) bool {
		return f.Exposure.Verdict == lenscap.VerdictLivePublic && f.Evidence != nil && len(f.Evidence.Items) > 0
	}); i >= 0 {
		star = found[i]
	}
	fmt.Fprintf(a.out, "\n%s\n\n", strings.Repeat("─", 72))
	if err := report.Finding(a.out, star, in); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\n%s\n\n", strings.Repeat("─", 72))
	fmt.Fprintf(a.out, a.say(t(
		"That was a simulated AWS, scanned in %.1f s. What to try next:\n",
		"以上是模拟的 AWS，扫描用时 %.1f 秒。接下来可以试试：\n")), took.Seconds())
	_, err = fmt.Fprintf(a.out, "  lenscap report --format html -o lenscap.html --data %[1]s\n  lenscap findings show %[2]s --data %[1]s\n  lenscap demo --keep\n", a.cfg.Data, star.ID[:8])
	return err
}

// demoKeep leaves the endpoint running until it is interrupted.
func (a *app) demoKeep(ctx context.Context, sim *labaws.Lab) error {
	fmt.Fprintln(a.out, a.say(t("\nThe simulated cloud keeps running. In another terminal:", "\n模拟云保持运行。在另一个终端中：")))
	for _, kv := range sim.Env() {
		name, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(a.out, "  export %s='%s'\n", name, value)
	}
	fmt.Fprintln(a.out, "  aws ec2 describe-snapshots --owner-ids self --restorable-by-user-ids all")
	fmt.Fprintf(a.out, "  lenscap scan --organization --assume-role %s --rate 1000\n", lab.AuditRole)
	fmt.Fprintln(a.out, a.say(t("Ctrl-C ends it.", "按 Ctrl-C 结束。")))
	<-ctx.Done()
	return nil
}
