package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap/internal/cloud"
	clouds "github.com/lenscap/lenscap/internal/cloud/all"
)

func (a *app) permissionsCommand() *cobra.Command {
	var features []string
	var explain bool
	c := &cobra.Command{
		Use: "permissions PROVIDER", Args: cobra.ExactArgs(1),
		Short:   a.say(t("print the least-privilege policy that lenscap needs", "输出 lenscap 所需的最小权限策略")),
		Example: "  lenscap permissions aws\n  lenscap permissions aws --feature scan\n  lenscap permissions aws --explain",
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := clouds.New(args[0], cloud.Options{})
			if err != nil {
				return usageError{err}
			}
			p, ok := c.(cloud.Permitter)
			if !ok {
				return fmt.Errorf("%s can't tell its permissions", args[0])
			}
			known := map[string]bool{}
			for _, perm := range p.Permissions() {
				known[perm.Feature] = true
			}
			for _, f := range features {
				if !known[f] {
					return usageError{fmt.Errorf("--feature %q: want one of %v", f, sortedKeys(known))}
				}
			}
			if explain {
				return a.explain(p, features)
			}
			policy, err := p.Policy(features...)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s\n", policy)
			return err
		},
	}
	c.Flags().StringSliceVar(&features, "feature", nil, a.say(t("only what these features need (default all)", "只输出这些功能所需的权限（默认全部）")))
	c.Flags().BoolVar(&explain, "explain", false, a.say(t("list each right with its reason instead", "改为逐条列出权限及理由")))
	return c
}

func (a *app) explain(p cloud.Permitter, features []string) error {
	var rows [][]string
	for _, perm := range p.Permissions() {
		if len(features) == 0 || slices.Contains(features, perm.Feature) {
			rows = append(rows, []string{perm.Feature, perm.Action, a.say(perm.Why)})
		}
	}
	return columns(a.out, rows)
}
