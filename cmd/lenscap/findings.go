package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/report"
	stores "github.com/lenscap/lenscap/internal/store/all"
)

// withStore opens the store for one command.
func (a *app) withStore(ctx context.Context, fn func(finding.Store) error) (err error) {
	store, err := stores.Open(ctx, filepath.Join(a.cfg.Data, storeFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

// filterFlags choose findings.
type filterFlags struct {
	status                          []string
	severity                        string
	provider, account, region, rule string
}

func (f *filterFlags) bind(a *app, c *cobra.Command, severity string) {
	fl := c.Flags()
	fl.StringSliceVar(&f.status, "status", []string{"open", "muted"}, "open, muted, resolved")
	fl.StringVar(&f.severity, "severity", severity, a.say(t("at least this severe", "不低于该级别")))
	fl.StringVar(&f.provider, "provider", "", a.say(t("of this cloud", "仅该云")))
	fl.StringVar(&f.account, "account", "", a.say(t("of this account", "仅该账号")))
	fl.StringVar(&f.region, "region", "", a.say(t("of this region", "仅该地域")))
	fl.StringVar(&f.rule, "rule", "", a.say(t("of this rule", "仅该规则")))
}

func (f *filterFlags) filter() (finding.Filter, error) {
	out := finding.Filter{Provider: f.provider, Account: f.account, Region: f.region, Rule: f.rule}
	known := []lenscap.Status{lenscap.StatusOpen, lenscap.StatusMuted, lenscap.StatusResolved}
	for _, s := range f.status {
		if !slices.Contains(known, lenscap.Status(s)) {
			return out, usageError{fmt.Errorf("--status %q: want open, muted or resolved", s)}
		}
		out.Status = append(out.Status, lenscap.Status(s))
	}
	var err error
	if out.MinSeverity, err = lenscap.ParseSeverity(f.severity); err != nil {
		return out, usageError{fmt.Errorf("--severity: %w", err)}
	}
	return out, nil
}

func (a *app) findingsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "findings",
		Short: a.say(t("list, show and mute what was found", "列出、查看、静默发现")),
	}
	c.AddCommand(a.findingsList(), a.findingsShow(), a.findingsMute(), a.findingsUnmute())
	return c
}

func (a *app) findingsList() *cobra.Command {
	var f filterFlags
	var o output
	c := &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: a.say(t("list findings, worst first", "按严重程度列出发现")),
		RunE: func(c *cobra.Command, _ []string) error { return a.reportStore(c.Context(), f, o) },
	}
	f.bind(a, c, lenscap.SeverityLow.String())
	o.bind(a, c)
	return c
}

func (a *app) reportCommand() *cobra.Command {
	var f filterFlags
	var o output
	c := &cobra.Command{
		Use: "report", Args: cobra.NoArgs,
		Short:   a.say(t("write a report of what is in the store", "用已保存的结果生成报告")),
		Example: "  lenscap report --format html -o report.html\n  lenscap report --format sarif --severity high",
		RunE:    func(c *cobra.Command, _ []string) error { return a.reportStore(c.Context(), f, o) },
	}
	f.bind(a, c, lenscap.SeverityInfo.String())
	o.bind(a, c)
	return c
}

// reportStore writes the chosen findings with the newest run.
func (a *app) reportStore(ctx context.Context, f filterFlags, o output) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	rs, err := loadRules(a.cfg.Rules)
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(store finding.Store) error {
		run, err := store.Run(ctx, "")
		if errors.Is(err, finding.ErrNotFound) {
			return errors.New(a.say(t("nothing was scanned yet; run lenscap scan first", "还没有扫描过；请先运行 lenscap scan")))
		}
		if err != nil {
			return fmt.Errorf("read the newest run: %w", err)
		}
		found, err := store.Findings(ctx, filter)
		if err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		return o.write(a, a.input(run, found, nil, rs))
	})
}

func (a *app) findingsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show FINDING", Args: cobra.ExactArgs(1),
		Short: a.say(t("tell one finding in full", "完整讲述一个发现")),
		RunE: func(c *cobra.Command, args []string) error {
			rs, err := loadRules(a.cfg.Rules)
			if err != nil {
				return err
			}
			return a.withStore(c.Context(), func(store finding.Store) error {
				f, err := a.findOne(c.Context(), store, args[0])
				if err != nil {
					return err
				}
				past, err := store.History(c.Context(), f.Asset.Ref)
				if err != nil {
					return fmt.Errorf("read the history of %s: %w", f.Asset.Ref, err)
				}
				in := a.input(lenscap.Run{}, nil, nil, rs)
				for _, p := range past {
					in.History = append(in.History, report.Past{Verdict: p.Exposure.Verdict, Since: p.Since, Until: p.Until})
				}
				in.Width, _ = terminal(a.out)
				in.Color = color(a.out)
				return report.Finding(a.out, f, in)
			})
		},
	}
}

// findOne gives the finding that id names, or says what to do.
func (a *app) findOne(ctx context.Context, store finding.Store, id string) (lenscap.Finding, error) {
	f, err := store.Finding(ctx, id)
	if errors.Is(err, finding.ErrNotFound) {
		return f, fmt.Errorf(a.say(t("no finding %q; lenscap findings list shows them", "没有发现 %q；用 lenscap findings list 查看")), id)
	}
	return f, err
}

func (a *app) findingsMute() *cobra.Command {
	var reason string
	var days int
	c := &cobra.Command{
		Use: "mute FINDING", Args: cobra.ExactArgs(1),
		Short: a.say(t("silence a finding for a reason and a time", "说明理由并在一段时间内静默一个发现")),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return usageError{errors.New("--reason is needed: it is shown wherever the finding is")}
			}
			if days < 0 {
				return usageError{fmt.Errorf("--days %d: want 0 (no end) or more", days)}
			}
			return a.change(c.Context(), args[0], func(f lenscap.Finding, now time.Time) lenscap.Finding {
				var until time.Time
				if days > 0 {
					until = now.AddDate(0, 0, days)
				}
				return finding.Mute(f, reason, userName(), until, now)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", a.say(t("why it may be silent", "静默的理由")))
	c.Flags().IntVar(&days, "days", 90, a.say(t("for how many days; 0: until it is unmuted", "静默多少天；0 表示直到取消")))
	return c
}

func (a *app) findingsUnmute() *cobra.Command {
	return &cobra.Command{
		Use: "unmute FINDING", Args: cobra.ExactArgs(1),
		Short: a.say(t("end a finding's silence", "取消静默")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.change(c.Context(), args[0], func(f lenscap.Finding, _ time.Time) lenscap.Finding {
				return finding.Unmute(f)
			})
		},
	}
}

func (a *app) change(ctx context.Context, id string, fn func(lenscap.Finding, time.Time) lenscap.Finding) error {
	return a.withStore(ctx, func(store finding.Store) error {
		f, err := a.findOne(ctx, store, id)
		if err != nil {
			return err
		}
		f = fn(f, time.Now().UTC())
		if err := store.PutFindings(ctx, []lenscap.Finding{f}); err != nil {
			return fmt.Errorf("keep the finding: %w", err)
		}
		a.hint(t("finding %s is now %s", "发现 %s 现在的状态：%s"), f.ID, f.Status)
		return nil
	})
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}
