// Command gen makes the trees of the lab's disks and packs finished file
// systems; make.sh calls it.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "tree":
		for name, fill := range map[string]func(*tree){"web": web, "data": data, "plain": plain} {
			t := newTree(args[1] + "/" + name)
			fill(t)
			if err := t.write(args[2], name); err != nil {
				return fmt.Errorf("write the tree of %s: %w", name, err)
			}
		}
		return nil
	case len(args) >= 5 && args[0] == "pack":
		size, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return fmt.Errorf("read the disk's size: %w", err)
		}
		return pack(args[1], size, args[3], args[4], len(args) > 5 && args[5] == "gpt")
	}
	return fmt.Errorf("arguments %q: want tree SEED DIR, or pack FS SIZE UUID OUT [gpt]", args)
}
