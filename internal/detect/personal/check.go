package personal

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
)

// Classes of bytes.
const (
	isDigit = 1 << iota
	isUpper
	isLower
)

var class = func() (t [256]byte) {
	for c := '0'; c <= '9'; c++ {
		t[c] = isDigit
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c], t[c+32] = isUpper, isLower
	}
	return t
}()

func allDigits(b []byte) bool {
	for _, c := range b {
		if class[c] != isDigit {
			return false
		}
	}
	return len(b) > 0
}

func number(b []byte) int {
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}

// thisYear bounds dates of birth.
var thisYear = time.Now().Year()

// validDate tells a day of the calendar between 1880, the oldest example of GB 11643, and now.
func validDate(y, m, d int) bool {
	if y < 1880 || y > thisYear || m < 1 || m > 12 || d < 1 {
		return false
	}
	return d <= time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// provinces of GB/T 2260: the first two digits.
var provinces = func() (t [100]bool) {
	for _, p := range []int{
		11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
		50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
	} {
		t[p] = true
	}
	return t
}()

// residentID checks 18 characters by GB 11643: province, date of birth, ISO 7064
// MOD 11-2. Foreign permanent residents have a 9, then the province.
func residentID(b []byte) bool {
	if len(b) != 18 || !allDigits(b[:17]) {
		return false
	}
	p := number(b[:2])
	if b[0] == '9' {
		p = number(b[1:3])
	}
	if !provinces[p] || !validDate(number(b[6:10]), number(b[10:12]), number(b[12:14])) {
		return false
	}
	sum := 0
	for i, w := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(b[i]-'0')
	}
	c := b[17]
	if c == 'x' {
		c = 'X'
	}
	return c == "10X98765432"[sum%11]
}

// oldResidentID checks the 15 digits of before 1999: province and date only.
func oldResidentID(b []byte) bool {
	return len(b) == 15 && allDigits(b) && provinces[number(b[:2])] && b[0] != '9' &&
		validDate(1900+number(b[6:8]), number(b[8:10]), number(b[10:12]))
}

// mobileSegments are the second and third digit of 1xx that are given out.
var mobileSegments = func() (t [100]bool) {
	for second, thirds := range map[int]string{
		3: "0123456789", 4: "56789", 5: "012356789", 6: "2567", 7: "012345678", 8: "0123456789", 9: "012356789",
	} {
		for _, third := range thirds {
			t[second*10+int(third-'0')] = true
		}
	}
	return t
}()

// mobile checks 11 digits of a number of mainland China; numbers that stand for
// none (one digit over and over, the operators' sample) are refused.
func mobile(b []byte) bool {
	if len(b) != 11 || b[0] != '1' || !allDigits(b) || !mobileSegments[number(b[1:3])] {
		return false
	}
	return !dull(b[3:]) && string(b) != "13800138000"
}

// dull tells digits that count up or down or are all the same.
func dull(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	step := b[1] - b[0]
	if step != 0 && step != 1 && step != 255 {
		return false
	}
	for i := 2; i < len(b); i++ {
		if b[i]-b[i-1] != step && (step == 0 || b[i] != '0' || b[i-1] != '9') {
			return false
		}
	}
	return true
}

// landline checks a Chinese number with its area code: 010-12345678, 0755 1234567.
func landline(b []byte) bool {
	var d [13]byte
	n := 0
	for i, c := range b {
		switch {
		case class[c] == isDigit:
			if n == len(d) {
				return false
			}
			d[n] = c
			n++
		case c == '-' || c == ' ' || i == 0 && c == '(' || c == ')':
		default:
			return false
		}
	}
	if n < 10 || n > 12 || d[0] != '0' || d[1] == '0' {
		return false
	}
	area := 4
	if d[1] == '1' || d[1] == '2' {
		area = 3
	}
	rest := d[area:n]
	return (len(rest) == 7 || len(rest) == 8) && rest[0] >= '2' && rest[0] <= '8' && !dull(rest)
}

// issuer tells whether the digits start as a card of a known scheme does and are
// as many as its cards have.
func issuer(b []byte) bool {
	n := len(b)
	if n < 15 || n > 19 {
		return false
	}
	four := number(b[:4])
	two := four / 100
	switch {
	case b[0] == '4': // Visa
		return n == 16 || n == 19
	case two >= 51 && two <= 55 || four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case two == 62: // UnionPay
		return n >= 16
	case four >= 3528 && four <= 3589: // JCB
		return n == 16
	case four == 6011 || two == 65 || four >= 6440 && four <= 6499: // Discover
		return n == 16 || n == 19
	case four == 9558: // cards from before UnionPay
		return n == 19
	}
	return false
}

func luhn(b []byte) bool {
	sum := 0
	for i, c := range b {
		d := int(c - '0')
		if (len(b)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// sampleCards are numbers that payment services publish for tests.
var sampleCards = map[string]bool{
	"378282246310005": true, "371449635398431": true, "378734493671000": true, "6011000990139424": true,
	"3530111333300000": true, "3566002020360505": true, "4012888888881881": true, "5200828282828210": true,
	"4000056655665556": true, "2223003122003222": true, "4005519200000004": true, "4009348888881881": true,
	"4012000033330026": true, "4012000077777777": true, "4217651111111119": true, "4500600000000061": true,
	"2223000048400011": true, "4111111111111111": true, "4242424242424242": true, "5555555555554444": true,
	"5105105105105100": true, "6011111111111117": true, "4000002500003155": true, "5425233430109903": true,
	"2222420000001113": true, "374245455400126": true, "4263982640269299": true, "4263970000005262": true,
	"4917484589897107": true, "6250941006528599": true, "5454545454545454": true, "4462030000000000": true,
	"5019717010103742": true, "4988438843884305": true, "4166676667666746": true, "6771798021000008": true,
}

// bankCard checks the digits of a card: known issuer, length, Luhn; samples and
// numbers of few different digits are refused.
func bankCard(b []byte) bool {
	if !allDigits(b) || !issuer(b) || !luhn(b) {
		return false
	}
	var seen [10]bool
	distinct := 0
	for _, c := range b {
		if !seen[c-'0'] {
			seen[c-'0'] = true
			distinct++
		}
	}
	return distinct >= 4 && !sampleCards[string(b)]
}

// usccValue is the value of a character of GB 32100, -1 for what has none.
var usccValue = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		t[c] = int8(i)
	}
	return t
}()

// uscc checks 18 characters by GB 32100: a division code, the organisation's code
// with its own check of GB 11714, and a check modulo 31.
func uscc(b []byte) bool {
	if len(b) != 18 || !allDigits(b[2:8]) || !provinces[number(b[2:4])] && !bytes.HasPrefix(b[2:8], []byte("10")) {
		return false
	}
	if !strings.ContainsRune("123456789ANY", rune(b[0])) || usccValue[b[1]] < 0 {
		return false
	}
	sum, w := 0, 1
	for _, c := range b[:17] {
		v := usccValue[c]
		if v < 0 {
			return false
		}
		sum += int(v) * w
		w = w * 3 % 31
	}
	if int(usccValue[b[17]]) != (31-sum%31)%31 {
		return false
	}
	sum = 0
	for i, w := range [8]int{3, 7, 9, 10, 5, 8, 4, 2} {
		c := b[8+i]
		v := int(c - '0')
		if class[c] == isUpper {
			v = int(c-'A') + 10
		}
		sum += v * w
	}
	return b[16] == "0X987654321"[sum%11]
}

// letterDigits splits capital letters from the digits that follow them.
func letterDigits(b []byte) (letters, digits []byte, ok bool) {
	i := 0
	for i < len(b) && class[b[i]] == isUpper {
		i++
	}
	return b[:i], b[i:], i > 0 && allDigits(b[i:])
}

// passport checks the form of a Chinese passport's number.
func passport(b []byte) bool {
	l, d, ok := letterDigits(b)
	if !ok || len(b) != 9 || dull(d) {
		return false
	}
	switch len(l) {
	case 1:
		return strings.ContainsRune("EGDSPHM", rune(l[0]))
	case 2:
		return strings.ContainsRune("EDSP", rune(l[0])) && l[1] != 'I' && l[1] != 'O'
	}
	return false
}

// permit checks the form of a permit to or from Hong Kong, Macau or Taiwan.
func permit(b []byte) bool {
	l, d, ok := letterDigits(b)
	if !ok || dull(d) {
		return false
	}
	switch {
	case len(l) == 1 && strings.ContainsRune("HM", rune(l[0])):
		return len(d) == 8 || len(d) == 10
	case len(l) == 1 && strings.ContainsRune("CWLT", rune(l[0])):
		return len(d) == 8
	}
	return len(l) == 2 && l[0] == 'C' && l[1] != 'I' && l[1] != 'O' && len(d) == 7
}

// taiwanID checks a letter, sex and the weighted sum of an identity number.
func taiwanID(b []byte) bool {
	if len(b) != 10 || class[b[0]] != isUpper || !allDigits(b[1:]) || !strings.ContainsRune("1289", rune(b[1])) {
		return false
	}
	if dull(b[1:]) {
		return false
	}
	n := 10 + strings.IndexByte("ABCDEFGHJKLMNPQRSTUVXYWZIO", b[0])
	sum := n/10 + n%10*9
	for i, c := range b[1:9] {
		sum += int(c-'0') * (8 - i)
	}
	return (sum+int(b[9]-'0'))%10 == 0
}

// hongKongID checks one or two letters, six digits and the check character, which
// may stand in brackets.
func hongKongID(b []byte) bool {
	var c [9]byte
	n := 0
	for i, x := range b {
		if (x == '(' || x == ')') && i >= 7 {
			continue
		}
		if n == len(c) {
			return false
		}
		c[n] = x
		n++
	}
	l := n - 7
	if l != 1 && l != 2 || !allDigits(c[l:n-1]) || dull(c[l:n-1]) {
		return false
	}
	sum := 36 * 9
	for i, x := range c[:l] {
		if class[x] != isUpper {
			return false
		}
		v := int(x-'A') + 10
		if l == 2 && i == 0 {
			sum = v * 9
		} else {
			sum += v * 8
		}
	}
	for i, x := range c[l : n-1] {
		sum += int(x-'0') * (7 - i)
	}
	switch x := c[n-1]; {
	case x == 'A':
		sum += 10
	case class[x] == isDigit:
		sum += int(x - '0')
	default:
		return false
	}
	return sum%11 == 0
}

// plateHeads are the provinces' characters on plates.
const plateHeads = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

// plate checks a plate of mainland China: province, office, five or six letters and
// digits with at least two digits; 学警港澳挂 may be the last.
func plate(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	if n != 3 || !strings.ContainsRune(plateHeads, r) {
		return false
	}
	s = s[n:]
	if s == "" || class[s[0]] != isUpper {
		return false
	}
	s = strings.TrimLeft(s[1:], "·- .")
	count, digits := 0, 0
	for i, r := range s {
		switch {
		case r < 128 && class[byte(r)] == isDigit:
			digits++
		case r < 128 && class[byte(r)] == isUpper && r != 'I' && r != 'O':
		case i+3 == len(s) && strings.ContainsRune("学警港澳挂", r):
		default:
			return false
		}
		count++
	}
	return (count == 5 || count == 6) && digits >= 2
}

// ibanLengths are the lengths by country of the ISO 13616 registry.
var ibanLengths = func() map[string]int {
	t := map[string]int{}
	for s := range strings.FieldsSeq("AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 " +
		"EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 " +
		"LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 " +
		"SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20") {
		t[s[:2]] = number([]byte(s[2:]))
	}
	return t
}()

// iban checks country, length and ISO 7064 MOD 97-10; spaces are taken out before.
func iban(b []byte) bool {
	if len(b) < 15 || len(b) > 34 || class[b[0]] != isUpper || class[b[1]] != isUpper ||
		!allDigits(b[2:4]) || ibanLengths[string(b[:2])] != len(b) {
		return false
	}
	mod, distinct, seen := 0, 0, [256]bool{}
	for i := range b {
		c := b[(i+4)%len(b)]
		switch class[c] {
		case isDigit:
			mod = (mod*10 + int(c-'0')) % 97
		case isUpper:
			mod = (mod*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
		if !seen[c] {
			seen[c] = true
			distinct++
		}
	}
	return mod == 1 && distinct >= 5
}

// ssn checks nine digits by the rules of the Social Security Administration;
// numbers that were published as samples are refused.
func ssn(b []byte) bool {
	if len(b) != 9 || !allDigits(b) {
		return false
	}
	area := number(b[:3])
	if area == 0 || area == 666 || area >= 900 || number(b[3:5]) == 0 || number(b[5:]) == 0 || dull(b) {
		return false
	}
	s := string(b)
	return s != "078051120" && s != "219099999" && s != "457555462"
}

// nino checks the letters of a national insurance number.
func nino(b []byte) bool {
	if len(b) != 9 || class[b[0]] != isUpper || class[b[1]] != isUpper || !allDigits(b[2:8]) || b[8] < 'A' || b[8] > 'D' || dull(b[2:8]) {
		return false
	}
	if strings.IndexByte("DFIQUV", b[0]) >= 0 || strings.IndexByte("DFIOQUV", b[1]) >= 0 {
		return false
	}
	switch string(b[:2]) {
	case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ":
		return false
	}
	return true
}

// mrzDigit is the check digit of ICAO 9303 part 3, 255 for bytes of none.
func mrzDigit(parts ...[]byte) byte {
	sum, i := 0, 0
	for _, b := range parts {
		for _, c := range b {
			v := 0
			switch {
			case class[c] == isDigit:
				v = int(c - '0')
			case class[c] == isUpper:
				v = int(c-'A') + 10
			case c != '<':
				return 255
			}
			sum += v * [3]int{7, 3, 1}[i%3]
			i++
		}
	}
	return '0' + byte(sum%10)
}

// mrz checks the second line of a passport (44 characters) or card of size TD2
// (36) with all its check digits.
func mrz(b []byte) bool {
	if len(b) != 44 && len(b) != 36 {
		return false
	}
	if mrzDigit(b[:9]) != b[9] || mrzDigit(b[13:19]) != b[19] || mrzDigit(b[21:27]) != b[27] {
		return false
	}
	if !allDigits(b[13:19]) || !allDigits(b[21:27]) || strings.IndexByte("MFX<", b[20]) < 0 {
		return false
	}
	for _, c := range b[10:13] {
		if class[c] != isUpper && c != '<' {
			return false
		}
	}
	return mrzDigit(b[:10], b[13:20], b[21:len(b)-1]) == b[len(b)-1] && number(b[13:19]) > 0
}

// phone checks the digits of an E.164 number after its plus: 8 to 15, of a
// country code that is given out.
func phone(d []byte) bool {
	if len(d) < 9 || len(d) > 15 || d[0] == '0' || dull(d[len(d)-7:]) {
		return false
	}
	switch d[0] {
	case '1':
		return len(d) == 11 && d[1] >= '2' && d[4] >= '2'
	case '7':
		return len(d) == 11
	}
	switch two := number(d[:2]); two {
	case 86:
		return len(d) >= 12 && len(d) <= 14
	case 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
		60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 90, 91, 92, 93, 94, 95, 98:
		return true
	case 21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 85, 88, 96, 97, 99:
		return len(d) >= 10
	}
	return false
}

// roleNames are parts of e-mail addresses before the @ that are no person's.
var roleNames = map[string]bool{
	"git": true, "noreply": true, "no-reply": true, "donotreply": true, "root": true, "postmaster": true, "hostmaster": true,
	"webmaster": true, "mailer-daemon": true, "nobody": true, "user": true, "username": true, "you": true, "someone": true,
}

// noDomains are endings of what looks like a domain and is none, or is kept for
// samples by RFC 2606.
var noDomains = map[string]bool{
	"png": true, "jpg": true, "jpeg": true, "gif": true, "svg": true, "webp": true, "js": true, "css": true, "ts": true, "json": true,
	"service": true, "socket": true, "target": true, "timer": true, "mount": true, "so": true, "html": true, "xml": true, "conf": true,
	"local": true, "localdomain": true, "localhost": true, "invalid": true, "test": true, "example": true, "internal": true,
	"example.com": true, "example.org": true, "example.net": true, "openssh.com": true, "libssh.org": true,
}

// email checks an address by a strict form of RFC 5321 with a domain that may
// exist; roles and samples are refused.
func email(b []byte) bool {
	at := bytes.IndexByte(b, '@')
	if at < 1 || at > 64 || len(b) > 254 {
		return false
	}
	local, domain := b[:at], b[at+1:]
	last := byte('.')
	for _, c := range local {
		if class[c] == 0 && strings.IndexByte("._%+-", c) < 0 || c == '.' && last == '.' {
			return false
		}
		last = c
	}
	if last == '.' {
		return false
	}
	label, dots := 0, 0
	lastDot, prevDot := -1, -1
	for i, c := range domain {
		switch {
		case c == '.':
			if label == 0 || domain[i-1] == '-' {
				return false
			}
			label = 0
			dots++
			prevDot, lastDot = lastDot, i
		case class[c] != 0 || c == '-' && label > 0:
			if label++; label > 63 {
				return false
			}
		default:
			return false
		}
	}
	top := domain[lastDot+1:]
	if dots == 0 || len(top) < 2 || len(top) > 18 {
		return false
	}
	for _, c := range top {
		if class[c]&(isUpper|isLower) == 0 {
			return false
		}
	}
	var low [254]byte
	l := lower(low[:0], domain)
	if noDomains[string(l[lastDot+1:])] || noDomains[string(l[prevDot+1:])] {
		return false
	}
	return !roleNames[string(lower(low[:0], local))]
}

// lower appends b to dst in lower case ASCII.
func lower(dst, b []byte) []byte {
	for _, c := range b {
		if class[c] == isUpper {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
