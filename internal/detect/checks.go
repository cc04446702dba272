package detect

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// checks are the offline checks that a [Rule] may name. Each gets the value and
// the window it stands in.
var checks = map[string]func(value []byte, w Window) bool{
	"age":             checkAge,
	"atlassian_crc":   checkAtlassian,
	"azure_sas":       checkSAS,
	"basic_auth":      checkBasicAuth,
	"base64_16":       checkBase64(16),
	"base64_32":       checkBase64(32),
	"base64_48":       checkBase64(48),
	"base64_64":       checkBase64(64),
	"base64_json":     checkBase64JSON,
	"der_private_key": checkDER,
	"github_crc":      checkGitHub,
	"gitlab":          checkGitLab,
	"grafana_crc":     checkGrafana,
	"hex_mixed":       checkHexMixed,
	"jwt":             checkJWT(otherJWT),
	"jwt_kubernetes":  checkJWT(kubernetesJWT),
	"jwt_supabase":    checkJWT(supabaseJWT),
	"mixed":           checkMixed,
	"nkey":            checkNKey,
	"no_run":          checkNoRun,
	"password":        checkPassword,
	"pem_private_key": checkPEM,
	"pypi":            checkPyPI,
	"secret":          checkSecret,
	"telegram":        checkTelegram,
	"uuid":            checkUUID,
	"wireguard":       checkWireGuard,
}

// checkGitHub holds when the last six characters are the CRC-32 of those after
// the prefix, in base 62: gh?_ and npm_ tokens.
func checkGitHub(v []byte, _ Window) bool {
	_, body, ok := bytes.Cut(v, []byte("_"))
	if !ok || len(body) < 12 {
		return false
	}
	n := len(body) - 6
	return bytes.Equal(base62(crc32.ChecksumIEEE(body[:n])), body[n:])
}

// checkGitLab holds for classic tokens, which have no checksum, and for routable
// ones when their last seven characters are the CRC-32 of all before them, in
// base 36.
func checkGitLab(v []byte, _ Window) bool {
	if bytes.IndexByte(v, '.') < 0 {
		// All but one in thousands have a capital or a digit.
		return bytes.ContainsAny(v, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	}
	n := len(v) - 7
	if n < 20 {
		return false
	}
	sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE(v[:n])), 36)
	return strings.Repeat("0", 7-len(sum))+sum == string(v[n:])
}

// checkGrafana holds when the eight hex digits after the last underscore are the
// CRC-32, in little endian, of all before it.
func checkGrafana(v []byte, _ Window) bool {
	i := bytes.LastIndexByte(v, '_')
	if i < 0 {
		return false
	}
	sum := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(v[:i]))
	return hex.EncodeToString(sum) == string(v[i+1:])
}

// checkAtlassian holds when the last eight hex digits are the CRC-32 of all
// before them.
func checkAtlassian(v []byte, _ Window) bool {
	n := len(v) - 8
	if n < 8 {
		return false
	}
	sum, err := strconv.ParseUint(string(v[n:]), 16, 32)
	return err == nil && crc32.ChecksumIEEE(v[:n]) == uint32(sum)
}

// claims are those of a JSON Web Token that tell what it opens.
type claims struct {
	Issuer string `json:"iss"`
	// Subject may be a number in tokens that are not quite right.
	Subject any     `json:"sub"`
	Role    string  `json:"role"`
	Ends    float64 `json:"exp"`
	// Namespaces of service accounts, in tokens of the old and the new form.
	OldNamespace string          `json:"kubernetes.io/serviceaccount/namespace"`
	Kubernetes   json.RawMessage `json:"kubernetes.io"`
}

func kubernetesJWT(c claims) bool { return c.OldNamespace != "" || len(c.Kubernetes) > 0 }

// supabaseJWT leaves out the anonymous role, whose key is for everybody.
func supabaseJWT(c claims) bool { return c.Issuer == "supabase" && c.Role == "service_role" }

func otherJWT(c claims) bool { return !kubernetesJWT(c) && c.Issuer != "supabase" }

// checkJWT holds for a JSON Web Token (RFC 7519) with a signature, of one kind:
// its header and claims are JSON objects and the header names an algorithm. One
// that is over opens nothing and is no secret any more.
func checkJWT(kind func(claims) bool) func([]byte, Window) bool {
	return func(v []byte, _ Window) bool {
		parts := bytes.Split(v, []byte("."))
		if len(parts) != 3 || len(parts[2]) < 20 {
			return false
		}
		var header struct {
			Alg string `json:"alg"`
		}
		var c claims
		if !unmarshal64(parts[0], &header) || header.Alg == "" || header.Alg == "none" || !unmarshal64(parts[1], &c) {
			return false
		}
		if c.Subject == "1234567890" {
			return false // everybody's sample
		}
		return kind(c) && (c.Ends == 0 || c.Ends > float64(time.Now().Unix()))
	}
}

func unmarshal64(text []byte, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(text, "=")))
	return err == nil && json.Unmarshal(b, v) == nil
}

// checkBase64 holds for standard base64 of exactly n bytes that look random.
func checkBase64(n int) func([]byte, Window) bool {
	return func(v []byte, _ Window) bool {
		b, err := base64.StdEncoding.DecodeString(string(v))
		return err == nil && len(b) == n && distinct(b) > n/3
	}
}

// checkBase64JSON holds for base64 of a JSON object: tokens that carry their
// claims, after a prefix that ends with an underscore or a hyphen.
func checkBase64JSON(v []byte, _ Window) bool {
	i := bytes.Index(v, []byte("eyJ"))
	if i < 0 {
		return false
	}
	body := strings.TrimRight(string(v[i:]), "=")
	body = strings.NewReplacer("+", "-", "/", "_").Replace(body)
	b, err := base64.RawURLEncoding.DecodeString(body)
	return err == nil && json.Valid(b)
}

// checkBasicAuth holds for base64 of user:password, with a password that is no
// placeholder.
func checkBasicAuth(v []byte, _ Window) bool {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(v), "="))
	if err != nil {
		return false
	}
	user, pass, ok := bytes.Cut(b, []byte(":"))
	return ok && len(user) > 0 && len(pass) > 3 && printable(user) && printable(pass) && !placeholder(pass)
}

// checkSAS holds for the query of a shared access signature of Azure: a version
// or a permission, an end, and a signature of 32 bytes. One that is over opens
// nothing and is no secret any more.
func checkSAS(v []byte, _ Window) bool {
	q, err := url.ParseQuery(strings.ReplaceAll(string(v), "&amp;", "&"))
	if err != nil {
		return false
	}
	// A + that was not escaped reads as a space.
	sig, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(q.Get("sig"), " ", "+"))
	if err != nil || len(sig) != 32 {
		return false
	}
	end := q.Get("se")
	if n, err := strconv.ParseInt(end, 10, 64); err == nil {
		return n > time.Now().Unix() // Service Bus counts seconds
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z", "2006-01-02"} {
		if t, err := time.Parse(form, end); err == nil {
			return t.After(time.Now())
		}
	}
	return end == "" && q.Get("si") != "" // the end stands in a stored policy
}

// checkUUID holds for a random UUID (RFC 9562, version 4).
func checkUUID(v []byte, _ Window) bool {
	return len(v) == 36 && v[14] == '4' && strings.IndexByte("89abAB", v[19]) >= 0 && distinct(v) > 8
}

// checkHexMixed holds for hex that looks random and is in one case.
func checkHexMixed(v []byte, _ Window) bool {
	s := string(v)
	return isHex(v) && strings.ContainsAny(s, "0123456789") && strings.ContainsAny(s, "abcdefABCDEF") &&
		(s == strings.ToLower(s) || s == strings.ToUpper(s))
}

// checkMixed holds for what has letters and digits, or letters in cases as only
// chance mixes them: words and identifiers of programs change case at each word
// only, numbers have no letters.
func checkMixed(v []byte, _ Window) bool {
	digits, letters, changes := 0, 0, 0
	var last byte
	for _, c := range v {
		if c >= '0' && c <= '9' {
			digits++
		}
		if low := c | 0x20; low >= 'a' && low <= 'z' {
			if letters > 0 && (c^last)&0x20 != 0 {
				changes++
			}
			letters++
			last = c
		}
	}
	return letters > 0 && (digits > 0 || letters >= 12 && changes*5 >= letters*2)
}

// checkTelegram holds for a bot's token: the bot's number, and 35 characters
// that begin with AA.
func checkTelegram(v []byte, _ Window) bool {
	id, key, ok := bytes.Cut(v, []byte(":"))
	return ok && len(id) >= 8 && id[0] != '0' && distinct(id) > 2 && len(key) == 35 && bytes.HasPrefix(key, []byte("AA")) && checkMixed(key, Window{})
}

// checkNKey holds for a seed of NATS: base32 of a prefix of two bytes, 32 random
// ones and the CRC-16 of them all.
func checkNKey(v []byte, _ Window) bool {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(v))
	if err != nil || len(b) != 36 {
		return false
	}
	return b[0]&0xF8 == 18<<3 && crc16(b[:34]) == binary.LittleEndian.Uint16(b[34:])
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, nothing reflected, from zero.
func crc16(b []byte) uint16 {
	var sum uint16
	for _, c := range b {
		sum ^= uint16(c) << 8
		for range 8 {
			if sum&0x8000 != 0 {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// checkAge holds for an identity of age: bech32 (BIP 173) with its checksum.
func checkAge(v []byte, _ Window) bool {
	s := strings.ToLower(string(v))
	i := strings.LastIndexByte(s, '1')
	if i < 1 || len(s)-i < 8 {
		return false
	}
	const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	var digits []byte
	for _, c := range []byte(s[:i]) {
		digits = append(digits, c>>5)
	}
	digits = append(digits, 0)
	for _, c := range []byte(s[:i]) {
		digits = append(digits, c&31)
	}
	for _, c := range []byte(s[i+1:]) {
		n := strings.IndexByte(alphabet, c)
		if n < 0 {
			return false
		}
		digits = append(digits, byte(n))
	}
	sum := uint32(1)
	for _, d := range digits {
		top := sum >> 25
		sum = sum&0x1FFFFFF<<5 ^ uint32(d)
		for bit, gen := range []uint32{0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3} {
			if top>>bit&1 == 1 {
				sum ^= gen
			}
		}
	}
	return sum == 1
}

// checkWireGuard holds for a private key of Curve25519 as wg genkey makes them:
// 32 bytes with the bits set that RFC 7748 asks for.
func checkWireGuard(v []byte, _ Window) bool {
	b, err := base64.StdEncoding.DecodeString(string(v))
	return err == nil && len(b) == 32 && b[0]&7 == 0 && b[31]&0xC0 == 0x40 && distinct(b) > 12
}

// checkPyPI holds for a token of PyPI: "pypi-" and a macaroon of version 2 whose
// place is pypi.org or test.pypi.org and whose signature has 32 bytes.
func checkPyPI(v []byte, _ Window) bool {
	text, ok := bytes.CutPrefix(v, []byte("pypi-"))
	b, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimRight(text, "=")))
	if !ok || err != nil || len(b) < 4 || b[0] != 2 {
		return false
	}
	place := ""
	for pos := 1; pos < len(b); {
		kind := b[pos]
		pos++
		if kind == 0 { // the end of a section
			continue
		}
		n, w := binary.Uvarint(b[pos:])
		if w <= 0 || n > uint64(len(b)-pos-w) {
			return false
		}
		field := b[pos+w : pos+w+int(n)]
		pos += w + int(n)
		switch kind {
		case 1:
			place = string(field)
		case 6: // the signature, the last field
			return len(field) == 32 && pos == len(b) && strings.HasSuffix(place, "pypi.org")
		}
	}
	return false
}

// checkPEM holds for a private key in PEM that parses, also with its line ends
// escaped as JSON does.
func checkPEM(v []byte, _ Window) bool {
	text := bytes.ReplaceAll(v, []byte(`\n`), []byte("\n"))
	title, _, ok := bytes.Cut(bytes.TrimPrefix(text, pemBegin), []byte("-----"))
	if !ok {
		return false
	}
	k, ok := pemKind(string(title), bytes.TrimSpace(text))
	return ok && k.checked
}

// checkDER holds for base64 of a private key in DER, without the lines of PEM.
func checkDER(v []byte, _ Window) bool {
	b, err := base64.StdEncoding.DecodeString(string(v))
	return err == nil && parses(b)
}

// checkNoRun holds for what has no run of six bytes in order: samples are typed
// along the alphabet.
func checkNoRun(v []byte, _ Window) bool {
	for i := range len(v) - 5 {
		if sequential(v[i : i+6]) {
			return false
		}
	}
	return true
}

// refuted tells whether a value has the form of a token that proves itself, and
// fails to.
func refuted(v []byte) bool {
	for _, p := range provable {
		if bytes.HasPrefix(v, []byte(p.prefix)) && len(v) >= p.size {
			return !p.check(v, Window{})
		}
	}
	return false
}

// provable are the tokens of [refuted], with the size from which they are whole.
var provable = []struct {
	prefix string
	size   int
	check  func([]byte, Window) bool
}{
	{"ghp_", 40, checkGitHub},
	{"gho_", 40, checkGitHub},
	{"ghu_", 40, checkGitHub},
	{"ghs_", 40, checkGitHub},
	{"ghr_", 40, checkGitHub},
	{"npm_", 40, checkGitHub},
	{"glsa_", 46, checkGrafana},
	{"ATATT3xFfGF0", 100, checkAtlassian},
	{"pypi-AgE", 80, checkPyPI},
	{"AGE-SECRET-KEY-1", 74, checkAge},
	{"eyJ", 40, func(v []byte, w Window) bool {
		if bytes.Count(v, []byte(".")) != 2 {
			return true // no JWT, so it proves nothing
		}
		return checkJWT(func(c claims) bool { return c.Issuer != "supabase" || c.Role != "anon" })(v, w)
	}},
}

// checkPassword holds for what people and programs choose as a password, where
// only the name before it says that it is one: letters and digits, and no name,
// path, address, number or variable.
func checkPassword(v []byte, _ Window) bool {
	if !printable(v) || refuted(v) || isUUID(v) || distinct(v) < 5 || strings.IndexByte("/$.&", v[0]) >= 0 {
		return false
	}
	if _, query, ok := bytes.Cut(v, []byte("&")); bytes.HasPrefix(v, []byte("__")) || ok && bytes.IndexByte(query, '=') >= 0 {
		return false
	}
	if !checkMixed(v, Window{}) && (symbols(v) < 2 || !bytes.ContainsAny(v, lowerCase) || !bytes.ContainsAny(v, upperCase)) {
		return false
	}
	return !bytes.Contains(v, []byte("://")) && !isName(v) && !isVariable(v)
}

// isVariable tells whether a value is a part of a thing in a program:
// process.env.DB_PASS.
func isVariable(v []byte) bool {
	thing, part, ok := bytes.Cut(v, []byte("."))
	return ok && len(thing) > 0 && len(part) > 0 && strings.Trim(string(thing), lowerCase+"_0123456789") == "" &&
		strings.IndexByte(lowerCase+upperCase+"_", part[0]) >= 0 && strings.Trim(string(part), lowerCase+upperCase+"_0123456789.!") == ""
}

// checkSecret holds for a random value of some length, where only the name
// before it says that it is a secret: no words in any case, no text in base64.
func checkSecret(v []byte, _ Window) bool {
	if !checkPassword(v, Window{}) || bytes.Count(v, []byte(".")) > 3 || bytes.Count(v, []byte("/")) > len(v)/8 || isName(sentence(v)) {
		return false
	}
	if containsAny(bytes.ToLower(v), "secret", "token", "password", "verylong") {
		return false // a name, or a sample: chance does not write words
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(v), "="))
	return err != nil || strings.Trim(string(b), lowerCase+upperCase+" ") != ""
}

// sentence writes words that begin with a capital, or are all of them, small.
func sentence(v []byte) []byte {
	out := bytes.Clone(v)
	for _, p := range bytes.FieldsFunc(out, func(c rune) bool { return c == '.' || c == '-' || c == '_' || c == '/' }) {
		low := bytes.ToLower(p)
		if bytes.Equal(p[1:], low[1:]) || bytes.Equal(p, bytes.ToUpper(p)) {
			copy(p, low)
		}
	}
	return out
}

// symbols counts signs that names, paths and calls don't have.
func symbols(v []byte) int {
	n := 0
	for _, c := range v {
		if strings.IndexByte("!@#%^*+?~", c) >= 0 {
			n++
		}
	}
	return n
}

func isUUID(v []byte) bool {
	return len(v) == 36 && v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-'
}

// isName tells whether a value is words joined by points, hyphens or lines, as
// variables and resources are named, maybe with numbers: scram-sha-256.
func isName(v []byte) bool {
	words := 0
	for _, p := range bytes.FieldsFunc(v, func(c rune) bool { return c == '.' || c == '-' || c == '_' || c == '/' }) {
		p = bytes.TrimRight(p, "0123456789")
		if strings.Trim(string(p), lowerCase) != "" || len(p) == 1 {
			return false
		}
		if len(p) > 0 {
			words++
		}
	}
	return words > 1
}

const (
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// published are secrets that stand in specifications and manuals, or that every
// copy of an emulator has: they look right and open nothing.
var published = map[string]bool{
	// RFC 6749, in its examples.
	"2YotnFZFEjr1zCsicMWpAA": true, "tGzv3JOkF0XG5Qx2TlKWIA": true, "SplxlOBeZQQYbYS6WxSbIA": true, "7Fjfp0ZBr1KtDRbnfVdmIw": true,
	"czZCaGRSa3F0MzpnWDFmQmF0M2JW": true,
	// RFC 6750 and 7617.
	"mF_9.B5f-4.1JqM": true, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==": true, "dGVzdDoxMjPCow==": true,
	// The emulators of Azure Storage and Cosmos DB.
	"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==": true,
	"C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==": true,
}

// base62 writes a checksum in six digits.
func base62(v uint32) []byte {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := []byte("000000")
	for i := 5; v > 0; i-- {
		out[i] = digits[v%62]
		v /= 62
	}
	return out
}
