package corpus

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
)

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	base62 = digits + uppers + lowers
)

func (g *gen) from(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

func (g *gen) letters(n int) string { return g.from(lowers, n) }
func (g *gen) alnum(n int) string   { return g.from(base62, n) }
func (g *gen) hex(n int) string     { return g.from("0123456789abcdef", n) }
func (g *gen) HEX(n int) string     { return g.from("0123456789ABCDEF", n) }
func (g *gen) digits(n int) string  { return g.from("123456789", 1) + g.from(digits, n-1) }

// url64 is of the alphabet of base64url, with a letter or digit at its ends.
func (g *gen) url64(n int) string { return g.alnum(1) + g.from(base62+"-_", n-2) + g.alnum(1) }

func (g *gen) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g *gen) base64(n int) string { return base64.StdEncoding.EncodeToString(g.bytes(n)) }

func (g *gen) uuid() string {
	b := g.bytes(16)
	b[6], b[8] = b[6]&15|0x40, b[8]&0x3F|0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func in(base int, alphabet string, v uint32, width int) string {
	s := ""
	for range width {
		s, v = string(alphabet[v%uint32(base)])+s, v/uint32(base)
	}
	return s
}

func sum62(s string) string { return in(62, base62, crc32.ChecksumIEEE([]byte(s)), 6) }

// classic is a token as GitHub and npm make them.
func (g *gen) classic(prefix string) string {
	body := g.alnum(30)
	return prefix + body + sum62(body)
}

func (g *gen) gitlab(prefix string) string {
	s := prefix + base64.RawURLEncoding.EncodeToString(g.bytes(27)) + ".01." + g.from(digits+lowers, 2)
	return s + fmt.Sprintf("%07s", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(s))), 36))
}

func (g *gen) grafana() string {
	s := "glsa_" + g.alnum(32)
	return s + "_" + hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}

func (g *gen) atlassian(prefix string, n int, mark string) string {
	s := prefix + g.url64(n) + mark
	return fmt.Sprintf("%s%08X", s, crc32.ChecksumIEEE([]byte(s)))
}

func (g *gen) jwt(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(claims)) + "." + enc(g.bytes(32))
}

func (g *gen) sas(end string) string {
	return "sv=2023-11-03&ss=b&srt=co&sp=rl&se=" + url.QueryEscape(end) + "&spr=https&sig=" + url.QueryEscape(g.base64(32))
}

// awsID holds an account's number, as AWS makes them.
func (g *gen) awsID(prefix string) string {
	var b [10]byte
	copy(b[:], g.bytes(10))
	n := (g.Uint64N(9e11)+1e11)<<7 | uint64(b[5]&0x7F)
	n |= 1 << 47 // ids of today
	for i := range 6 {
		b[i] = byte(n >> (40 - 8*i))
	}
	return prefix + base32.StdEncoding.EncodeToString(b[:])
}

func (g *gen) nkey() string {
	b := append([]byte{0x95, 0}, g.bytes(32)...)
	sum := uint16(0)
	for _, c := range b {
		sum ^= uint16(c) << 8
		for range 8 {
			carry := sum>>15 == 1
			sum <<= 1
			if carry {
				sum ^= 0x1021
			}
		}
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(binary.LittleEndian.AppendUint16(b, sum))
}

func (g *gen) wireguard() string {
	b := g.bytes(32)
	b[0] &= 0xF8
	b[31] = b[31]&0x7F | 0x40
	return base64.StdEncoding.EncodeToString(b)
}

func (g *gen) pypi() string {
	part := func(kind byte, s string) string { return string([]byte{kind, byte(len(s))}) + s }
	s := "\x02" + part(1, "pypi.org") + part(2, g.uuid()) + "\x00" + part(2, `[3, "`+g.uuid()+`"]`) + "\x00\x00" + part(6, string(g.bytes(32)))
	return "pypi-" + base64.RawURLEncoding.EncodeToString([]byte(s))
}

// password is one as people make them: words with something on top, or random.
func (g *gen) password() string {
	word := func() string {
		return g.of("Winter", "tiger", "Shanghai", "coffee", "Rocket", "summer", "Dragon", "blue", "qing", "Berlin", "monkey", "Haidian", "server", "Orange")
	}
	switch g.IntN(4) {
	case 0:
		return word() + g.of("@", "#", "!", "_", ".") + strconv.Itoa(1000+g.IntN(9000))
	case 1:
		return g.from(base62+"!@%^*_+-", 10+g.IntN(10)) + g.alnum(2)
	case 2:
		return g.alnum(8 + g.IntN(12))
	}
	return word() + word() + strconv.Itoa(10+g.IntN(90)) + g.of("!", "*", "")
}

func words(s string) []string { return strings.Fields(s) }
