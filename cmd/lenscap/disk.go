package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
)

func (a *app) diskCommand() *cobra.Command {
	var f targetFlags
	c := &cobra.Command{
		Use:   "disk",
		Short: a.say(t("read a disk without mounting it and without root", "不挂载、不用 root 读取磁盘")),
	}
	a.targetFlags(c, &f)
	c.AddCommand(a.diskInfo(&f), a.diskList(&f), a.diskCat(&f), a.diskHash(&f), a.diskExtract(&f))
	return c
}

// withDisk opens a target's disk for one command.
func (a *app) withDisk(ctx context.Context, name string, f targetFlags, fn func(*disk.Disk, *block.Counter) error) error {
	target, err := a.openTarget(ctx, name, f)
	if err != nil {
		return err
	}
	counter := block.NewCounter(target.Source)
	defer target.Close() //nolint:errcheck // reading only: nothing is lost
	d, err := disk.Open(ctx, counter, target.opts)
	if err != nil {
		return fmt.Errorf("open %s: %w", shown(name), err)
	}
	defer d.Close() //nolint:errcheck // reading only: nothing is lost
	if err := fn(d, counter); err != nil {
		return err
	}
	return a.complete(d)
}

// complete says aloud when volumes were not shown in full: exit code 4.
func (a *app) complete(d *disk.Disk) error {
	for _, n := range d.Notes {
		a.hint(t("note: %s", "注意：%s"), disk.Visible(n))
	}
	for _, v := range d.Volumes {
		if v.Whole() {
			continue
		}
		a.hint(t("note: volume %s (%s): %s %s", "注意：卷 %s（%s）：%s %s"), disk.Visible(v.Name), v.Type, v.State, disk.Visible(v.Note))
	}
	if !d.Whole() {
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

func (a *app) diskInfo(f *targetFlags) *cobra.Command {
	var reads, asJSON bool
	c := &cobra.Command{
		Use: "info TARGET", Args: cobra.ExactArgs(1),
		Short: a.say(t("list the volumes and what they are", "列出各个卷及其类型")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDisk(c.Context(), args[0], *f, func(d *disk.Disk, n *block.Counter) error {
				if asJSON {
					return infoJSON(a.out, d)
				}
				rows := [][]string{{"VOLUME", "TYPE", "STATE", "OFFSET", "SIZE", "LABEL", "NOTE"}}
				for _, v := range d.Volumes {
					label := disk.Visible(v.Label)
					offset := "-"
					if v.Offset >= 0 {
						offset = fmt.Sprint(v.Offset)
					}
					note := v.Note
					if len(v.Members) > 0 {
						note = strings.Trim(a.say(t("made of ", "由以下卷组成："))+strings.Join(v.Members, ", ")+"; "+note, "; ")
					}
					rows = append(rows, []string{disk.Visible(v.Name), v.Type, string(v.State), offset, fmt.Sprint(v.Size), label, disk.Visible(note)})
				}
				if d.Format != "" {
					if _, err := fmt.Fprintf(a.out, a.say(t("image: %s\n", "镜像格式：%s\n")), d.Format); err != nil {
						return err
					}
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
			Kind   string     `json:"partition_type,omitempty"`
			Label  string     `json:"label,omitempty"`
			UUID   string     `json:"uuid,omitempty"`
			Made   []string   `json:"members,omitempty"`
			Whole  bool       `json:"complete"`
			Note   string     `json:"note,omitempty"`
		}{v.Name, v.Type, v.State, v.Offset, v.Size, v.Kind, label, v.UUID, v.Members, v.Whole(), v.Note})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) diskList(f *targetFlags) *cobra.Command {
	var deleted bool
	c := &cobra.Command{
		Use: "ls TARGET [PATH]", Args: cobra.RangeArgs(1, 2),
		Short: a.say(t("list what is below a path", "列出某路径下的内容")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDisk(c.Context(), args[0], *f, func(d *disk.Disk, _ *block.Counter) error {
				volume, path := pathOf(d, args)
				if deleted {
					return a.listDeleted(c.Context(), d, volume, path)
				}
				lost := 0
				show := func(e disk.Entry) error {
					l := e.Line()
					if l.Error != "" {
						lost++
					}
					name := disk.Visible(l.Volume + ":" + e.Absolute())
					if e.Target != "" {
						name += " -> " + disk.Visible(e.Target)
					}
					_, err := fmt.Fprintf(a.out, "%s %10d %s %s %s\n", e.Mode, e.Size, e.Modified.UTC().Format("2006-01-02 15:04"), name, disk.Visible(l.Error))
					return err
				}
				if err := walk(c.Context(), d, volume, path, show); err != nil {
					return err
				}
				return unread(lost)
			})
		},
	}
	c.Flags().BoolVar(&deleted, "deleted", false, a.say(t("list deleted files that the disk still tells of", "列出磁盘上仍有痕迹的已删除文件")))
	return c
}

// listDeleted prints the deleted files of one volume, or of every one that can
// be searched, those below a path only.
func (a *app) listDeleted(ctx context.Context, d *disk.Disk, name, path string) error {
	lost, searched := 0, 0
	show := func(g disk.Gone) error {
		if below := strings.Trim(path, "/"); below != "" && g.Path != below && !strings.HasPrefix(g.Path, below+"/") {
			return nil
		}
		when := "-"
		if !g.At.IsZero() {
			when = g.At.UTC().Format("2006-01-02 15:04")
		}
		text := disk.Visible("/" + g.Path)
		_, err := fmt.Fprintf(a.out, "%s %10d %s %-5s %s:%s\n", g.Mode, g.Size, when, g.State, g.Volume.Name, text)
		return err
	}
	for i := range d.Volumes {
		v := &d.Volumes[i]
		if name != "" && v.Name != name || name == "" && v.FS == nil {
			continue
		}
		err := v.Deleted(ctx, show)
		switch {
		case err == nil:
			searched++
		case ctx.Err() != nil:
			return ctx.Err()
		case name != "":
			return err
		case errors.Is(err, disk.ErrNoDeleted):
			a.hint(t("note: %v", "注意：%v"), err)
		default:
			lost++
			a.hint(t("note: volume %s: %v", "注意：卷 %s：%v"), v.Name, err)
		}
	}
	if name != "" && searched == 0 {
		_, err := d.Volume(name)
		return err
	}
	return unread(lost)
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

func (a *app) diskCat(f *targetFlags) *cobra.Command {
	return &cobra.Command{
		Use: "cat TARGET PATH", Args: cobra.ExactArgs(2),
		Short: a.say(t("write a file's bytes to standard output", "把文件内容写到标准输出")),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.withDisk(c.Context(), args[0], *f, func(d *disk.Disk, _ *block.Counter) error {
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

func (a *app) diskHash(f *targetFlags) *cobra.Command {
	return &cobra.Command{
		Use: "hash TARGET [PATH]", Args: cobra.RangeArgs(1, 2),
		Short: a.say(t("print one JSON line a file with its SHA-256", "每个文件输出一行 JSON，含 SHA-256")),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDisk(c.Context(), args[0], *f, func(d *disk.Disk, _ *block.Counter) error {
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

func (a *app) diskExtract(f *targetFlags) *cobra.Command {
	var into, table string
	var links, deleted, tables bool
	c := &cobra.Command{
		Use: "extract TARGET [PATH]", Args: cobra.RangeArgs(1, 2),
		Short: a.say(t("copy what is below a path into a folder", "把某路径下的内容复制到目录中")),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(into, 0o700); err != nil {
				return fmt.Errorf("make the target folder: %w", err)
			}
			return a.withDisk(c.Context(), args[0], *f, func(d *disk.Disk, _ *block.Counter) error {
				volume, path := pathOf(d, args)
				if tables || table != "" {
					return a.extractTables(c.Context(), d, volume, path, table, into, deleted)
				}
				var got disk.Extracted
				var err error
				if deleted {
					got, err = d.ExtractDeleted(c.Context(), volume, into)
				} else {
					got, err = d.Extract(c.Context(), volume, path, into, links)
				}
				if err != nil {
					return fmt.Errorf("extract, after %d files and %d folders: %w", got.Files, got.Dirs, err)
				}
				a.hint(t("%d files, %d folders, %d links, %d bytes", "%d 个文件，%d 个目录，%d 个链接，%d 字节"), got.Files, got.Dirs, got.Links, got.Bytes)
				if got.LinksLeft+got.Special > 0 {
					a.hint(t("not made: %d symbolic links (--links makes them), %d devices, pipes and sockets", "未创建：%d 个符号链接（用 --links 创建），%d 个设备、管道和套接字"), got.LinksLeft, got.Special)
				}
				for _, s := range got.Skipped {
					a.hint(t("left out: %s", "已跳过：%s"), disk.Visible(s))
				}
				if more := got.Lost - len(got.Skipped); more > 0 {
					a.hint(t("left out: %d more", "另外跳过 %d 个"), more)
				}
				return unread(got.Lost)
			})
		},
	}
	c.Flags().StringVarP(&into, "into", "C", ".", a.say(t("the folder to copy into", "复制到哪个目录")))
	c.Flags().BoolVar(&deleted, "deleted", false, a.say(t("copy what is left of deleted files instead", "改为复制已删除文件的残留内容")))
	c.Flags().BoolVar(&tables, "tables", false, a.say(t("PATH is a database: write the rows of its tables, a file of JSON lines for each (--deleted: also deleted rows)", "PATH 是数据库：把各表的行写成 JSON Lines 文件（--deleted 同时写出已删除的行）")))
	c.Flags().StringVar(&table, "table", "", a.say(t("of the database at PATH, this table only", "只写出 PATH 处数据库的这一张表")))
	c.Flags().BoolVar(&links, "links", false, a.say(t("make symbolic links, too", "同时创建符号链接")))
	return c
}
