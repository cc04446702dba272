package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// EvidenceHTML writes one page about one disk: what a stranger would get, a map
// of the disk coloured by what was found, databases, system, volumes.
func EvidenceHTML(w io.Writer, ev lenscap.Evidence, in Input) error {
	p := &page{bufio.NewWriter(w), in.plain()}
	p.open(lenscap.Text{En: "lenscap: " + ev.Asset.ID, Zh: "lenscap：" + ev.Asset.ID})
	p.raw("<header><div><p class=\"eyebrow\">%s</p><h1>%s</h1><p class=\"sub\">%s · %s · %s</p></div>", both(tx("What is on one disk", "一块磁盘上有什么")),
		esc(ev.Asset.ID), esc(clock(ev.At)), esc(size(ev.Size)), both(lenscap.Text{
			En: fmt.Sprintf(lFiles.En, ev.Files, ev.FilesRead, size(ev.BytesRead), size(ev.Size)),
			Zh: fmt.Sprintf(lFiles.Zh, ev.Files, ev.FilesRead, size(ev.BytesRead), size(ev.Size)),
		}))
	p.buttons()
	p.raw("<main>\n")
	class, note := "ok", tx("Everything that was to be looked at was read.", "需要检查的内容已全部读取。")
	if !ev.Complete {
		class, note = "warn", tx("Not everything could be read: what was not is unknown, not clean.", "部分内容未能读取：未读取的部分情况未知，不等于干净。")
	}
	p.raw("<p class=%q role=\"note\">%s</p>\n", class, both(note))
	if ev.Profile != nil {
		p.profile(*ev.Profile)
	}
	p.raw("<h2>%s<span class=\"n\">%d</span></h2>\n", both(lGets), len(ev.Items)+ev.Truncated)
	p.treemap(ev)
	p.groups(&ev)
	p.databases(ev)
	p.system(ev)
	p.volumes(ev)
	p.gapList(ev.Gaps)
	p.raw("</main>\n")
	p.close()
	return p.w.Flush()
}

func (p *page) profile(pr lenscap.Profile) {
	p.raw("<div class=\"card\"><p><b>%s</b>", joined(pr.OS, pr.Hostname))
	for _, c := range pr.Class {
		p.raw(" <span class=\"tag\">%s</span>", both(contentClass(c)))
	}
	p.raw("</p><ul>")
	for _, f := range pr.Facts[:min(len(pr.Facts), 12)] {
		p.raw("<li>%s <code>%s</code></li>", both(f.Text), esc(f.Path))
	}
	p.raw("</ul></div>\n")
}

func (p *page) groups(ev *lenscap.Evidence) {
	groups := grouped(ev)
	if len(groups) == 0 {
		text := lNoItems
		if !ev.Complete {
			text = tx("nothing in what could be read", "在能读取的范围内没有发现")
		}
		p.raw("<div class=\"card empty\">%s</div>\n", both(text))
		return
	}
	const most = 200 // places of one group
	for _, g := range groups {
		p.raw("<details class=\"card\"><summary><span class=\"sev %s\">%s</span> %s <span class=\"n\">%d</span> <code>%s</code></summary><div class=\"scroll\"><table><tbody>",
			g.first.Severity, both(SeverityText(g.first.Severity)), both(g.first.Title), g.n, esc(itemPlace(g.first)))
		n := 0
		for _, it := range ev.Items {
			if it.Type != g.first.Type || it.Severity != g.first.Severity {
				continue
			}
			if n++; n > most {
				continue
			}
			p.raw("<tr><td><code>%s</code></td><td class=\"why\">%s</td></tr>", esc(itemPlace(it)), esc(strings.TrimSpace(hint(it))))
		}
		p.raw("</tbody></table></div>")
		if n > most {
			p.raw("<p class=\"why\">%s</p>", both(number(lMore, n-most)))
		}
		p.raw("</details>\n")
	}
}

func (p *page) databases(ev lenscap.Evidence) {
	if len(ev.Databases) == 0 {
		return
	}
	p.raw("<h2>%s<span class=\"n\">%d</span></h2>\n", both(tx("Databases", "数据库")), len(ev.Databases))
	for _, db := range ev.Databases {
		place := db.Volume + ":" + db.Path
		if db.Inside != "" {
			place += "!/" + db.Inside
		}
		p.raw("<details class=\"card\"><summary><b>%s</b> <code>%s</code> <span class=\"tag\">%s</span> %s</summary>", esc(strings.Join(nonEmpty(db.Engine, db.Version), " ")),
			esc(place), both(databaseStates[db.State]), both(lenscap.Text{
				En: fmt.Sprintf("%d rows, %d deleted rows still there, %s", db.Rows, db.Deleted, size(db.Size)),
				Zh: fmt.Sprintf("%d 行，%d 行已删除但仍可恢复，%s", db.Rows, db.Deleted, size(db.Size)),
			}))
		for _, n := range db.Notes {
			p.raw("<p class=\"why\">%s</p>", esc(n))
		}
		p.raw("<div class=\"scroll\"><table><tbody>")
		for _, tab := range db.Tables {
			var holds []string
			for _, c := range tab.Columns {
				for _, h := range c.Holds {
					holds = append(holds, both(h.Title)+" <code>"+esc(c.Name)+"</code> "+fmt.Sprint(h.Count))
				}
			}
			p.raw("<tr><td><code>%s</code></td><td>%s</td><td>%s</td></tr>", esc(tableName(tab)), both(rowsText(tab)), strings.Join(holds, "<br>"))
		}
		p.raw("</tbody></table></div></details>\n")
	}
}

func (p *page) system(ev lenscap.Evidence) {
	pr := ev.Profile
	if pr == nil {
		return
	}
	list := func(head lenscap.Text, rows [][]string) {
		if len(rows) == 0 {
			return
		}
		p.raw("<details class=\"card\"><summary>%s <span class=\"n\">%d</span></summary><div class=\"scroll\"><table><tbody>", both(head), len(rows))
		for _, r := range rows {
			p.raw("<tr>")
			for _, c := range r {
				p.raw("<td>%s</td>", esc(c))
			}
			p.raw("</tr>")
		}
		p.raw("</tbody></table></div></details>\n")
	}
	var traces, users, daemons, apps, packages, dirs [][]string
	for _, x := range pr.Traces {
		traces = append(traces, []string{x.Provider, x.Name, x.Value, x.Path})
	}
	for _, u := range pr.Users {
		users = append(users, []string{u.Name, u.ID, u.Shell, u.Password, fmt.Sprint(u.Keys)})
	}
	for _, s := range pr.Services {
		daemons = append(daemons, []string{s.Name, s.Command, s.Path})
	}
	for _, a := range pr.Applications {
		apps = append(apps, []string{a.Name, a.Version, a.Path, strings.Join(a.Config, " ")})
	}
	for _, k := range pr.Packages {
		packages = append(packages, []string{k.Name, k.Version, k.Manager, k.Vendor})
	}
	for _, d := range pr.Directories {
		dirs = append(dirs, []string{d.Volume + ":" + d.Path, d.What, size(d.Size), fmt.Sprint(d.Files)})
	}
	p.raw("<h2>%s</h2>\n", both(tx("System", "系统")))
	list(tx("Traces of clouds", "云平台痕迹"), traces)
	list(tx("Users", "用户"), users)
	list(tx("Applications", "应用程序"), apps)
	list(tx("Data", "数据"), dirs)
	list(tx("Services that start", "自启动服务"), daemons)
	list(tx("Packages", "软件包"), packages)
}

func (p *page) volumes(ev lenscap.Evidence) {
	p.raw("<h2>%s</h2>\n<div class=\"card scroll\"><table><tbody>", both(tx("Volumes", "卷")))
	for _, v := range ev.Volumes {
		p.raw("<tr><td><code>%s</code></td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class=\"why\">%s</td></tr>", esc(v.Name), esc(v.Type), esc(v.Label),
			esc(size(v.Size)), both(volumeState(v.State)), esc(v.Note))
	}
	p.raw("</tbody></table></div>\n")
}

// The picture of a disk: rectangles as large as the bytes below each directory,
// coloured by the worst that was found there. The layout is the squarified one
// of Bruls, Huizing and van Wijk (2000).
const (
	mapWidth  = 1000.0
	mapHeight = 420.0
	mapLevels = 3
	// leastFound is the least share of its directory's area that a place with a
	// find gets.
	leastFound = 0.04
)

type rect struct{ x, y, w, h float64 }

// tile is one directory of the picture.
type tile struct {
	dir      lenscap.Directory
	own      int64 // bytes that no child of the picture has
	children []*tile
}

func (p *page) treemap(ev lenscap.Evidence) {
	tops := tiles(ev.Usage)
	total := int64(0)
	for _, t := range tops {
		total += t.dir.Size
	}
	if total == 0 {
		return
	}
	p.raw("<figure class=\"map\"><svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">", mapWidth, mapHeight, esc(p.in.say(tx("map of the disk", "磁盘分布图"))))
	p.tiles(tops, rect{0, 0, mapWidth, mapHeight}, 0)
	p.raw("</svg><figcaption>%s</figcaption></figure>\n", both(tx(
		"Area: bytes of files; places with finds are drawn large enough to be seen. Colour: the worst that was found below the directory. Point at a rectangle for its path.",
		"面积：文件字节数，有发现的位置会适当放大。颜色：该目录下发现的最高级别。将指针移到矩形上可查看路径。")))
}

// tiles makes a tree of the directories, which are in the order of their paths.
func tiles(dirs []lenscap.Directory) []*tile {
	var tops []*tile
	at := map[string]*tile{}
	for _, d := range dirs {
		t := &tile{dir: d, own: d.Size}
		at[d.Volume+"\x00"+d.Path] = t
		up, _ := cutLast(d.Path)
		if parent := at[d.Volume+"\x00"+cmp.Or(up, "/")]; parent != nil && d.Path != "/" {
			parent.children = append(parent.children, t)
			parent.own -= d.Size
		} else {
			tops = append(tops, t)
		}
	}
	return tops
}

// cutLast parts a path at its last slash.
func cutLast(path string) (up, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func (p *page) tiles(all []*tile, r rect, level int) {
	sum := 0.0
	for _, t := range all {
		sum += float64(t.dir.Size)
	}
	area := func(t *tile) float64 {
		if t.dir.Items > 0 {
			return max(float64(t.dir.Size), leastFound*sum) // a key is small and matters
		}
		return float64(t.dir.Size)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(t *tile) bool { return area(t) <= 0 })
	slices.SortStableFunc(all, func(a, b *tile) int { return cmp.Compare(area(b), area(a)) })
	areas := make([]float64, len(all))
	for i, t := range all {
		areas[i] = area(t)
	}
	for i, box := range squarify(areas, r) {
		p.tile(all[i], box, level)
	}
}

func (p *page) tile(t *tile, r rect, level int) {
	if r.w < 1.5 || r.h < 1.5 {
		return
	}
	color := "--line"
	if t.dir.Items > 0 {
		color = "--" + t.dir.Severity.String()
	}
	path := t.dir.Volume + ":" + t.dir.Path
	p.raw("<g><title>%s\n%s", esc(path), esc(size(t.dir.Size)))
	if t.dir.Items > 0 {
		p.raw("\n%s", esc(fmt.Sprintf(p.in.say(tx("%d finds, the worst %s", "%d 处发现，最高级别%s")), t.dir.Items, p.in.say(SeverityText(t.dir.Severity)))))
	}
	p.raw("</title><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" style=\"fill:var(%s);fill-opacity:%.2f\"/>", r.x, r.y, r.w, r.h, color, 0.35+0.2*float64(level))
	label := path
	if level > 0 {
		_, label = cutLast(t.dir.Path)
	}
	top := 0.0
	if r.w > 60 && r.h > 18 {
		top = 15
		most := int(r.w / 6.5)
		if runes := []rune(label); len(runes) > most {
			label = string(runes[:most-1]) + "…"
		}
		p.raw("<text x=\"%.1f\" y=\"%.1f\">%s</text>", r.x+4, r.y+11.5, esc(label))
	}
	p.raw("</g>")
	if level+1 < mapLevels && len(t.children) > 0 {
		in := rect{r.x + 2, r.y + top + 1, r.w - 4, r.h - top - 3}
		if in.w > 4 && in.h > 4 {
			children := t.children
			if t.own > 0 { // room for the files that no child has
				children = append(slices.Clone(children), &tile{dir: lenscap.Directory{Volume: t.dir.Volume, Path: t.dir.Path + "/·", Size: t.own}})
			}
			p.tiles(children, in, level+1)
		}
	}
}

// squarify lays areas, the largest first, into a rectangle so that their sides
// are as near to one another as can be.
func squarify(areas []float64, r rect) []rect {
	out := make([]rect, 0, len(areas))
	sum := 0.0
	for _, a := range areas {
		sum += a
	}
	for i := 0; i < len(areas); {
		scale := r.w * r.h / sum
		side := min(r.w, r.h)
		row, rowSum, worst := 0, 0.0, 0.0
		for j := i; j < len(areas); j++ {
			next := rowSum + areas[j]
			ratio := worstRatio(areas[i:j+1], next, side, scale)
			if row > 0 && ratio > worst {
				break
			}
			row, rowSum, worst = row+1, next, ratio
		}
		thick := 0.0
		if side > 0 {
			thick = rowSum * scale / side
		}
		at := 0.0
		for _, a := range areas[i : i+row] {
			long := side * a / rowSum
			if r.w >= r.h {
				out = append(out, rect{r.x, r.y + at, thick, long})
			} else {
				out = append(out, rect{r.x + at, r.y, long, thick})
			}
			at += long
		}
		if r.w >= r.h {
			r.x, r.w = r.x+thick, max(0, r.w-thick)
		} else {
			r.y, r.h = r.y+thick, max(0, r.h-thick)
		}
		sum -= rowSum
		i += row
	}
	return out
}

// worstRatio is the worst of the sides' ratios when areas are laid in one row.
func worstRatio(areas []float64, sum, side, scale float64) float64 {
	if sum <= 0 || side <= 0 {
		return 0
	}
	thick := sum * scale / side
	worst := 0.0
	for _, a := range areas {
		long := a * scale / thick
		worst = max(worst, thick/long, long/thick)
	}
	return worst
}
