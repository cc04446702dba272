package detect

import (
	"path"
	"slices"
	"strings"
)

// All lists every detector, and every matcher as one, so that tests can hold
// each by itself.
func All() []Detector {
	var all []Detector
	for _, m := range Matchers() {
		all = append(all, whole{m})
	}
	return append(all, Detectors()...)
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

// noText are name endings of files that hold no text.
var noText = map[string]bool{
	".so": true, ".o": true, ".a": true, ".ko": true, ".pyc": true, ".pyo": true, ".class": true, ".jar": true,
	".gz": true, ".xz": true, ".bz2": true, ".zst": true, ".zip": true, ".7z": true, ".rar": true, ".deb": true, ".rpm": true,
	".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".ico": true, ".webp": true, ".svgz": true,
	".mp3": true, ".mp4": true, ".mkv": true, ".avi": true, ".mov": true, ".ogg": true, ".woff": true, ".woff2": true, ".ttf": true,
	".ibd": true, ".wasm": true, ".exe": true, ".dll": true, ".mo": true, ".iso": true, ".qcow2": true, ".vmdk": true,
}

// textual tells whether a file may hold text that somebody put there. Size is
// bounded: what is larger is looked at by detectors that know the file.
func textual(f File) bool {
	if f.Size < 8 || f.Size > textLimit || noText[strings.ToLower(path.Ext(f.Path))] {
		return false
	}
	return !Harmless(f.Path)
}
