package evidence

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // see digest
	"crypto/sha1" //nolint:gosec // see digest
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/packages"
	"github.com/lenscap/lenscap/internal/disk"
)

var severities = map[detect.Severity]lenscap.Severity{
	detect.Info: lenscap.SeverityInfo, detect.Low: lenscap.SeverityLow, detect.Medium: lenscap.SeverityMedium,
	detect.High: lenscap.SeverityHigh, detect.Critical: lenscap.SeverityCritical,
}

// keeping gathers what is found in one file, without the values.
type keeping struct {
	look    *look
	w       *wanted
	data    detect.Reader
	items   []lenscap.Item
	count   map[string]int // finds by type
	dbs     []lenscap.Database
	files   []string // that the databases are made of
	bad     bool     // something of it was not read
	deleted bool     // it is a deleted file
}

// failed notes that a part of the file could not be read.
func (k *keeping) failed(err error) {
	k.bad = true
	k.look.unread(k.w.volume.Name, k.w.file.Path, err)
}

// scanned ends a scan. Where so many words stand close to one another that the
// engine left some out, what they may lead to is not known.
func (k *keeping) scanned(s *detect.Scan, inside string) {
	_ = s.Close() // never fails
	if n := s.Skipped(); n > 0 {
		k.bad = true
		where := k.w.file.Path
		if inside != "" {
			where += "!/" + inside
		}
		k.look.gap(lenscap.CauseNotRead, fmt.Sprintf("%s: %d places that may hold something were not looked at: too many for a file of this size", name(k.w.volume.Name, where), n))
	}
}

// found turns a find into an item. base is where what was scanned begins in the
// file.
func (k *keeping) found(base int64, inside string, f detect.Found) {
	h := guarded(f.Hit, f.Value)
	kind := inside + "\x00" + h.Type
	if k.count == nil {
		k.count = map[string]int{}
	}
	if k.count[kind]++; k.count[kind] > sameHits {
		return
	}
	p, _ := disk.Printable(k.w.file.Path)
	in, _ := disk.Printable(inside)
	it := lenscap.Item{
		Type: h.Type, Class: lenscap.ItemClass(h.Class), Severity: severities[h.Severity],
		Title: lenscap.Text{En: h.TitleEn, Zh: h.TitleZh}, Volume: k.w.volume.Name, Path: p, Inside: in,
		Offset: base + f.Offset, Length: len(f.Value), Hint: hint(h, f.Value),
		Valid: lenscap.Tri(h.Checked), Detail: h.Detail, Count: h.Count, Deleted: k.deleted,
	}
	if base == 0 {
		it.Line = f.Line
	}
	if len(f.Value) > 0 {
		it.Fingerprint = k.look.fingerprint(f.Value)
	}
	k.items = append(k.items, it)
}

// finish hands over what was found. What a package shipped unchanged is no
// finding when its vendor is a distribution's, and a label otherwise: the
// file's digest tells, which is made only where something was found.
func (k *keeping) finish(ctx context.Context) {
	l := k.look
	for i := range k.items {
		it := &k.items[i]
		if n := k.count[it.Inside+"\x00"+it.Type]; n > sameHits && it.Count == 0 {
			k.count[it.Inside+"\x00"+it.Type] = 0
			it.Count = n - sameHits + 1 // this one stands for the ones not told
		}
	}
	k.items = distinct(k.items)
	if len(k.items) > 0 && !k.deleted {
		k.shipped(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range k.items {
		l.add(it)
	}
	l.ev.Databases = append(l.ev.Databases, k.dbs...)
	if !k.bad && k.w.marked && ctx.Err() == nil {
		l.marks = append(l.marks, k.w.mark)
	}
}

// distinct leaves one item of those that several detectors made of one secret:
// the most severe, then the one that a check holds for, then the one found first.
func distinct(items []lenscap.Item) []lenscap.Item {
	var secrets []*lenscap.Item
	for i := range items {
		if it := &items[i]; it.Class == lenscap.ItemSecret && it.Fingerprint != "" {
			secrets = append(secrets, it)
		}
	}
	slices.SortStableFunc(secrets, func(a, b *lenscap.Item) int {
		return cmp.Or(cmp.Compare(a.Inside, b.Inside), cmp.Compare(a.Offset, b.Offset))
	})
	drop := map[*lenscap.Item]bool{}
	var last *lenscap.Item
	for _, it := range secrets {
		if last == nil || last.Inside != it.Inside || it.Offset >= last.Offset+int64(last.Length) || it.Line != last.Line && it.Fingerprint != last.Fingerprint {
			last = it
			continue
		}
		if it.Severity > last.Severity || it.Severity == last.Severity && it.Valid == lenscap.Yes && last.Valid != lenscap.Yes {
			last, it = it, last
		}
		drop[it] = true
	}
	out := items[:0:0]
	for i := range items {
		if !drop[&items[i]] {
			out = append(out, items[i])
		}
	}
	return out
}

// shipped holds a file against the digest in its package's list.
func (k *keeping) shipped(ctx context.Context) {
	if k.script() {
		k.items, k.dbs = nil, nil
		return
	}
	owned, ok := k.look.owners[k.w.volume].Owner(k.w.file.Path)
	if !ok || owned.Digest == nil {
		return
	}
	h := digest(owned.Algo)
	if h == nil {
		return
	}
	if _, err := io.Copy(h, onlyReader{ctx, io.NewSectionReader(k.data, 0, k.w.file.Size)}); err != nil {
		return // then it is not proved
	}
	if !packages.Verify(owned, h.Sum(nil)) {
		return
	}
	if packages.Known(owned.Package.Vendor) {
		k.items, k.dbs = nil, nil
		return
	}
	for i := range k.items {
		k.items[i].Package = owned.Package.Name
		if k.items[i].Severity > lenscap.SeverityInfo {
			k.items[i].Severity-- // everybody who has the package has it
		}
	}
}

// script tells whether the file is a maintainer's script, which no list has a
// digest of, of a distribution's package.
func (k *keeping) script() bool {
	base, ok := strings.CutPrefix(k.w.file.Path, "/var/lib/dpkg/info/")
	name, _, isScript := strings.Cut(base, ".")
	if !ok || !isScript {
		return false
	}
	name, _, _ = strings.Cut(name, ":")
	for _, p := range k.look.owners[k.w.volume].Packages() {
		if p.Name == name {
			return packages.Known(p.Vendor)
		}
	}
	return false
}

// digest gives the hash that a package manager's list names.
func digest(algo string) hash.Hash {
	switch algo {
	case "md5":
		return md5.New() //nolint:gosec // it is what the list has; nothing is trusted for it but not to be told
	case "sha1":
		return sha1.New() //nolint:gosec // the same
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// add keeps an item, as far as there is room. l.mu is held.
func (l *look) add(it lenscap.Item) {
	l.usage.found(it)
	if len(l.ev.Items) >= l.opts.MaxItems {
		l.ev.Truncated++
		return
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
	if h.Class != detect.Secret || bytes.HasPrefix(value, []byte("-----BEGIN")) {
		return "" // the first characters would say nothing, or too much
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
