package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/disk"
	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxGaps is how many gaps of one cause are told one by one; the rest is one
// more gap that counts them.
const maxGaps = 50

type gapKind struct {
	cause lenscap.Cause
	n     int
}

// gap notes what could not be read, in words that hold no file's content.
func (l *look) gap(cause lenscap.Cause, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gapLocked(cause, message)
}

func (l *look) gapLocked(cause lenscap.Cause, message string) {
	k := gapKind{cause: cause}
	l.more[k]++
	n := l.more[k]
	if n > maxGaps {
		return
	}
	l.gaps[gapKind{cause, n}] = &lenscap.Gap{
		Provider: l.ref.Provider, Account: l.ref.Account, Region: l.ref.Region, Kinds: kinds(l.ref), Asset: l.ref.ID,
		Aspect: lenscap.AspectContent, Cause: cause, Message: bounded(message),
	}
}

func kinds(ref lenscap.Ref) []lenscap.Kind {
	if ref.Kind == "" {
		return nil
	}
	return []lenscap.Kind{ref.Kind}
}

func bounded(s string) string {
	s, _ = disk.Printable(s)
	if r := []rune(s); len(r) > 400 {
		return string(r[:400]) + "…"
	}
	return s
}

// unread notes a file or directory that could not be read.
func (l *look) unread(volume, path string, err error) {
	cause := lenscap.CauseError
	switch {
	case errors.Is(err, block.ErrDamaged):
		cause = lenscap.CauseMalformed
	case errors.Is(err, block.ErrEncrypted), errors.Is(err, block.ErrUnsupported):
		cause = lenscap.CauseUnsupported
	case errors.Is(err, context.DeadlineExceeded):
		cause = lenscap.CauseTimeout
	}
	l.gap(cause, name(volume, path)+": "+err.Error())
}

func name(volume, path string) string {
	text, _ := disk.Printable(path)
	return volume + ":" + text
}

// closeGaps orders the gaps and counts those that were not told one by one.
func (l *look) closeGaps() {
	for k, n := range l.more {
		if n > maxGaps {
			g := *l.gaps[gapKind{k.cause, maxGaps}]
			g.Message = fmt.Sprintf("and %d more like this", n-maxGaps)
			l.gaps[gapKind{k.cause, maxGaps + 1}] = &g
		}
	}
	order := make([]gapKind, 0, len(l.gaps))
	for k := range l.gaps {
		order = append(order, k)
	}
	slices.SortFunc(order, func(a, b gapKind) int {
		if c := strings.Compare(string(a.cause), string(b.cause)); c != 0 {
			return c
		}
		return a.n - b.n
	})
	for _, k := range order {
		l.ev.Gaps = append(l.ev.Gaps, *l.gaps[k])
	}
}
