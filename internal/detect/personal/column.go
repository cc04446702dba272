package personal

import (
	"bytes"
	"encoding/hex"
	"math"
	"sort"
	"strings"
)

// Holding is one kind of value in a column.
type Holding struct {
	Kind   Kind
	Count  int64   // values of this kind
	Looked int64   // values that are not empty
	Share  float64 // Count of Looked, 0 to 1
	// Distinct is how many different ones there are, about so beyond a thousand.
	Distinct int64
	// Within is set when the values stand within longer text.
	Within bool
}

// Column tells what the values of one column are. It keeps counts and keyed
// hashes, no values: a few hundred KiB at most, two MiB when long text holds much. The zero Column is of no use. It is
// not safe for concurrent use.
type Column struct {
	name   string
	hints  kindSet
	called bool // it is a name of something
	dates  bool // the type says that it holds dates
	whole  bool // what stands within longer text is not looked for

	looked int64
	counts [kinds]int64
	sets   [kinds]*set
	heads  heads // of mobile numbers
	within *text // what stands within longer values
}

// Bounds of what a column looks at.
const (
	cellMax   = 512  // bytes of a value; of longer ones this much is looked at
	idleAfter = 1000 // values after which a column without any is left alone
)

// NewColumn begins a column. typ is its type as the database writes it; it may be
// empty.
func NewColumn(name, typ string) *Column {
	c := &Column{name: name, hints: hints(name)}
	switch strings.Join(nameWords(name), "") {
	case "name", "username", "uname", "nickname", "mingzi", "mc", "author", "operator", "creator", "createdby":
		c.called = true
	}
	typ = strings.ToLower(typ)
	c.dates = strings.HasPrefix(typ, "date") || strings.HasPrefix(typ, "time")
	if strings.HasPrefix(typ, "bool") || strings.HasPrefix(typ, "tinyint") || strings.HasPrefix(typ, "bit") || typ == "smallint" {
		c.hints = 0
	}
	return c
}

// Idle tells that looking at more values of the column would not change that
// nothing is in it.
func (c *Column) Idle() bool {
	if c.looked < idleAfter || c.hints != 0 {
		return false
	}
	for k := None + 1; k < kinds; k++ {
		if c.counts[k]*20 > c.looked {
			return false
		}
	}
	return c.within == nil || !c.within.found()
}

// Add looks at one value as the database's client would print it; an empty one
// and the word NULL do not count.
func (c *Column) Add(value []byte) {
	v := bytes.Trim(value, " \t\r\n\x00")
	if len(v) == 0 || len(v) == 4 && strings.EqualFold(string(v), "null") || len(v) == 1 && (v[0] == '-' || v[0] == '/') {
		return
	}
	c.looked++
	if c.looked%1024 == 0 && c.Idle() {
		return
	}
	found := c.classify(v)
	if len(v) > 24 && found == 0 && !c.whole {
		if c.within == nil {
			c.within = &text{}
		}
		part := v[:min(len(v), 4096)]
		c.within.done, c.within.house = 0, 0
		c.within.scan(part, 0, len(part), 0)
	}
	for k := None + 1; k < kinds; k++ {
		if !found.has(k) {
			continue
		}
		c.counts[k]++
		if c.sets[k] == nil {
			c.sets[k] = &set{max: columnSetMax}
		}
		c.sets[k].add(v)
	}
}

// classify gives all kinds whose form the value has, as far as the column's name
// lets them count.
func (c *Column) classify(v []byte) kindSet {
	var s kindSet
	mark := func(k Kind, ok bool) {
		if ok {
			s |= 1 << k
		}
	}
	full := v
	v = v[:min(len(v), cellMax)]
	digits, letters, spaces, others, wide := 0, 0, 0, 0, 0
	for _, b := range v {
		switch {
		case class[b] == isDigit:
			digits++
		case class[b] != 0:
			letters++
		case b == ' ' || b == '-':
			spaces++
		case b >= 0x80:
			wide++
		default:
			others++
		}
	}
	c.secrets(full, v, mark)
	if len(v) <= 64 && wide == 0 {
		c.numbers(v, digits, letters, spaces, others, mark)
	}
	if others > 0 && letters > 3 {
		mark(Email, email(v))
	}
	if wide > 0 {
		str := toUTF8(v)
		mark(Plate, wide <= 6 && plate(str))
		mark(Name, hanName(str))
		mark(Address, hanAddress(str))
		if c.hints.has(Name) && !s.has(Name) {
			mark(Name, len(str) <= 60 && (latinName(str) || hanCount(str) >= 2 && hanCount(str) <= 6 && hanCount(str)*3 == len(str)))
		}
		if c.hints.has(Address) {
			mark(Address, hanCount(str) >= 4)
		}
	} else if c.hints&setOf(Name, Address) != 0 {
		mark(Name, c.hints.has(Name) && digits == 0 && letters >= 2 && latinName(string(v)))
		mark(Address, c.hints.has(Address) && latinAddress(string(v)))
	}
	c.byName(v, digits, letters, wide, mark)
	return s
}

// numbers looks for what is made of digits and a few letters.
func (c *Column) numbers(v []byte, digits, letters, spaces, others int, mark func(Kind, bool)) {
	if digits < 5 {
		return
	}
	var buf [64]byte
	d := v
	if spaces+others > 0 { // without what people put between
		d = buf[:0]
		for _, b := range v {
			if class[b] != 0 {
				d = append(d, b)
			}
		}
	}
	plain := others == 0 && letters == 0
	switch n := len(d); {
	case letters == 0:
		mark(ResidentID, n == 18 && plain && residentID(d) || n == 15 && plain && c.hints.has(ResidentID) && oldResidentID(d))
		mark(USCC, n == 18 && plain && uscc(d))
		mark(BankCard, n >= 15 && plain && bankCard(d))
		m := d
		if n > 11 {
			m = bytes.TrimPrefix(bytes.TrimPrefix(d, []byte("00")), []byte("86"))
		}
		if (others == 0 || n > 11) && mobile(m) {
			mark(Mobile, true)
			c.heads.add(m)
		}
		mark(Phone, v[0] == '+' && phone(d) || c.hints.has(Phone) && n >= 7 && n <= 15 && !dull(d) && others <= 3)
		mark(Landline, c.hints.has(Landline) && n >= 7 && (landline(v) || n <= 8 && plain && d[0] >= '2' && d[0] <= '8'))
		mark(SSN, n == 9 && others == 0 && ssn(d) && (c.hints.has(SSN) || len(v) == 11 && v[3] == '-' && v[6] == '-'))
		mark(Permit, c.hints.has(Permit) && (n == 8 || n == 10) && plain && spaces == 0 && !dull(d))
	case letters == 1 && (d[n-1] == 'X' || d[n-1] == 'x') && digits == 17:
		mark(ResidentID, others == 0 && residentID(d))
		mark(USCC, others == 0 && uscc(d))
	default:
		mark(USCC, n == 18 && others == 0 && uscc(d))
		mark(IBAN, n >= 15 && others == 0 && iban(d))
		mark(TaiwanID, n == 10 && others == 0 && taiwanID(d))
		mark(HongKongID, n >= 8 && n <= 9 && others <= 2 && spaces == 0 && hongKongID(v))
		mark(NINO, n == 9 && others == 0 && nino(d))
		mark(Permit, c.hints.has(Permit) && others == 0 && spaces == 0 && permit(d))
		mark(Passport, others == 0 && spaces == 0 && (passport(d) || c.hints.has(Passport) && n >= 7 && n <= 9 && letters <= 3))
	}
	if bytes.IndexByte(v, '<') > 0 {
		mark(MRZ, mrz(v))
	}
	if c.hints.has(Passport) && letters == 0 && plain && spaces == 0 && digits >= 8 && digits <= 9 {
		mark(Passport, !dull(d))
	}
}

// byName looks for what only the column's name can tell.
func (c *Column) byName(v []byte, digits, letters, wide int, mark func(Kind, bool)) {
	if c.hints&setOf(BirthDate, Health, Biometric, Origin, Location, Income) == 0 {
		return
	}
	mark(BirthDate, c.hints.has(BirthDate) && birthDate(v))
	mark(Health, c.hints.has(Health) && (wide >= 6 || letters >= 4 || letters >= 1 && digits >= 2 || bloodType(v)))
	mark(Biometric, c.hints.has(Biometric) && len(v) >= 32)
	mark(Origin, c.hints.has(Origin) && digits == 0 && (wide >= 3 || letters >= 4))
	mark(Income, c.hints.has(Income) && digits >= 2 && decimal(v, 0))
	mark(Location, c.hints.has(Location) && decimal(v, 4))
}

// secrets looks for what opens something.
func (c *Column) secrets(full, v []byte, mark func(Kind, bool)) {
	if len(v) >= 20 && v[0] == '-' && bytes.HasPrefix(v, []byte("-----BEGIN ")) && bytes.Contains(v[:min(len(v), 64)], []byte("PRIVATE KEY")) {
		mark(PrivateKey, len(full) > 100)
		return
	}
	hash := passwordHash(v)
	if c.hints.has(PasswordHash) {
		hash = hash || hexHash(v)
	}
	mark(PasswordHash, hash)
	if c.hints&setOf(Password, Token, OTPSecret) == 0 || hash {
		return
	}
	graph := true
	for _, b := range v {
		graph = graph && b > ' ' && b < 0x7F
	}
	if !graph || c.dates || birthDate(v) {
		return
	}
	e := entropy(v)
	mark(Password, c.hints.has(Password) && len(v) >= 4 && len(v) <= 64 && e > 1 && !filler(v))
	mark(Token, c.hints.has(Token) && len(v) >= 16 && e >= 3 && !filler(v))
	mark(OTPSecret, c.hints.has(OTPSecret) && base32Text(v))
}

// A rule is when a kind counts in a column.
type columnRule struct {
	// share of the values that must be of the kind, without and with a hint of the
	// name; 0 means never.
	share, hinted float64
	// least values, and distinct ones, without a hint.
	least, variety int64
}

var columnRules = [kinds]columnRule{
	ResidentID:   {.8, .3, 3, 3},
	Mobile:       {.95, .5, 10, 8},
	Landline:     {0, .6, 0, 0},
	Phone:        {.95, .6, 10, 8},
	BankCard:     {.8, .3, 5, 5},
	USCC:         {.8, .3, 3, 3},
	Passport:     {0, .6, 0, 0},
	Permit:       {0, .6, 0, 0},
	TaiwanID:     {.9, .3, 8, 8},
	HongKongID:   {.9, .3, 8, 8},
	Plate:        {.95, .5, 5, 5},
	Name:         {.9, .6, 20, 15},
	Address:      {.8, .5, 5, 5},
	Email:        {.8, .4, 3, 3},
	IBAN:         {.8, .3, 3, 3},
	SSN:          {0, .6, 0, 0},
	NINO:         {.95, .6, 20, 20},
	BirthDate:    {0, .8, 0, 0},
	MRZ:          {.5, .3, 1, 1},
	Health:       {0, .5, 0, 0},
	Biometric:    {0, .5, 0, 0},
	Origin:       {0, .6, 0, 0},
	Location:     {0, .8, 0, 0},
	Income:       {0, .8, 0, 0},
	PasswordHash: {.5, .3, 1, 1},
	Password:     {0, .8, 0, 0},
	Token:        {0, .7, 0, 0},
	PrivateKey:   {.01, .01, 1, 1},
	OTPSecret:    {0, .7, 0, 0},
}

// order is which kinds come first where the same values are of several:
// from what is proved by a check to what is form only.
var order = []Kind{
	PrivateKey, PasswordHash, MRZ, ResidentID, IBAN, USCC, BankCard, Email, Plate, Mobile, OTPSecret, Token, Password,
	TaiwanID, HongKongID, NINO, SSN, Passport, Permit, Landline, Phone, Biometric, Health, Address, Origin, BirthDate, Location, Income, Name,
}

// Result gives what the column holds, the surest first; nothing when the values
// do not bear out what name or form suggest. It may be asked again.
func (c *Column) Result() []Holding {
	var out []Holding
	taken, either := int64(0), int64(0)
	for k := range kinds {
		if logins.has(k) {
			either += c.counts[k]
		}
	}
	mixed := c.looked >= 20 && float64(either) >= .95*float64(c.looked)
	for _, k := range order {
		n := c.counts[k]
		if n == 0 || c.looked == 0 {
			continue
		}
		share := float64(n) / float64(c.looked)
		distinct, _ := c.sets[k].count()
		r := columnRules[k]
		switch {
		case c.hints.has(k) && share >= r.hinted:
		case r.share > 0 && share >= r.share && n >= r.least && distinct >= r.variety && c.varied(k, n, distinct):
		case k == Name && c.called && share >= r.share && n >= 3 && distinct*2 > n:
		case mixed && logins.has(k) && n*10 >= c.looked && n >= r.least && c.varied(k, n, distinct):
		default:
			continue
		}
		if k == Income && distinct < 2 && n > 2 || k == Password && distinct == 1 && n > 2 && c.counts[Password] < c.looked/2 {
			continue
		}
		// What is taken by a surer kind is not there twice: mixed columns hold more
		// than one, each in its own values.
		if taken+n > c.looked {
			continue
		}
		taken += n
		out = append(out, Holding{Kind: k, Count: n, Looked: c.looked, Share: share, Distinct: distinct})
	}
	if taken == 0 && c.within != nil {
		for _, k := range order {
			if t := c.within.tallies[k]; t != nil {
				if n, _, ok := t.verdict(k, 0); ok {
					out = append(out, Holding{Kind: k, Count: t.valid, Looked: c.looked, Share: min(1, float64(t.valid)/float64(c.looked)), Distinct: n, Within: true})
				}
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Count > out[j].Count })
	return out
}

// logins are what people log in with: columns hold several of them mixed.
const logins kindSet = 1<<Email | 1<<Mobile | 1<<ResidentID | 1<<Phone

// varied tells whether values of a form that chance has too are as different as
// those of people: counters share their first digits, words come again.
func (c *Column) varied(k Kind, n, distinct int64) bool {
	switch k {
	case Name:
		return distinct*2 >= n
	case Mobile:
		return distinct*4 >= n && c.heads.varied(5)
	case Phone, BankCard, NINO, TaiwanID, HongKongID:
		return distinct*4 >= n
	}
	return true
}

func hanCount(s string) int {
	n := 0
	for _, r := range s {
		if r >= 0x3400 && r <= 0x9FFF || r == '·' {
			n++
		}
	}
	return n
}

// birthDate tells a date of someone's birth: 1990-01-31, 1990/1/31, 19900131,
// 1990年1月31日, also with a time after it, or 31.01.1990.
func birthDate(b []byte) bool {
	var f [3]int
	var w [3]int
	n, in := 0, false
	for i := 0; i < len(b) && i < 20; i++ {
		c := b[i]
		if class[c] != isDigit {
			if in {
				in = false
				if n++; n == 3 {
					break
				}
			}
			if class[c] != 0 || i == 0 {
				return false
			}
			continue
		}
		in = true
		f[n] = f[n]*10 + int(c-'0')
		if w[n]++; w[n] > 8 {
			return false
		}
	}
	switch {
	case w[0] == 8 && w[1] == 0:
		return validDate(f[0]/10000, f[0]/100%100, f[0]%100)
	case w[0] == 4 && w[1] <= 2 && w[2] <= 2:
		return validDate(f[0], f[1], f[2])
	case w[2] == 4 && w[0] <= 2 && w[1] <= 2:
		return validDate(f[2], f[1], f[0]) || validDate(f[2], f[0], f[1])
	}
	return false
}

func bloodType(b []byte) bool {
	switch strings.TrimRight(strings.ToUpper(string(b)), "+-型 ") {
	case "A", "B", "AB", "O":
		return true
	}
	return false
}

// decimal tells a number with at least so many digits after its point.
func decimal(b []byte, places int) bool {
	point, after, before := false, 0, 0
	for i, c := range b {
		switch {
		case class[c] == isDigit && point:
			after++
		case class[c] == isDigit:
			before++
		case c == '.' && !point:
			point = true
		case i == 0 && (c == '-' || c == '+'):
		case c == ',' && before > 0 && !point:
		default:
			return false
		}
	}
	return before > 0 && after >= places
}

// passwordHash tells the forms that nothing but a password's hash has.
func passwordHash(v []byte) bool {
	if len(v) < 13 || strings.IndexByte("*${pbasSm", v[0]) < 0 {
		return false
	}
	s := string(v)
	switch {
	case s[0] == '*' && len(s) == 41: // MySQL
		_, err := hex.DecodeString(s[1:])
		return err == nil && strings.ToUpper(s) == s
	case s[0] == '$':
		for _, p := range []string{"$1$", "$2a$", "$2b$", "$2y$", "$2x$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$argon2", "$P$", "$H$", "$S$", "$apr1$", "$scrypt$", "$pbkdf2", "$A$", "$sha1$"} {
			if strings.HasPrefix(s, p) {
				return len(s) >= 26 && strings.IndexByte(s, ' ') < 0
			}
		}
	case s[0] == '{':
		for _, p := range []string{"{SSHA", "{SHA", "{SMD5}", "{MD5}", "{CRYPT}", "{bcrypt}", "{pbkdf2}", "{argon2}", "{scrypt}", "{SCRAM-"} {
			if len(s) > len(p) && strings.EqualFold(s[:len(p)], p) {
				return len(s) >= len(p)+16
			}
		}
	}
	for _, p := range []string{"pbkdf2_sha256$", "pbkdf2_sha1$", "bcrypt$", "bcrypt_sha256$$", "argon2$argon2", "scrypt$", "SCRAM-SHA-", "pbkdf2:sha", "scrypt:", "sha1$", "md5$", "sha256$", "pbkdf2_sha512$"} {
		if strings.HasPrefix(s, p) {
			return len(s) >= 36 && strings.Count(s, "$")+strings.Count(s, ":") >= 2
		}
	}
	return len(s) == 35 && strings.HasPrefix(s, "md5") && hexHash(v[3:]) // PostgreSQL
}

// hexHash tells a hash in hex by its length; in a column of passwords only.
func hexHash(v []byte) bool {
	s := bytes.TrimPrefix(v, []byte("0x"))
	switch len(s) {
	case 16, 32, 40, 56, 64, 96, 128:
		for _, c := range s {
			if class[c] != isDigit && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
		return len(s) > 16 && entropy(s) > 2.5
	}
	return false
}

func base32Text(v []byte) bool {
	s := bytes.TrimRight(bytes.ReplaceAll(v, []byte(" "), nil), "=")
	if len(s) < 16 || len(s) > 128 {
		return false
	}
	for _, c := range s {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return entropy(s) > 2.5
}

// filler tells values that stand for none.
func filler(v []byte) bool {
	var buf [cellMax]byte
	low := string(lower(buf[:0], v))
	for _, f := range []string{"***", "xxxx", "null", "none", "true", "false", "changeme", "example", "redacted", "placeholder", "${", "{{", "<", "disabled", "string", "text", "varchar"} {
		if strings.HasPrefix(low, f) {
			return true
		}
	}
	return false
}

// entropy of the bytes in bits a byte.
func entropy(v []byte) float64 {
	var n [256]int
	for _, c := range v {
		n[c]++
	}
	e := 0.0
	for _, x := range n {
		if x > 0 {
			p := float64(x) / float64(len(v))
			e -= p * math.Log2(p)
		}
	}
	return e
}
