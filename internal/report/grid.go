package report

import (
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/lenscap/lenscap"
)

// grid is a table that wraps its cells, rather than cutting rows, to fit the
// width of a terminal.
type grid struct {
	in   Input
	rows [][]string // the header first
}

func newGrid(in Input, header ...lenscap.Text) *grid {
	row := make([]string, len(header))
	for i, h := range header {
		row[i] = in.say(h)
	}
	return &grid{in: in, rows: [][]string{row}}
}

// add appends a row; its cells were cleaned by whoever made them.
func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// between is what a column takes besides its text: two blanks and a line.
const between = 3

// least is the width below which no column is squeezed.
const least = 7

// widths gives each column its natural width, or takes from the widest until
// the row fits.
func (g *grid) widths() []int {
	w := make([]int, len(g.rows[0]))
	for _, row := range g.rows {
		for i, cell := range row {
			w[i] = max(w[i], text.StringWidthWithoutEscSequences(cell))
		}
	}
	if g.in.Width <= 0 {
		return w
	}
	total := between*len(w) - 1
	for _, n := range w {
		total += n
	}
	for ; total > g.in.Width; total-- {
		widest := slices.Index(w, slices.Max(w))
		if w[widest] <= least {
			break
		}
		w[widest]--
	}
	return w
}

// render writes the table and gives the first error of w.
func (g *grid) render(w io.Writer) error {
	tw := table.NewWriter()
	tw.SetStyle(table.StyleLight)
	tw.Style().Options.DrawBorder = false
	tw.Style().Format.Header = text.FormatDefault
	var configs []table.ColumnConfig
	for i, n := range g.widths() {
		configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: n, WidthMaxEnforcer: text.WrapSoft})
	}
	tw.SetColumnConfigs(configs)
	for i, cells := range g.rows {
		row := make(table.Row, len(cells))
		for j, c := range cells {
			row[j] = c
		}
		if i == 0 {
			tw.AppendHeader(row)
		} else {
			tw.AppendRow(row)
		}
	}
	_, err := io.WriteString(w, tw.Render()+"\n")
	return err
}
