package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"strings"
)

// secrets makes values that have the right form and valid checksums, and that
// nobody ever issued.
type secrets struct{ rnd *rand.Rand }

func newSecrets(seed string) *secrets {
	return &secrets{rand.New(rand.NewChaCha8(sha256.Sum256([]byte(seed))))} //nolint:gosec // must be the same in every build
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
	base62 = digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lower
	crypt  = "./" + base62
)

func (s *secrets) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.rnd.IntN(len(alphabet))]
	}
	return string(b)
}

func (s *secrets) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rnd.UintN(256))
	}
	return b
}

func (s *secrets) password() string { return s.text(base62, 14) + "!" + s.text(digits, 3) }

// awsKey is an access key pair whose id names the account, as AWS's do.
func (s *secrets) awsKey(account string) (id, secret string) {
	n, _ := strconv.ParseUint(account, 10, 64) // constants of this program
	raw := s.bytes(10)
	var word [8]byte
	binary.BigEndian.PutUint64(word[:], n<<7|uint64(raw[5]&0x7f))
	copy(raw, word[2:])
	raw[0] |= 0x80
	return "AKIA" + base32.StdEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(s.bytes(30))
}

// github is a personal access token with its CRC-32 in base 62.
func (s *secrets) github() string {
	body := s.text(base62, 30)
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := make([]byte, 6)
	for i := range tail {
		tail[5-i] = base62[sum%62]
		sum /= 62
	}
	return "ghp_" + body + string(tail)
}

func (s *secrets) shadow(user string) string {
	return user + ":$6$" + s.text(crypt, 16) + "$" + s.text(crypt, 86) + ":20150:0:99999:7:::\n"
}

// sshKey is an unencrypted OpenSSH ed25519 key pair.
func (s *secrets) sshKey(comment string) (private, public string) {
	key := ed25519.NewKeyFromSeed(s.bytes(32))
	pub, _ := key.Public().(ed25519.PublicKey)
	field := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
			out = append(out, p...)
		}
		return out
	}
	blob := field([]byte("ssh-ed25519"), pub)
	check := s.bytes(4)
	inner := append(append([]byte{}, check...), check...)
	inner = append(inner, field([]byte("ssh-ed25519"), pub, key, []byte(comment))...)
	for i := byte(1); len(inner)%8 != 0; i++ {
		inner = append(inner, i)
	}
	out := append([]byte("openssh-key-v1\x00"), field([]byte("none"), []byte("none"), nil)...)
	out = binary.BigEndian.AppendUint32(out, 1)
	out = append(out, field(blob, inner)...)
	private = string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: out}))
	return private, "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob) + " " + comment + "\n"
}

// tlsKey is an unencrypted PKCS #8 key.
func (s *secrets) tlsKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(s.bytes(32)))
	if err != nil {
		return "" // an ed25519 key always encodes
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// card is a payment card number of a test range with a valid Luhn digit.
func (s *secrets) card() string {
	body := "411111" + s.text(digits, 9)
	sum := 0
	for i := range body {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return body + strconv.Itoa((10-sum%10)%10)
}

// residentID is a Chinese resident identity number with a valid MOD 11-2 digit
// (GB 11643-1999).
func (s *secrets) residentID() string {
	area := []string{"110105", "310104", "440305", "330106", "510107"}[s.rnd.IntN(5)]
	body := fmt.Sprintf("%s%04d%02d%02d%03d", area, 1950+s.rnd.IntN(55), 1+s.rnd.IntN(12), 1+s.rnd.IntN(28), s.rnd.IntN(1000))
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(body[i]-'0') * w
	}
	return body + string("10X98765432"[sum%11])
}

func (s *secrets) person() (name, mail string) {
	given := []string{"Alice", "Bruno", "Chen", "Daria", "Emeka", "Fatima", "Goran", "Hana", "Ivan", "Julia", "Kenji", "Lin", "Marta", "Noor"}
	family := []string{"Novak", "Okafor", "Wang", "Silva", "Tanaka", "Keller", "Zhang", "Rossi", "Haddad", "Larsen", "Dubois", "Costa"}
	g, f := given[s.rnd.IntN(len(given))], family[s.rnd.IntN(len(family))]
	return g + " " + f, strings.ToLower(g+"."+f) + s.text(digits, 3) + "@example.com"
}
