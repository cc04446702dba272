package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/config"
	"github.com/lenscap/lenscap/internal/detect"
	databases "github.com/lenscap/lenscap/internal/detect/database/all"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/evidence"
	"github.com/lenscap/lenscap/internal/report"
	"github.com/lenscap/lenscap/rules"
)

// lookFlags say how disks are looked into.
type lookFlags struct {
	maxBytes int64
	maxTime  time.Duration
	maxCost  float64
	rules    []string
	allFiles bool
	deleted  bool
	sample   int
}

func (f *lookFlags) bind(a *app, c *cobra.Command) {
	d := config.Default().Scan
	fl := c.Flags()
	fl.Int64Var(&f.maxBytes, "max-bytes", d.MaxBytes, a.say(t("most bytes of files to read of one disk", "每块磁盘最多读取的文件字节数")))
	fl.DurationVar(&f.maxTime, "max-time", d.MaxTime, a.say(t("most time for one disk; 0 sets no bound", "每块磁盘最长用时；0 表示不限")))
	fl.Float64Var(&f.maxCost, "max-cost", d.MaxCost, a.say(t("most that reading one disk may cost at its cloud, in USD; 0 sets no bound", "读取每块云上磁盘的最高费用（美元）；0 表示不限")))
	fl.StringSliceVar(&f.rules, "detect-rules", nil, a.say(t("folders of further rules for detectors", "额外检测规则所在目录")))
	fl.BoolVar(&f.allFiles, "all-files", false, a.say(t("look also into what packages brought and into media", "也检查软件包自带的文件和媒体文件")))
	fl.BoolVar(&f.deleted, "deleted", false, a.say(t("look also into deleted files that are still there", "也检查已删除但仍可恢复的文件")))
}

// with takes the bounds that the configuration and the flags agreed on.
func (f lookFlags) with(s config.Scan) lookFlags {
	f.maxBytes, f.maxTime, f.maxCost = s.MaxBytes, s.MaxTime, s.MaxCost
	return f
}

// inspector looks inside disks with every detector and the installation's key.
func (a *app) inspector(f lookFlags, opts disk.Options) (*evidence.Inspector, error) {
	key, err := evidence.LoadOrCreateKey(filepath.Join(a.cfg.Data, keyFile))
	if err != nil {
		return nil, err
	}
	rs, err := rules.Detect()
	if err != nil {
		return nil, err
	}
	for _, dir := range f.rules {
		more, err := rules.DetectDir(dir)
		if err != nil {
			return nil, err
		}
		rs = append(rs, more...)
	}
	engine, err := detect.Everything(rs)
	if err != nil {
		return nil, err
	}
	return evidence.New(evidence.Options{
		Engine: engine, Databases: databases.Engines(), Disk: opts, Key: key,
		MaxBytes: f.maxBytes, MaxTime: f.maxTime, MaxCost: f.maxCost, AllFiles: f.allFiles, Deleted: f.deleted, Sample: f.sample,
	}), nil
}

// inspectFormats are how one disk's evidence is told.
var inspectFormats = []string{"text", "json", "html"}

func (a *app) inspectCommand() *cobra.Command {
	var format, file string
	var target targetFlags
	var look lookFlags
	var tables bool
	c := &cobra.Command{
		Use: "inspect TARGET", Args: cobra.ExactArgs(1),
		Short: a.say(t("say what is on one disk", "说明一块磁盘上有什么")),
		Long: a.say(t("TARGET is a file, a block device, https://…, ebs:snap-… or ebs:ami-….\nNothing is mounted, no root is needed, and of a secret at most the first four characters are kept or shown.",
			"TARGET 可以是文件、块设备、https://…、ebs:snap-… 或 ebs:ami-…。\n不挂载，不需要 root，密钥最多只保存和显示前四个字符。")),
		Example: "  lenscap inspect disk.raw\n  lenscap inspect disk.raw --format html -o disk.html\n  lenscap inspect disk.raw --tables --sample 3\n  lenscap inspect ebs:snap-0123456789abcdef0 --region eu-west-1 --format json",
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(inspectFormats, format) {
				return usageError{fmt.Errorf("--format %q: want one of %v", format, inspectFormats)}
			}
			if look.sample < 0 || look.sample > 0 && (!tables && format == "text" || format == "html") {
				return usageError{fmt.Errorf("--sample %d: want a number from 0, with --tables or --format json", look.sample)}
			}
			ev, err := a.inspect(c, args[0], target, look)
			if err != nil {
				return err
			}
			in := a.input(lenscap.Run{}, nil, nil, nil)
			write := func(w io.Writer) error { return tell(w, format, tables, ev, in) }
			if file != "" && file != "-" {
				err = writeFile(file, write)
			} else {
				in.Width, _ = terminal(a.out)
				in.Color = color(a.out)
				err = write(a.out)
			}
			if err == nil && !ev.Complete {
				return exit(exitUnread)
			}
			return err
		},
	}
	a.targetFlags(c, &target)
	look.bind(a, c)
	c.Flags().StringVarP(&format, "format", "f", "text", "text, json, html")
	c.Flags().StringVarP(&file, "output", "o", "", a.say(t("write to this file", "写入该文件")))
	c.Flags().BoolVar(&tables, "tables", false, a.say(t("list the tables of databases and what their columns hold", "列出数据库的表以及各列的内容类型")))
	c.Flags().IntVar(&look.sample, "sample", 0, a.say(t("show so many rows of each table, masked", "每张表显示若干行（已脱敏）")))
	return c
}

// inspect opens a target and looks into it.
func (a *app) inspect(c *cobra.Command, name string, tf targetFlags, look lookFlags) (lenscap.Evidence, error) {
	target, err := a.openTarget(c.Context(), name, tf)
	if err != nil {
		return lenscap.Evidence{}, err
	}
	defer target.Close() //nolint:errcheck // reading only: nothing is lost
	inspector, err := a.inspector(look, target.opts)
	if err != nil {
		return lenscap.Evidence{}, err
	}
	bars := a.progress()
	defer bars.close()
	bars.Stage(t("files", "文件"), 0)
	last := int64(0)
	got, err := inspector.Inspect(c.Context(), evidence.Request{
		Ref: target.ref, Source: target.Source,
		Progress: func(done, _ int64) {
			bars.Step(int(done - last))
			last = done
		},
	})
	if err != nil {
		return lenscap.Evidence{}, fmt.Errorf("inspect %s: %w", shown(name), err)
	}
	return got.Evidence, nil
}

func tell(w io.Writer, format string, tables bool, ev lenscap.Evidence, in report.Input) error {
	switch {
	case format == "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(ev)
	case format == "html":
		return report.EvidenceHTML(w, ev, in)
	case tables:
		return report.Tables(w, ev, in)
	}
	return report.Evidence(w, ev, in)
}
