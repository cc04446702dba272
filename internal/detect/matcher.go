package detect

import "slices"

// Matchers lists every matcher that is Go code, one line each.
func Matchers() []Matcher {
	return []Matcher{
		privateKey{},
		awsKey{},
		githubToken{},
		loginURL{},
		authHeader{},
		webToken{},
		webKey{},
		assignment{},
	}
}

// whole runs a matcher over a file that is in memory, for callers that read few
// files and have no engine.
type whole struct{ Matcher }

func (w whole) Wants(f File) int64 {
	if textual(f) || named(f, ".aws/credentials", ".aws/config") {
		return upTo(f, textLimit)
	}
	return 0
}

func (w whole) Detect(f File, data []byte) []Hit {
	low := []byte(lowerASCII(string(data)))
	if t, ok := w.Matcher.(TextOnly); ok && t.TextOnly() && slices.Contains(data, 0) {
		return nil
	}
	before, after := w.Window()
	var out []Hit
	seen := map[[2]int]bool{}
	for start := range low {
		for _, k := range w.Keywords() {
			if !hasFold(low[start:], []byte(k)) {
				continue
			}
			from, to := max(0, start-before), min(len(data), start+len(k)+after)
			win := Window{File: f, Data: data[from:to:to], Start: start - from, End: start - from + len(k), First: from == 0, Last: to == len(data)}
			for _, h := range w.Match(win) {
				h.Start, h.End = h.Start+from, h.End+from
				if at := [2]int{h.Start, h.End}; !seen[at] {
					seen[at] = true
					out = append(out, h)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Hit) int { return a.Start - b.Start })
	return out
}
