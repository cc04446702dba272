package personal

import "bytes"

// How many bytes around the start of a value are looked at. A value has at most
// valueMax bytes after it and half of that before, then come the words around.
const (
	valueMax = 64
	behind   = 64 + contextBytes
	ahead    = valueMax + contextBytes
)

// tally is what was seen of one kind in running text.
type tally struct {
	looked int64 // values of the kind's outer form
	valid  int64
	close  int64 // of valid, beside a word of the kind
	angle  int64 // of valid, within angle brackets
	lines  int64 // with a valid value, about
	all    set   // of valid
	near   set   // of close
	first  int64 // offset of the first valid value
	last   int64 // offset of the end of the last one
	heads  heads
}

// text looks for values in running text.
type text struct {
	tallies [kinds]*tally
	done    int64 // offset up to which values are told
	house   int64 // offset after the last 号
}

func (t *text) tally(k Kind) *tally {
	if t.tallies[k] == nil {
		t.tallies[k] = &tally{first: -1}
	}
	return t.tallies[k]
}

// scan looks at values of which the mark (the first four digits in a row, or an @)
// lies in data[from:to]. What lies around is there to be seen. base is the offset
// of data in the file.
func (t *text) scan(data []byte, from, to int, base int64) {
	t.digits(data, from, to, base)
	for i := from; i < to; {
		j := bytes.IndexByte(data[i:to], '@')
		if j < 0 {
			break
		}
		i += j
		t.email(data, i, base)
		i++
	}
	for i := from; i < to; {
		j := bytes.Index(data[i:min(len(data), to+2)], []byte("号"))
		if j < 0 {
			break
		}
		i += j
		t.address(data, i, base)
		i += 3
	}
}

func (t *text) digits(data []byte, from, to int, base int64) {
	i := from
	if t.done > base+int64(i) {
		i = int(min(t.done-base, int64(to)))
	}
	end := min(len(data), to+3)
	for {
		for i+12 < end && (class[data[i]]|class[data[i+4]]|class[data[i+8]]|class[data[i+12]])&isDigit == 0 {
			i += 16
		}
		for i < end && class[data[i]]&isDigit == 0 {
			i += 4
		}
		if i >= end {
			return
		}
		s, e := i, i+1
		for s > 0 && s > i-valueMax && class[data[s-1]] == isDigit {
			s--
		}
		for e < len(data) && class[data[e]] == isDigit {
			e++
		}
		if e-s >= 4 && s >= from && s < to && e-s <= 32 {
			if n := t.run(data, s, e, base); n > e {
				e = n
				t.done = base + int64(e)
			}
		}
		i = e + 4
		if e-s >= 4 {
			i = e
		}
	}
}

// at is the byte there, a line's end outside of data.
func at(data []byte, i int) byte {
	if i < 0 || i >= len(data) {
		return '\n'
	}
	return data[i]
}

// run looks at four digits or more in a row, data[s:e], and what they are a part
// of. It gives where that ends.
func (t *text) run(data []byte, s, e int, base int64) int {
	prev, next := at(data, s-1), at(data, e)
	n := e - s
	if class[prev]|class[next] != 0 || prev == '<' || next == '<' {
		return t.word(data, s, e, base)
	}
	if p := plus(data, s); p > 0 {
		return t.international(data, p, e, base)
	}
	if prev == ' ' || prev == '-' || next == ' ' || next == '-' {
		if end := t.groups(data, s, e, base); end > 0 {
			return end
		}
	}
	if n < 11 || joins(prev) || next == '_' || next == '-' || next == '/' || next == '%' || next == '.' && class[at(data, e+1)] != 0 {
		if n != 9 {
			return e
		}
	}
	switch v := data[s:e]; n {
	case 9:
		// Nine digits are a social security number beside its word only.
		if ssn(v) && !joins(prev) && !joins(next) && near(SSN, data, s, e) {
			t.add(SSN, v, true, data, s, e, base)
		}
	case 11:
		if v[0] == '1' {
			t.add(Mobile, v, mobile(v), data, s, e, base)
		}
	case 13:
		if v[0] == '8' && v[1] == '6' && v[2] == '1' {
			t.add(Mobile, v[2:], mobile(v[2:]), data, s, e, base)
		}
	case 18:
		id := residentID(v)
		t.add(ResidentID, v, id, data, s, e, base)
		if id {
			break
		}
		code := uscc(v)
		t.add(USCC, v, code, data, s, e, base)
		if code {
			break
		}
		fallthrough
	case 15, 16, 17, 19:
		if issuer(v) {
			t.add(BankCard, v, bankCard(v), data, s, e, base)
		}
	}
	return e
}

// joins tells bytes that tie digits to something greater: a version, a path, a
// fraction, an UUID.
func joins(c byte) bool {
	switch c {
	case '.', '_', '-', '/', '\\', '%', '#', '@', '$', '&', '~':
		return true
	}
	return false
}

// word looks at letters and digits in a row.
func (t *text) word(data []byte, s, e int, base int64) int {
	for s > 0 && e-s < valueMax && class[data[s-1]] != 0 {
		s--
	}
	lowers := 0
	for e < len(data) && e-s <= valueMax && class[data[e]] != 0 {
		e++
	}
	prev, next := at(data, s-1), at(data, e)
	if prev == '<' || next == '<' {
		return t.machine(data, s, e, base)
	}
	v := data[s:e]
	n := len(v)
	if n < 7 || n > 34 || joins(prev) || class[v[0]] == isLower || next == '_' || next == '-' || next == '/' || next == '+' || next == '=' {
		return e
	}
	for _, c := range v[:n-1] {
		if class[c] == isLower {
			lowers++
		}
	}
	if lowers > 0 {
		return e
	}
	switch {
	case n == 18 && (v[17]|0x20 == 'x') && allDigits(v[:17]):
		t.add(ResidentID, v, residentID(v), data, s, e, base)
		return e
	case class[v[n-1]] == isLower:
		return e
	case n == 18 && allDigits(v[2:8]):
		t.add(USCC, v, uscc(v), data, s, e, base)
		return e
	}
	if class[v[0]] != isUpper {
		return e
	}
	switch {
	case n >= 15 && class[v[1]] == isUpper && ibanLengths[string(v[:2])] == n:
		t.add(IBAN, v, iban(v), data, s, e, base)
	case n == 10 && class[v[1]] == isDigit && allDigits(v[1:]):
		t.add(TaiwanID, v, taiwanID(v), data, s, e, base)
	case n <= 8 && next == '(' && at(data, e+2) == ')':
		if x := data[s : e+3]; len(x) >= 10 {
			t.add(HongKongID, x, hongKongID(x), data, s, e+3, base)
			return e + 3
		}
	case n == 8 || n == 9:
		// Without brackets only beside a word, as what follows is form only.
		switch {
		case hongKongID(v) && near(HongKongID, data, s, e):
			t.add(HongKongID, v, true, data, s, e, base)
		case nino(v):
			if near(NINO, data, s, e) {
				t.add(NINO, v, true, data, s, e, base)
			}
		case permit(v) && near(Permit, data, s, e):
			t.add(Permit, v, true, data, s, e, base)
		case passport(v) && near(Passport, data, s, e):
			t.add(Passport, v, true, data, s, e, base)
		}
	case n == 11 && permit(v) && near(Permit, data, s, e):
		t.add(Permit, v, true, data, s, e, base)
	}
	return e
}

// machine looks at capitals, digits and < in a row: a machine-readable line.
func (t *text) machine(data []byte, s, e int, base int64) int {
	for s > 0 && e-s < valueMax && (class[data[s-1]]&(isDigit|isUpper) != 0 || data[s-1] == '<') {
		s--
	}
	for e < len(data) && e-s <= valueMax && (class[data[e]]&(isDigit|isUpper) != 0 || data[e] == '<') {
		e++
	}
	if v := data[s:e]; mrz(v) {
		t.add(MRZ, v, true, data, s, e, base)
	}
	return e
}

// groups looks at digits in groups with one space or hyphen between them. It gives
// 0 when these are none of a known shape.
func (t *text) groups(data []byte, s, e int, base int64) int {
	if e-s == 4 {
		if end := t.ibanGroups(data, s, base); end > 0 {
			return end
		}
	}
	sep := at(data, e)
	if sep != ' ' && sep != '-' || class[at(data, e+1)] != isDigit {
		sep = at(data, s-1)
	}
	if sep != ' ' && sep != '-' {
		return 0
	}
	longest := 0
	low := int(max(0, t.done-base)) // before are groups that were looked at
	for n := e - s; s >= low+2 && data[s-1] == sep && class[data[s-2]] == isDigit && n < 24; {
		for s--; s > low && class[data[s-1]] == isDigit && n < 24; n++ {
			s--
		}
	}
	for n := e - s; e+1 < len(data) && data[e] == sep && class[data[e+1]] == isDigit && n < 28; {
		for e++; e < len(data) && class[data[e]] == isDigit && n < 28; n++ {
			e++
		}
	}
	var buf [32]byte
	shape := 0 // the groups' lengths as decimal digits
	v := buf[:0]
	for g, rest := 0, data[s:e]; len(rest) > 0; rest = rest[min(g+1, len(rest)):] {
		g = 0
		for g < len(rest) && class[rest[g]] == isDigit {
			g++
		}
		longest = max(longest, g)
		if shape < 0 || g > 9 || shape > 99999 || len(v)+g > len(buf) {
			shape = -1 // none that is known
			continue
		}
		shape = shape*10 + g
		v = append(v, rest[:g]...)
	}
	prev, next := at(data, s-1), at(data, e)
	if s < low+2 && s >= 2 && prev == sep && class[data[s-2]] == isDigit {
		shape = -1 // what is left of more of them
	}
	if class[prev]|class[next] != 0 || joins(prev) && shape >= 0 || joins(next) && (next != '.' || class[at(data, e+1)] != 0) {
		return 0
	}
	switch {
	case shape == 344 && mobile(v):
		t.add(Mobile, v, true, data, s, e, base)
	case shape == 2344 && v[0] == '8' && v[1] == '6' && mobile(v[2:]):
		t.add(Mobile, v[2:], true, data, s, e, base)
	case shape == 324 && sep == '-':
		t.add(SSN, v, ssn(v), data, s, e, base)
	case shape == 324 && ssn(v) && near(SSN, data, s, e):
		t.add(SSN, v, true, data, s, e, base)
	case shape == 4444 || shape == 44443 || shape == 465:
		if issuer(v) {
			t.add(BankCard, v, bankCard(v), data, s, e, base)
		}
	case shape == 684:
		t.add(ResidentID, v, residentID(v), data, s, e, base)
	case longest > 5:
		return 0 // one of them may be a value by itself
	}
	return e
}

// ibanGroups looks at groups of four capitals and digits, of which data[s:s+4] is
// one of the first six.
func (t *text) ibanGroups(data []byte, s int, base int64) int {
	group := func(i int) bool {
		if i < 0 || i+4 > len(data) {
			return false
		}
		for _, c := range data[i : i+4] {
			if class[c]&(isDigit|isUpper) == 0 {
				return false
			}
		}
		return true
	}
	for range 6 {
		if !group(s) || class[data[s]] == isUpper && class[data[s+1]] == isUpper && class[data[s+2]] == isDigit {
			break
		}
		s -= 5
		if s < 0 || data[s+4] != ' ' {
			return 0
		}
	}
	if !group(s) || class[at(data, s-1)] != 0 {
		return 0
	}
	want := ibanLengths[string(data[s:s+2])]
	var buf [34]byte
	v := buf[:0]
	e := s
	for e < len(data) && len(v) < want {
		switch c := data[e]; {
		case class[c]&(isDigit|isUpper) != 0:
			v = append(v, c)
		case c != ' ' || len(v)%4 != 0:
			return 0
		}
		e++
	}
	if want == 0 || class[at(data, e)] != 0 || !iban(v) {
		return 0
	}
	t.add(IBAN, v, true, data, s, e, base)
	return e
}

// plus gives where a number begins that has a plus and data[s:] is a part of, 0
// without.
func plus(data []byte, s int) int {
	for i := s - 1; i >= 0 && i > s-20; i-- {
		switch c := data[i]; {
		case c == '+' && (class[data[i+1]] == isDigit || data[i+1] == '('):
			return i + 1
		case class[c] == isDigit || c == ' ' || c == '-' || c == '(' || c == ')':
		default:
			return 0
		}
	}
	return 0
}

// international looks at a number after a plus, in groups or not.
func (t *text) international(data []byte, s, e int, base int64) int {
	if class[at(data, s-2)] != 0 || at(data, s-2) == '+' || at(data, s-2) == '/' || at(data, s-2) == '=' {
		return e // base64, code
	}
	var buf [16]byte
	v := buf[:0]
	end, gap := s, 0
	for i := s; i < len(data) && i < s+32; i++ {
		c := data[i]
		if class[c] == isDigit {
			if len(v) == len(buf) {
				return e
			}
			v = append(v, c)
			end, gap = i+1, 0
			continue
		}
		if gap++; gap > 2 || c != ' ' && c != '-' && c != '(' && c != ')' && c != '.' {
			break
		}
	}
	if class[at(data, end)] != 0 {
		return e
	}
	if len(v) == 13 && v[0] == '8' && v[1] == '6' && v[2] == '1' {
		t.add(Mobile, v[2:], mobile(v[2:]), data, s, end, base)
		return end
	}
	if phone(v) {
		t.add(Phone, v, true, data, s, end, base)
		return end
	}
	return e
}

var inMail = func() (t [256]bool) {
	for i := range t {
		t[i] = class[i] != 0
	}
	for _, c := range "._%+-" {
		t[c] = true
	}
	return t
}()

func (t *text) email(data []byte, i int, base int64) {
	s, e := i, i+1
	for s > 0 && i-s < valueMax && inMail[data[s-1]] {
		s--
	}
	for e < len(data) && e-i < 2*valueMax && inMail[data[e]] {
		e++
	}
	for e > i && data[e-1] == '.' {
		e--
	}
	if i-s < 1 || e-i < 5 {
		return
	}
	switch at(data, s-1) {
	case '/':
		return // a URL with a user
	case ':':
		before := data[max(0, s-valueMax):s]
		if i := bytes.LastIndex(before, []byte("//")); i >= 0 && !bytes.ContainsAny(before[i:], " \t\n\"'") {
			return // one with a password
		}
	}
	if at(data, e) == ':' && class[at(data, e+1)] != 0 || at(data, e) == '/' {
		return // host:path of scp and git
	}
	if v := data[s:e]; email(v) {
		t.add(Email, v, true, data, s, e, base)
		if at(data, s-1) == '<' && at(data, e) == '>' {
			t.tally(Email).angle++
		}
	}
}

// address looks at the text before 号.
func (t *text) address(data []byte, i int, base int64) {
	off := base + int64(i)
	if class[at(data, i-1)] != isDigit {
		return
	}
	low := int(max(0, t.house-base)) // an address ends at its first 号
	t.house = off + 3
	s := i
	for s > low && i-s < behind && (data[s-1] >= 0x80 || class[data[s-1]] != 0) {
		s--
	}
	if e := i + 3; hanAddress(string(data[s:e])) {
		t.add(Address, data[s:e], true, data, s, e, base)
	}
}

// add counts one value of a kind's outer form.
func (t *text) add(k Kind, v []byte, valid bool, data []byte, s, e int, base int64) {
	c := t.tally(k)
	c.looked++
	if !valid {
		return
	}
	c.valid++
	off := base + int64(s)
	if c.first < 0 {
		c.first = off
	}
	if last := c.last - base; c.lines == 0 || last < 0 || last > int64(s) || bytes.IndexByte(data[last:s], '\n') >= 0 {
		c.lines++
	}
	c.last = base + int64(e)
	fresh := c.all.add(v)
	if fresh && k == Mobile {
		c.heads.add(v)
	}
	if k == Email || k == Address || c.near.level > 0 || !fresh && c.valid > setMax {
		return // words do not matter, or there are plenty of values already
	}
	if near(k, data, s, e) {
		c.close++
		c.near.add(v)
	}
}

// heads counts mobile numbers by their first three digits.
type heads [100]uint32

func (h *heads) add(v []byte) { h[number(v[1:3])]++ }

// varied tells whether numbers start in so many ways, none of them half of all:
// people's do, counters and ids do not.
func (h *heads) varied(least int) bool {
	ways, most, all := 0, uint32(0), uint32(0)
	for _, n := range h {
		if n > 0 {
			ways++
		}
		most = max(most, n)
		all += n
	}
	return ways >= least && most <= all/2
}
