package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
	"github.com/lenscap/lenscap/internal/config"
	readers "github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/exposure"
	"github.com/lenscap/lenscap/internal/finding"
	"github.com/lenscap/lenscap/internal/inventory"
	"github.com/lenscap/lenscap/internal/report"
	"github.com/lenscap/lenscap/internal/scan"
	stores "github.com/lenscap/lenscap/internal/store/all"
	"github.com/lenscap/lenscap/rules"
)

// scanFlags are what scan is asked for besides the configuration.
type scanFlags struct {
	providers, accounts, regions []string
	rules                        []string
	content, failOn              string
	assumeRole, shares           string
	sharesMaxAge                 time.Duration
	rate                         float64
	look                         lookFlags
	organization, calls, resume  bool
	record, from                 string
	output
}

func (a *app) scanCommand() *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use: "scan", Args: cobra.NoArgs,
		Short: a.say(t("read the accounts, judge every image, look inside what is exposed", "读取账号，判定每个镜像，检查已暴露磁盘的内容")),
		Example: "  lenscap scan\n  lenscap scan --region eu-west-1 --content none --format json -o report.json\n" +
			"  lenscap scan --organization --assume-role LenscapRead --fail-on critical",
		RunE: func(c *cobra.Command, _ []string) error {
			f.merge(c, &a.cfg.Scan, &a.cfg.AWS)
			a.cfg.Rules = append(a.cfg.Rules, f.rules...)
			if err := a.cfg.Validate(); err != nil {
				return usageError{err}
			}
			return a.scan(c.Context(), f)
		},
	}
	d := config.Default().Scan
	fl := c.Flags()
	fl.StringSliceVar(&f.providers, "provider", nil, a.say(t("clouds to read (default: all that lenscap knows)", "要读取的云（默认全部支持的云）")))
	fl.StringSliceVar(&f.accounts, "account", nil, a.say(t("accounts to read (default: the caller's own)", "要读取的账号（默认：当前凭据所属账号）")))
	fl.StringSliceVar(&f.regions, "region", nil, a.say(t("regions to read (default: all that are enabled)", "要读取的地域（默认全部已启用的地域）")))
	fl.StringVar(&f.content, "content", d.Content, a.say(t("which disks to look into: none, exposed, all", "检查哪些磁盘的内容：none、exposed、all")))
	fl.StringVar(&f.failOn, "fail-on", d.FailOn, a.say(t("exit with 3 when a finding is at least this severe: critical, high, medium, low, info, never", "存在不低于该级别的发现时以 3 退出：critical、high、medium、low、info、never")))
	fl.StringVar(&f.assumeRole, "assume-role", "", a.say(t("role to enter every other account with: a name, or an ARN with {account}", "进入其他账号时使用的角色：角色名，或含 {account} 的 ARN")))
	fl.BoolVar(&f.organization, "organization", false, a.say(t("read every account of the organization (needs --assume-role)", "读取组织内的所有账号（需要 --assume-role）")))
	fl.StringVar(&f.shares, "shares", d.Shares, a.say(t("read the lists of named shares one by one: auto (when too old), all, skip", "逐个读取共享名单：auto（过期才读）、all、skip")))
	fl.DurationVar(&f.sharesMaxAge, "shares-max-age", d.SharesMaxAge, a.say(t("how old a list of shares may be in auto", "auto 模式下共享名单的最长有效期")))
	fl.Float64Var(&f.rate, "rate", d.Rate, a.say(t("calls a second that read one asset each, per account and region", "逐资产调用的速率上限（次/秒，按账号和地域）")))
	f.look.bind(a, c)
	fl.StringSliceVar(&f.rules, "rules", nil, a.say(t("folders of further rules", "额外规则所在目录")))
	fl.BoolVar(&f.calls, "calls", false, a.say(t("print the ledger of calls to standard error", "在标准错误输出调用台账")))
	fl.BoolVar(&f.resume, "resume", false, a.say(t("go on with the run that did not end", "继续上次未完成的扫描")))
	fl.StringVar(&f.record, "record", "", a.say(t("also write the inventory to this file (.jsonl or .jsonl.gz)", "同时把清单写入该文件（.jsonl 或 .jsonl.gz）")))
	fl.StringVar(&f.from, "from", "", a.say(t("judge a recorded inventory instead of reading a cloud", "离线判定已录制的清单，不访问云")))
	f.bind(a, c)
	return c
}

// merge lays the flags that were given over the configuration.
func (f *scanFlags) merge(c *cobra.Command, s *config.Scan, aws *config.AWS) {
	given := c.Flags().Changed
	if given("content") {
		s.Content = f.content
	}
	if given("fail-on") {
		s.FailOn = f.failOn
	}
	if given("shares") {
		s.Shares = f.shares
	}
	if given("shares-max-age") {
		s.SharesMaxAge = f.sharesMaxAge
	}
	if given("rate") {
		s.Rate = f.rate
	}
	if given("max-bytes") {
		s.MaxBytes = f.look.maxBytes
	}
	if given("max-time") {
		s.MaxTime = f.look.maxTime
	}
	if given("max-cost") {
		s.MaxCost = f.look.maxCost
	}
	if given("assume-role") {
		aws.AssumeRole = f.assumeRole
	}
	if given("organization") {
		aws.Organization = f.organization
	}
	if given("account") {
		aws.Accounts = f.accounts
	}
	if given("region") {
		aws.Regions = f.regions
	}
}

// scan runs the way and reports.
func (a *app) scan(ctx context.Context, f scanFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	file := filepath.Join(a.cfg.Data, storeFile)
	if f.from != "" {
		// A recorded inventory may be anybody's: it is judged apart from the store.
		dir, err := os.MkdirTemp("", "lenscap-")
		if err != nil {
			return fmt.Errorf("make a folder for the recorded inventory: %w", err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder harms nobody
		file = filepath.Join(dir, storeFile)
	}
	store, err := stores.Open(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	cfg, err := a.scanConfig(store, f)
	if err != nil {
		return err
	}
	bars := a.progress()
	cfg.Progress = bars
	done, err := scan.Run(ctx, cfg.Config)
	bars.close()
	if err != nil {
		if ctx.Err() != nil && done.ID != "" && f.from == "" {
			a.hint(t("hint: lenscap scan --resume goes on where this run stopped", "提示：lenscap scan --resume 可从中断处继续"))
		}
		return err
	}
	if f.calls {
		if err := report.Calls(a.errOut, a.input(done, nil, cfg.Ledger, cfg.rules)); err != nil {
			return err
		}
	}
	if f.record != "" {
		if err := recordRun(ctx, store, done, f.record); err != nil {
			return err
		}
	}
	return a.reportRun(ctx, store, done, cfg, f.output)
}

func (f *scanFlags) check() error {
	switch {
	case f.from != "" && f.record != "":
		return usageError{errors.New("--from and --record don't go together")}
	case f.from != "" && f.resume:
		return usageError{errors.New("--from and --resume don't go together")}
	}
	return f.output.check()
}

// storeFile is the store's name in the data folder, keyFile that of the
// installation's key for fingerprints.
const (
	storeFile = "lenscap.db"
	keyFile   = "fingerprint.key"
)

// runConfig is a scan's configuration with what the report needs of it.
type runConfig struct {
	scan.Config
	rules []*rules.Rule
}

// scanConfig wires the stages.
func (a *app) scanConfig(store finding.Store, f scanFlags) (runConfig, error) {
	rs, err := loadRules(a.cfg.Rules)
	if err != nil {
		return runConfig{}, err
	}
	engine, err := exposure.NewEngine(rs)
	if err != nil {
		return runConfig{}, err
	}
	cfg := runConfig{rules: rs, Config: scan.Config{
		Store: store, Engine: engine, Content: scan.Content(a.cfg.Scan.Content),
		Trust:  exposure.Trust(a.cfg.Trust),
		Ledger: &cloud.Ledger{}, Version: version, Resume: f.resume,
	}}
	if f.from != "" {
		rec, err := inventory.OpenRecording(f.from)
		if err != nil {
			return runConfig{}, err
		}
		cfg.Recording, cfg.Content = rec, scan.ContentNone
		return cfg, nil
	}
	if cfg.Content != scan.ContentNone {
		if cfg.Inspector, err = a.inspector(f.look.with(a.cfg.Scan), readers.Options()); err != nil {
			return runConfig{}, err
		}
	}
	prior, _ := store.(cloud.Prior)
	cfg.Collectors, err = collectors(f.providers, cloud.Options{
		Accounts: a.cfg.AWS.Accounts, Regions: a.cfg.AWS.Regions,
		AssumeRole: a.cfg.AWS.AssumeRole, Organization: a.cfg.AWS.Organization,
		Shares: cloud.SharesMode(a.cfg.Scan.Shares), SharesMaxAge: a.cfg.Scan.SharesMaxAge,
		Rate: a.cfg.Scan.Rate, Prior: prior, Ledger: cfg.Ledger,
	})
	if err != nil {
		return runConfig{}, usageError{err}
	}
	return cfg, nil
}

// loadRules reads the built-in rules and those of the user's folders.
func loadRules(dirs []string) ([]*rules.Rule, error) {
	rs, err := rules.Builtin()
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		more, err := rules.LoadDir(dir)
		if err != nil {
			return nil, err
		}
		rs = append(rs, more...)
	}
	return rs, nil
}

// recordRun writes the run's inventory to a file.
func recordRun(ctx context.Context, store finding.Store, run lenscap.Run, file string) error {
	contexts, err := store.Contexts(ctx, run.ID)
	if err != nil {
		return fmt.Errorf("read the run's context: %w", err)
	}
	return inventory.Record(ctx, file, run, contexts, func(fn func(lenscap.Asset) error) error {
		return store.EachAsset(ctx, run.ID, fn)
	})
}

// reportRun writes the report and chooses the exit code.
func (a *app) reportRun(ctx context.Context, store finding.Store, run lenscap.Run, cfg runConfig, o output) error {
	found, err := store.Findings(ctx, finding.Filter{Status: []lenscap.Status{lenscap.StatusOpen, lenscap.StatusMuted}})
	if err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	shown := found
	if o.isTable(a) {
		shown = slices.DeleteFunc(slices.Clone(found), func(f lenscap.Finding) bool { return f.Severity <= lenscap.SeverityInfo })
	}
	if err := o.write(a, a.input(run, shown, cfg.Ledger, cfg.rules)); err != nil {
		return err
	}
	if n := len(found) - len(shown); n > 0 {
		a.hint(t("hint: %d findings of level info are not shown; lenscap findings list --severity info lists them", "提示：未显示 %d 个提示级发现；lenscap findings list --severity info 可列出"), n)
	}
	return outcome(run, found, a.cfg.Scan.FailOn)
}

// outcome is the exit code of a run: findings first, then what could not be read.
func outcome(run lenscap.Run, found []lenscap.Finding, failOn string) error {
	if failOn != "never" {
		limit, err := lenscap.ParseSeverity(failOn)
		if err != nil {
			return usageError{fmt.Errorf("--fail-on: %w", err)}
		}
		for _, f := range found {
			if f.Status == lenscap.StatusOpen && f.Severity >= limit {
				return exit(exitFindings)
			}
		}
	}
	if run.Counts.Unread > 0 {
		return exit(exitUnread)
	}
	return nil
}
