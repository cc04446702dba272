package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/config"
	"github.com/lenscap/lenscap/internal/report"
)

func (a *app) inspectCommand() *cobra.Command {
	var format string
	var f targetFlags
	var maxBytes int64
	c := &cobra.Command{
		Use: "inspect TARGET", Args: cobra.ExactArgs(1),
		Short: a.say(t("say what is on one disk", "说明一块磁盘上有什么")),
		Long: a.say(t("TARGET is a file, a block device, https://…, ebs:snap-… or ebs:ami-….\nNothing is mounted, no root is needed, and no secret's value is kept or shown.",
			"TARGET 可以是文件、块设备、https://…、ebs:snap-… 或 ebs:ami-…。\n不挂载，不需要 root，也不保存或显示任何密钥的内容。")),
		Example: "  lenscap inspect disk.raw\n  lenscap inspect ebs:snap-0123456789abcdef0 --region eu-west-1 --format json",
		RunE: func(c *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %q: want text or json", format)}
			}
			target, err := a.openTarget(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			defer target.Close() //nolint:errcheck // reading only: nothing is lost
			inspector, err := a.inspector(maxBytes, target.opts)
			if err != nil {
				return err
			}
			ev, err := inspector.Inspect(c.Context(), target.ref, target.Source, nil)
			if err != nil {
				return fmt.Errorf("inspect %s: %w", shown(args[0]), err)
			}
			if format == "json" {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				err = enc.Encode(ev)
			} else {
				in := a.input(lenscap.Run{}, nil, nil, nil)
				in.Width, _ = terminal(a.out)
				in.Color = color(a.out)
				err = report.Evidence(a.out, ev, in)
			}
			if err == nil && !ev.Complete {
				return exit(exitUnread)
			}
			return err
		},
	}
	a.targetFlags(c, &f)
	c.Flags().StringVarP(&format, "format", "f", "text", "text, json")
	c.Flags().Int64Var(&maxBytes, "max-bytes", config.Default().Scan.MaxBytes, a.say(t("most bytes to read", "最多读取的字节数")))
	return c
}
