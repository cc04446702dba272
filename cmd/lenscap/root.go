package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/config"
)

// app is what every command shares.
type app struct {
	in          io.Reader
	out, errOut io.Writer

	lang   lenscap.Lang
	cfg    config.Config
	log    *slog.Logger
	global globals
}

// globals are the flags of every command.
type globals struct {
	config, data, lang, logLevel, logFormat string
	quiet                                   bool
}

// say picks the language of this run; before the flags are read, the locale's.
func (a *app) say(t lenscap.Text) string {
	if a.lang == "" {
		return t.In(lenscap.LocaleLang())
	}
	return t.In(a.lang)
}

// t is a text in both languages, made where it is used.
func t(en, zh string) lenscap.Text { return lenscap.Text{En: en, Zh: zh} }

func (a *app) root() *cobra.Command {
	a.lang = guessLang(os.Args, os.Getenv)
	root := &cobra.Command{
		Use: "lenscap",
		Short: a.say(t("keeps strangers off cloud disk images",
			"让陌生人碰不到云上的磁盘镜像")),
		Long: a.say(t(
			"lenscap finds every snapshot and machine image that somebody outside can read,\nproves it, says what is on it, and tells how to close it.",
			"lenscap 找出外人能读取的每一个快照和机器镜像，给出证据，\n说明盘上有什么，并告诉你如何关闭。")),
		SilenceUsage: true, SilenceErrors: true, Version: version,
		PersistentPreRunE: a.setUp,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.global.config, "config", "", a.say(t("configuration file (default lenscap.yaml here or in the user's configuration folder)", "配置文件（默认：当前目录或用户配置目录下的 lenscap.yaml）")))
	f.StringVar(&a.global.data, "data", "", a.say(t("folder of the store", "数据目录")))
	f.StringVar(&a.global.lang, "lang", "", a.say(t("language for people: en, zh (default: the locale's)", "界面语言：en、zh（默认随系统语言）")))
	f.BoolVarP(&a.global.quiet, "quiet", "q", false, a.say(t("no progress, no hints", "不显示进度和提示")))
	f.StringVar(&a.global.logLevel, "log-level", "warn", "debug, info, warn, error")
	f.StringVar(&a.global.logFormat, "log-format", "text", "text, json")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		a.demoCommand(), a.scanCommand(), a.inspectCommand(), a.diskCommand(),
		a.findingsCommand(), a.reportCommand(), a.permissionsCommand(),
	)
	a.translate(root)
	argsAreUsage(root)
	groupsTakeCommands(root)
	return root
}

// groupsTakeCommands makes a word that is no command of a group a usage error
// that names the nearest ones.
func groupsTakeCommands(c *cobra.Command) {
	for _, sub := range c.Commands() {
		groupsTakeCommands(sub)
	}
	if !c.HasSubCommands() || c.Runnable() {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		c.SuggestionsMinimumDistance = 2
		err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
		}
		return usageError{err}
	}
}

// argsAreUsage makes a wrong number of arguments a usage error everywhere.
func argsAreUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		argsAreUsage(sub)
	}
}

// guessLang finds the language before the flags are parsed, since help itself
// speaks it.
func guessLang(args []string, env func(string) string) lenscap.Lang {
	want := env(config.EnvName("lang"))
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			want = v
		} else if arg == "--lang" && i+1 < len(args) {
			want = args[i+1]
		}
	}
	if lang, ok := lenscap.ParseLang(want); ok {
		return lang
	}
	return lenscap.LocaleLang()
}

// setUp reads the configuration and lays the flags over it.
func (a *app) setUp(*cobra.Command, []string) error {
	file := a.global.config
	if file == "" {
		file = config.Find()
	}
	cfg, err := config.Load(file, os.Environ())
	if err != nil {
		return usageError{err}
	}
	if a.global.data != "" {
		cfg.Data = a.global.data
	}
	if a.global.lang != "" {
		cfg.Lang = a.global.lang
	}
	if cfg.Lang != "" {
		lang, ok := lenscap.ParseLang(cfg.Lang)
		if !ok {
			return usageError{fmt.Errorf("--lang %q: want en or zh", cfg.Lang)}
		}
		a.lang = lang
	}
	a.cfg = cfg
	return a.setUpLog()
}

func (a *app) setUpLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.global.logLevel)); err != nil {
		return usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", a.global.logLevel)}
	}
	if !slices.Contains([]string{"text", "json"}, a.global.logFormat) {
		return usageError{fmt.Errorf("--log-format %q: want text or json", a.global.logFormat)}
	}
	opts := &slog.HandlerOptions{Level: level}
	if a.global.logFormat == "json" {
		a.log = slog.New(slog.NewJSONHandler(a.errOut, opts))
	} else {
		a.log = slog.New(slog.NewTextHandler(a.errOut, opts))
	}
	return nil
}

// terminal tells whether w is one, and its width.
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		return width, true
	}
	return 80, true
}

// color tells whether w takes colours: a terminal, unless NO_COLOR says no
// (no-color.org).
func color(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// hint tells people something on standard error, unless --quiet.
func (a *app) hint(text lenscap.Text, args ...any) {
	if !a.global.quiet {
		fmt.Fprintf(a.errOut, a.say(text)+"\n", args...)
	}
}
