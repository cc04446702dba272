package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// How much of each kind one page tells.
const (
	pageItems = 14
	pageLines = 6
	pageGaps  = 8
)

// Evidence tells what is on one disk, on one page: what kind of disk it is,
// what a stranger would get, what could not be read.
func Evidence(w io.Writer, ev lenscap.Evidence, in Input) error {
	t := &teller{w: w, in: in}
	t.line("%s  %s", in.bold(clean(ev.Asset.ID)), size(ev.Size))
	if p := ev.Profile; p != nil {
		t.profile(*p)
	}
	t.head(lGets)
	t.items(&ev)
	if len(ev.Databases) > 0 {
		t.head(tx("Databases", "数据库"))
		for i, db := range ev.Databases {
			if i == pageLines {
				t.para(in.count(lMoreDatabases, len(ev.Databases)-i))
				break
			}
			t.database(db)
		}
	}
	if p := ev.Profile; p != nil && len(p.Directories) > 0 {
		t.head(tx("Data", "数据"))
		for _, d := range p.Directories[:min(len(p.Directories), pageLines)] {
			t.point(fmt.Sprintf("%8s  %s:%s  %s", size(d.Size), d.Volume, d.Path, d.What))
		}
	}
	t.head(tx("Volumes", "卷"))
	for _, v := range ev.Volumes {
		t.para(strings.Join(nonEmpty(v.Name, v.Type, v.Label, size(v.Size), in.say(volumeState(v.State)), v.Note), "  "))
	}
	t.missing(&ev)
	t.line("")
	t.para(fmt.Sprintf(in.say(lFiles), ev.Files, ev.FilesRead, size(ev.BytesRead), size(ev.Size)))
	if ev.Cost > 0 {
		t.para(fmt.Sprintf(in.say(tx("reading cost %.4f USD", "读取费用 %.4f 美元")), ev.Cost))
	}
	return t.err
}

// missing tells what could not be read.
func (t *teller) missing(ev *lenscap.Evidence) {
	if ev.Complete {
		return
	}
	t.head(lPartial)
	for i, g := range ev.Gaps {
		if i == pageGaps {
			t.para(t.in.count(tx("and %d more (--format json tells all)", "另有 %d 项（--format json 列出全部）"), len(ev.Gaps)-i))
			break
		}
		t.gap(g)
	}
}

// Tables lists the tables of every database on a disk, with their columns and
// what these hold; masked rows where there are any.
func Tables(w io.Writer, ev lenscap.Evidence, in Input) error {
	t := &teller{w: w, in: in}
	if len(ev.Databases) == 0 {
		t.line("%s", in.say(tx("no database that lenscap knows", "没有 lenscap 认识的数据库")))
	}
	for _, db := range ev.Databases {
		t.database(db)
		for _, tab := range db.Tables {
			t.table(tab)
		}
	}
	if n := len(ev.Items) + ev.Truncated; n > 0 {
		t.para(in.count(tx("%d finds are on the disk: without --tables they are told", "盘上共有 %d 处发现：不带 --tables 时列出"), n))
	}
	t.missing(&ev)
	return t.err
}

func (t *teller) table(tab lenscap.Table) {
	name := tableName(tab)
	t.line("  %s  %s", t.in.bold(clean(name)), clean(t.in.say(rowsText(tab))))
	if tab.Note != "" {
		t.under(tab.Note)
	}
	for _, c := range tab.Columns {
		var line strings.Builder
		fmt.Fprintf(&line, "  %-24s %-20s", c.Name, c.Type)
		for _, h := range c.Holds {
			line.WriteString("  ")
			fmt.Fprintf(&line, t.in.say(tx("%s in %d of %d", "%s：%d 个（共查看 %d 个）")), t.in.say(h.Title), h.Count, h.Looked)
		}
		t.line("    %s", clean(strings.TrimRight(line.String(), " ")))
	}
	for _, row := range tab.Sample {
		t.line("      | %s", clean(strings.Join(row, " | ")))
	}
}

func tableName(tab lenscap.Table) string {
	return strings.Join(nonEmpty(tab.Database, tab.Schema, tab.Name), ".")
}

// rowsText tells how many rows a table has, and how sure that is.
func rowsText(tab lenscap.Table) lenscap.Text {
	switch {
	case tab.Rows < 0:
		return tx("rows unknown", "行数未知")
	case tab.Every > 1:
		return lenscap.Text{
			En: fmt.Sprintf("%d rows and %d deleted ones in one page of %d", tab.Rows, tab.Deleted, tab.Every),
			Zh: fmt.Sprintf("每 %[3]d 页读取 1 页，其中 %[1]d 行，另有 %[2]d 行已删除", tab.Rows, tab.Deleted, tab.Every),
		}
	case tab.AtLeast:
		return lenscap.Text{
			En: fmt.Sprintf("at least %d rows, %d deleted ones still there", tab.Rows, tab.Deleted),
			Zh: fmt.Sprintf("至少 %d 行，%d 行已删除但仍可恢复", tab.Rows, tab.Deleted),
		}
	}
	return lenscap.Text{
		En: fmt.Sprintf("%d rows, %d deleted ones still there", tab.Rows, tab.Deleted),
		Zh: fmt.Sprintf("%d 行，%d 行已删除但仍可恢复", tab.Rows, tab.Deleted),
	}
}

var databaseStates = map[string]lenscap.Text{
	"clean":     tx("shut down cleanly", "正常关闭"),
	"recovered": tx("left running, its log was replayed", "运行中被复制，已重放日志"),
	"crashed":   tx("left running, its log was not wholly replayed", "运行中被复制，日志未能完全重放"),
	"named":     tx("recognised, its tables are not read", "已识别，未读取表"),
}

func (t *teller) database(db lenscap.Database) {
	head := strings.Join(nonEmpty(db.Engine, db.Version), " ")
	place := db.Volume + ":" + db.Path
	if db.Inside != "" {
		place += "!/" + db.Inside
	}
	parts := []string{head, place, size(db.Size)}
	if db.State != "named" {
		n := 0
		for _, tab := range db.Tables {
			if !tab.System {
				n++
			}
		}
		parts = append(parts, fmt.Sprintf(t.in.say(tx("%d tables, %d rows, %d deleted rows still there", "%d 张表，%d 行，%d 行已删除但仍可恢复")), n, db.Rows, db.Deleted))
	}
	parts = append(parts, t.in.say(databaseStates[db.State]))
	if db.Incomplete {
		parts = append(parts, t.in.say(tx("not read in full", "未能完整读取")))
	}
	if db.Encrypted {
		parts = append(parts, t.in.say(tx("encrypted", "已加密")))
	}
	t.point(strings.Join(nonEmpty(parts...), "  "))
	for i, h := range holdings(db) {
		if i == 2*pageLines {
			t.under(t.in.count(lMore, len(holdings(db))-i))
			break
		}
		t.under(fmt.Sprintf(t.in.say(tx("%s: %d values in %s", "%s：%d 个值，位于 %s")), t.in.say(h.title), h.count, strings.Join(h.columns, ", ")))
	}
	for _, n := range db.Notes {
		t.under(n)
	}
}

// held is what all tables of a database hold of one kind.
type held struct {
	kind    string
	title   lenscap.Text
	class   lenscap.ItemClass
	count   int64
	columns []string
}

func holdings(db lenscap.Database) []held {
	by := map[string]*held{}
	for _, tab := range db.Tables {
		for _, c := range tab.Columns {
			for _, h := range c.Holds {
				x := by[h.Kind]
				if x == nil {
					x = &held{kind: h.Kind, title: h.Title, class: h.Class}
					by[h.Kind] = x
				}
				x.count += h.Count
				if len(x.columns) < 3 {
					x.columns = append(x.columns, tableName(tab)+"."+c.Name)
				}
			}
		}
	}
	out := make([]held, 0, len(by))
	for _, h := range by {
		out = append(out, *h)
	}
	// What opens something or can't be changed comes first, however little there is.
	weight := func(h held) int {
		switch {
		case h.class == lenscap.ItemSecret:
			return 0
		case h.kind == "email", h.kind == "person_name", h.kind == "mobile", h.kind == "phone", h.kind == "landline", h.kind == "birth_date", h.kind == "postal_address":
			return 2
		}
		return 1
	}
	slices.SortFunc(out, func(a, b held) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), cmp.Compare(b.count, a.count), cmp.Compare(a.kind, b.kind))
	})
	return out
}

// group is items of one severity and type.
type group struct {
	first lenscap.Item
	n     int
	files map[string]bool
}

func grouped(ev *lenscap.Evidence) []group {
	var out []group
	at := map[string]int{}
	for _, it := range ev.Items {
		k := it.Severity.String() + it.Type
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, group{first: it, files: map[string]bool{}})
		}
		out[i].n += max(1, it.Count)
		out[i].files[it.Volume+it.Path] = true
	}
	slices.SortStableFunc(out, func(a, b group) int { return cmp.Compare(b.first.Severity, a.first.Severity) })
	return out
}

// items tells what was found, one line for each type.
func (t *teller) items(ev *lenscap.Evidence) {
	groups := grouped(ev)
	for i, g := range groups {
		if i == pageItems {
			t.para(t.in.count(tx("and %d more kinds (--format html or json tells all)", "另有 %d 类（--format html 或 json 列出全部）"), len(groups)-i))
			break
		}
		line := t.in.say(g.first.Title)
		if g.n > 1 {
			line += fmt.Sprintf(" ×%d", g.n)
		}
		it := g.first
		it.Count = 0
		line += "  " + itemPlace(it) + hint(it)
		if n := len(g.files) - 1; n > 0 {
			line += "  " + t.in.count(tx("and %d more files", "以及另外 %d 个文件"), n)
		}
		t.lead(t.in.paint(g.first.Severity)+"  ", line)
	}
	switch {
	case len(groups) == 0 && ev.Complete:
		t.para(t.in.say(lNoItems))
	case len(groups) == 0:
		t.para(t.in.say(tx("nothing in what could be read", "在能读取的范围内没有发现")))
	case ev.Truncated > 0:
		t.para(t.in.count(tx("%d more finds are counted only", "另有 %d 处只计数"), ev.Truncated))
	}
}

func (in Input) count(t lenscap.Text, n int) string { return fmt.Sprintf(in.say(t), n) }

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return strings.TrimSpace(s) == "" })
}

var (
	lGets          = tx("What whoever reads this disk gets", "读到这块磁盘的人能得到什么")
	lMoreDatabases = tx("and %d more databases (--tables lists them)", "以及另外 %d 个数据库（--tables 列出全部）")
)

func volumeState(s string) lenscap.Text {
	switch s {
	case "read":
		return tx("read", "已读取")
	case "part":
		return tx("part of another volume", "属于另一个卷")
	case "raw":
		return tx("holds no files", "不含文件")
	case "unsupported":
		return tx("not supported", "不支持")
	case "damaged":
		return tx("damaged", "已损坏")
	case "encrypted":
		return tx("encrypted", "已加密")
	case "missing":
		return tx("needs another device or file", "缺少其他设备或文件")
	case "blank":
		return tx("blank", "全部为零")
	}
	return tx(s, s)
}

func contentClass(c string) lenscap.Text {
	switch c {
	case "os_image":
		return tx("operating system image", "操作系统镜像")
	case "application_image":
		return tx("application image", "应用程序镜像")
	case "data_snapshot":
		return tx("data snapshot", "数据快照")
	}
	return tx(c, c)
}

func (t *teller) profile(p lenscap.Profile) {
	names := make([]string, len(p.Class))
	for i, c := range p.Class {
		names[i] = t.in.say(contentClass(c))
	}
	t.para(strings.Join(nonEmpty(p.OS, p.Hostname, strings.Join(names, " + ")), " · "))
	for _, f := range p.Facts[:min(len(p.Facts), pageLines)] {
		t.point(strings.Join(nonEmpty(t.in.say(f.Text), f.Path), "  "))
	}
	row := func(name lenscap.Text, parts []string) {
		if len(parts) == 0 {
			return
		}
		more := ""
		if n := len(parts) - 8; n > 0 {
			more = fmt.Sprintf(" +%d", n)
		}
		t.para(t.in.say(name) + ": " + strings.Join(parts[:min(len(parts), 8)], ", ") + more)
	}
	row(tx("Cloud", "云平台"), traces(p.Traces))
	row(tx("Can log in", "可登录用户"), t.logins(p.Users))
	if n := len(p.Packages); n > 0 {
		t.para(t.in.count(tx("Packages: %d", "软件包：%d"), n))
	}
	var started, apps []string
	for _, s := range p.Services {
		if !s.Base {
			started = append(started, s.Name)
		}
	}
	for _, a := range p.Applications {
		apps = append(apps, strings.Join(nonEmpty(a.Name, a.Version), " "))
	}
	row(tx("Starts", "自启动服务"), started)
	row(tx("Applications", "应用程序"), apps)
}

func traces(all []lenscap.Trace) []string {
	var out []string
	for _, x := range all {
		s := strings.Join(nonEmpty(x.Provider, x.Name, x.Value), " ")
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (t *teller) logins(users []lenscap.User) []string {
	var out []string
	for _, u := range users {
		if !u.Login {
			continue
		}
		var how []string
		if u.Password != "" && u.Password != "none" && u.Password != "locked" {
			how = append(how, u.Password)
		}
		if u.Keys > 0 {
			how = append(how, t.in.count(tx("%d keys", "%d 个公钥"), u.Keys))
		}
		if u.Admin {
			how = append(how, t.in.say(tx("admin", "管理员")))
		}
		s := u.Name
		if len(how) > 0 {
			s += " (" + strings.Join(how, ", ") + ")"
		}
		out = append(out, s)
	}
	return out
}
