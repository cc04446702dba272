package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/lenscap/lenscap"
)

// bars shows a run's stages: bars on a terminal, nothing elsewhere.
type bars struct {
	lang lenscap.Lang
	p    *mpb.Progress

	mu   sync.Mutex
	bar  *mpb.Bar
	seen int64
	open bool // the number of steps is not known
}

// progress shows stages on w when it is a terminal and the user wants it.
func (a *app) progress() *bars {
	width, ok := terminal(a.errOut)
	b := &bars{lang: a.lang}
	if ok && !a.global.quiet {
		b.p = mpb.New(mpb.WithOutput(a.errOut), mpb.WithWidth(min(width, 100)))
	}
	return b
}

// Stage ends the stage before and begins one.
func (b *bars) Stage(name lenscap.Text, steps int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p == nil {
		return
	}
	b.end()
	b.seen, b.open = 0, steps == 0
	b.bar = b.p.AddBar(int64(steps),
		mpb.PrependDecorators(decor.Name(name.In(b.lang), decor.WC{W: 24, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CurrentNoUnit("%d"), decor.Name(" "), decor.Elapsed(decor.ET_STYLE_GO)),
	)
}

// Step counts n steps of the stage.
func (b *bars) Step(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil {
		return
	}
	b.seen += int64(n)
	if b.open {
		b.bar.SetTotal(b.seen+1, false)
	}
	b.bar.IncrBy(n)
}

// end completes the bar; mu is held.
func (b *bars) end() {
	if b.bar != nil {
		b.bar.SetTotal(-1, true)
	}
	b.bar = nil
}

// close ends the last stage and waits until it is drawn.
func (b *bars) close() {
	b.mu.Lock()
	b.end()
	b.mu.Unlock()
	if b.p != nil {
		b.p.Wait()
	}
}

// columns prints rows in aligned columns of plain text.
func columns(w io.Writer, rows [][]string) error {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len(c))
		}
	}
	for _, r := range rows {
		for i, c := range r {
			pad := width[i] + 2
			if i == len(r)-1 {
				pad = 0
			}
			if _, err := fmt.Fprintf(w, "%-*s", pad, c); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
