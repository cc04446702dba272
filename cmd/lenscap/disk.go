package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap/internal/disk"
	drivers "github.com/lenscap/lenscap/internal/disk/all"
	"github.com/lenscap/lenscap/internal/disk/block"
)

func (a *app) diskCommand() *cobra.Command {
	var region string
	c := &cobra.Command{
		Use:   "disk",
		Short: a.say(t("read a disk without mounting it and without root", "不挂载、不用 root 读取磁盘")),
	}
	c.PersistentFlags().StringVar(&region, "region", "", a.say(t("region of a cloud's disk (default: the SDK's)", "云上磁盘所在地域（默认取 SDK 配置）")))
	c.AddCommand(a.diskInfo(&region), a.diskList(&region), a.diskCat(&region), a.diskHash(&region), a.diskExtract(&region))
	return c
}

// withDisk opens a target's disk for one command.
func (a *app) withDisk(ctx context.Context, target, region string, fn func(*disk.Disk, *block.Counter) error) error {
	src, _, err := a.openTarget(ctx, target, region)
	if err != nil {
		return err
	}
	counter := block.NewCounter(src)
	defer counter.Close() //nolint:errcheck // reading only: nothing is lost
	d, err := disk.Open(ctx, counter, drivers.Options())
	if err != nil {
		return fmt.Errorf("open %s: %w", target, err)
	}
	defer d.Close() //nolint:errcheck // reading only: nothing is lost
	if err := fn(d, counter); err != nil {
		return err
	}
	return a.complete(d)
}

// complete says aloud when volumes were not shown in full: exit code 4.
func (a *app) complete(d *disk.Disk) error {
	whole := !d.Incomplete
	for _, n := range d.Notes {
		a.hint(t("note: %s", "注意：%s"), n)
	}
	for _, v := range d.Volumes {
		if (v.State == disk.Read || v.State == disk.Blank || v.State == disk.Part) && !v.Incomplete {
			continue
		}
		whole = false
		a.hint(t("note: volume %s (%s): %s %s", "注意：卷 %s（%s）：%s %s"), v.Name, v.Type, v.State, v.Note)
	}
	if !whole {
		return exit(exitUnread)
	}
	return nil
}

// pathOf reads [PATH], which may begin with a volume: p1:/etc.
func pathOf(d *disk.Disk, args []string) (volume, path string) {
	if len(args) < 2 {
		return "", "/"
	}
	return d.Split(args[1])
}

func (a *app) diskInfo(region *string) *cobra.Command {
	var reads, asJSON bool
	c := &cobra.Command{
		Use: "info TARGET", Args: cobra.ExactArgs(1),
		Short: a.say(t("list the volumes and what they are", "列出各个卷及其类型")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDisk(c.Context(), args[0], *region, func(d *disk.Disk, n *block.Counter) error {
				if asJSON {
					return infoJSON(a.out, d)
				}
				rows := [][]string{{"VOLUME", "TYPE", "STATE", "OFFSET", "SIZE", "LABEL", "NOTE"}}
				for _, v := range d.Volumes {
					label, _ := disk.Printable(v.Label)
					rows = append(rows, []string{v.Name, v.Type, string(v.State), fmt.Sprint(v.Offset), fmt.Sprint(v.Size), label, v.Note})
				}
				if err := columns(a.out, rows); err != nil {
					return err
				}
				if reads {
					_, err := fmt.Fprintf(a.out, a.say(t("%d requests, %d bytes of %d (%.3f %%)\n", "%d 次请求，读取 %d / %d 字节（%.3f %%）\n")),
						n.Requests(), n.Bytes(), d.Size, 100*float64(n.Bytes())/float64(max(d.Size, 1)))
					return err
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&reads, "reads", false, a.say(t("show requests and bytes against the disk's size", "显示请求数和读取量占磁盘大小的比例")))
	c.Flags().BoolVar(&asJSON, "json", false, a.say(t("one JSON line a volume", "每个卷一行 JSON")))
	return c
}

func infoJSON(w io.Writer, d *disk.Disk) error {
	enc := json.NewEncoder(w)
	for _, v := range d.Volumes {
		label, _ := disk.Printable(v.Label)
		err := enc.Encode(struct {
			Volume string     `json:"volume"`
			Type   string     `json:"type"`
			State  disk.State `json:"state"`
			Offset int64      `json:"offset"`
			Size   int64      `json:"size"`
			Label  string     `json:"label,omitempty"`
			UUID   string     `json:"uuid,omitempty"`
			Note   string     `json:"note,omitempty"`
		}{v.Name, v.Type, v.State, v.Offset, v.Size, label, v.UUID, v.Note})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) diskList(region *string) *cobra.Command {
	return &cobra.Command{
		Use: "ls TARGET [PATH]", Args: cobra.RangeArgs(1, 2),
		Short: a.say(t("list what is below a path", "列出某路径下的内容")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDisk(c.Context(), args[0], *region, func(d *disk.Disk, _ *block.Counter) error {
				volume, path := pathOf(d, args)
				lost := 0
				show := func(e disk.Entry) error {
					l := e.Line()
					if l.Error != "" {
						lost++
					}
					name := l.Volume + ":" + l.Path
					if l.Target != "" {
						name += " -> " + l.Target
					}
					_, err := fmt.Fprintf(a.out, "%s %10d %s %s %s\n", e.Mode, e.Size, e.Modified.UTC().Format("2006-01-02 15:04"), name, l.Error)
					return err
				}
				if err := walk(c.Context(), d, volume, path, show); err != nil {
					return err
				}
				return unread(lost)
			})
		},
	}
}

// walk visits one volume, or every one that is read when none is named.
func walk(ctx context.Context, d *disk.Disk, volume, path string, fn func(disk.Entry) error) error {
	if volume == "" && path == "/" {
		return d.Walk(ctx, fn)
	}
	v, err := d.Volume(volume)
	if err != nil {
		return err
	}
	return v.Walk(ctx, path, fn)
}

// unread is exit code 4 when something was lost.
func unread(n int) error {
	if n > 0 {
		return exit(exitUnread)
	}
	return nil
}

func (a *app) diskCat(region *string) *cobra.Command {
	return &cobra.Command{
		Use: "cat TARGET PATH", Args: cobra.ExactArgs(2),
		Short: a.say(t("write a file's bytes to standard output", "把文件内容写到标准输出")),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.withDisk(c.Context(), args[0], *region, func(d *disk.Disk, _ *block.Counter) error {
				volume, path := pathOf(d, args)
				data, _, err := d.Open(volume, path)
				if err != nil {
					return err
				}
				_, err = io.Copy(a.out, io.NewSectionReader(data, 0, data.Size()))
				return err
			})
			if code := exit(0); errors.As(err, &code) {
				return nil // the file was read whole; other volumes don't matter
			}
			return err
		},
	}
}

func (a *app) diskHash(region *string) *cobra.Command {
	return &cobra.Command{
		Use: "hash TARGET [PATH]", Args: cobra.RangeArgs(1, 2),
		Short: a.say(t("print one JSON line a file with its SHA-256", "每个文件输出一行 JSON，含 SHA-256")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDisk(c.Context(), args[0], *region, func(d *disk.Disk, _ *block.Counter) error {
				volume, path := pathOf(d, args)
				lost, err := d.Hash(c.Context(), a.out, volume, path)
				if err != nil {
					return err
				}
				return unread(lost)
			})
		},
	}
}

func (a *app) diskExtract(region *string) *cobra.Command {
	var into string
	var links bool
	c := &cobra.Command{
		Use: "extract TARGET [PATH]", Args: cobra.RangeArgs(1, 2),
		Short: a.say(t("copy what is below a path into a folder", "把某路径下的内容复制到目录中")),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(into, 0o700); err != nil {
				return fmt.Errorf("make the target folder: %w", err)
			}
			return a.withDisk(c.Context(), args[0], *region, func(d *disk.Disk, _ *block.Counter) error {
				volume, path := pathOf(d, args)
				got, err := d.Extract(c.Context(), volume, path, into, links)
				if err != nil {
					return err
				}
				a.hint(t("%d files, %d folders, %d links, %d bytes", "%d 个文件，%d 个目录，%d 个链接，%d 字节"), got.Files, got.Dirs, got.Links, got.Bytes)
				for _, s := range got.Skipped {
					a.hint(t("left out: %s", "已跳过：%s"), s)
				}
				return unread(len(got.Skipped))
			})
		},
	}
	c.Flags().StringVarP(&into, "into", "C", ".", a.say(t("the folder to copy into", "复制到哪个目录")))
	c.Flags().BoolVar(&links, "links", false, a.say(t("make symbolic links, too", "同时创建符号链接")))
	return c
}
