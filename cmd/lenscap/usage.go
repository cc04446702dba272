package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usage prints a command's usage in the language of this run.
func (a *app) usage(c *cobra.Command) error {
	var b strings.Builder
	section := func(en, zh, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n%s\n", a.say(t(en, zh)), strings.TrimRight(text, "\n"))
		}
	}
	use := "  " + c.UseLine()
	if c.HasAvailableSubCommands() && !c.Runnable() {
		use = "  " + c.CommandPath() + " " + a.say(t("COMMAND", "命令"))
	}
	section("Usage:", "用法：", use)
	section("Examples:", "示例：", c.Example)
	var commands strings.Builder
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(&commands, "  %-*s  %s\n", c.NamePadding(), sub.Name(), sub.Short)
		}
	}
	section("Commands:", "命令：", commands.String())
	section("Flags:", "参数：", c.LocalFlags().FlagUsages())
	section("Global flags:", "全局参数：", c.InheritedFlags().FlagUsages())
	_, err := fmt.Fprint(c.OutOrStderr(), strings.TrimPrefix(b.String(), "\n"))
	return err
}

// translate puts into this run's language what the library brings itself.
func (a *app) translate(root *cobra.Command) {
	root.SetUsageFunc(a.usage)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.InitDefaultVersionFlag()
	if f := root.Flags().Lookup("version"); f != nil {
		f.Usage = a.say(t("print the version", "显示版本"))
	}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Short = a.say(t("tell about a command", "查看命令说明"))
		case "completion":
			c.Short = a.say(t("write a completion script for a shell", "生成命令行补全脚本"))
		}
	}
	a.helpFlags(root)
}

func (a *app) helpFlags(c *cobra.Command) {
	c.InitDefaultHelpFlag()
	if f := c.Flags().Lookup("help"); f != nil {
		f.Usage = a.say(t("tell about this command", "查看本命令说明"))
	}
	for _, sub := range c.Commands() {
		a.helpFlags(sub)
	}
}
