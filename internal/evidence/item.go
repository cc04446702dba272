package evidence

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/disk"
)

var severities = map[detect.Severity]lenscap.Severity{
	detect.Info: lenscap.SeverityInfo, detect.Low: lenscap.SeverityLow, detect.Medium: lenscap.SeverityMedium,
	detect.High: lenscap.SeverityHigh, detect.Critical: lenscap.SeverityCritical,
}

// keep turns a hit into an item, without its value.
func (l *look) keep(w wanted, data []byte, h detect.Hit) {
	if len(l.ev.Items) >= l.opts.MaxItems {
		l.ev.Truncated++
		return
	}
	if h.Start < 0 || h.End < h.Start || h.End > len(data) {
		l.gap(lenscap.CauseError, "a detector pointed outside "+name(w.volume.Name, w.file.Path))
		return
	}
	value := data[h.Start:h.End]
	h = guarded(h, value)
	path, _ := disk.Printable(w.file.Path)
	it := lenscap.Item{
		Type: h.Type, Class: lenscap.ItemClass(h.Class), Severity: severities[h.Severity],
		Title: lenscap.Text{En: h.TitleEn, Zh: h.TitleZh}, Volume: w.volume.Name, Path: path,
		Offset: int64(h.Start), Length: len(value), Hint: hint(h, value),
		Valid: lenscap.Tri(h.Checked), Detail: h.Detail,
	}
	if len(value) > 0 {
		it.Fingerprint = l.fingerprint(value)
	}
	if bytes.IndexByte(data, 0) < 0 {
		it.Line = 1 + bytes.Count(data[:h.Start], []byte{'\n'})
	}
	l.ev.Items = append(l.ev.Items, it)
}

// guarded takes out of a hit's words whatever tells the value: a password may be
// the user's name.
func guarded(h detect.Hit, value []byte) detect.Hit {
	if h.ValuePublic || len(value) == 0 {
		return h
	}
	if strings.Contains(h.Public, string(value)) {
		h.Public = ""
	}
	if strings.Contains(h.Detail, string(value)) {
		h.Detail = ""
	}
	return h
}

func (l *look) fingerprint(value []byte) string {
	m := hmac.New(sha256.New, l.opts.Key)
	_, _ = m.Write(value) // a hash never fails
	return hex.EncodeToString(m.Sum(nil))
}

// hint gives the public part or the first characters: at most four, and at
// most a quarter of the value, so that a short one is not given away.
func hint(h detect.Hit, value []byte) string {
	if h.Public != "" {
		text, _ := disk.Printable(h.Public)
		return text
	}
	if h.Class == detect.Artefact || bytes.HasPrefix(value, []byte("-----BEGIN")) {
		return "" // the first characters would say nothing
	}
	n := min(4, len(value)/4)
	var out strings.Builder
	for _, r := range string(value[:min(len(value), 4*utf8.UTFMax)]) {
		if n == 0 || r == utf8.RuneError || r < ' ' {
			break
		}
		out.WriteString(string(r))
		n--
	}
	return out.String()
}
