package detect

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// valueCheck looks at one value of a structured file. It gives a public part, a
// fact in plain words, and whether the value is one at all.
type valueCheck func(v []byte) (public, detail string, ok bool)

// valueChecks are what [Rule.Check] may name in a record with a format.
var valueChecks = map[string]valueCheck{
	"crypt":     checkCrypt,
	"nthash":    checkNTHash,
	"basic":     checkBasic,
	"base64":    checkBase64Password,
	"token":     checkToken,
	"hex":       checkHex,
	"cpassword": checkCpassword,
	"setting":   checkSetting,
	"community": checkCommunity,
	"any":       func(v []byte) (public, detail string, ok bool) { return "", "", len(v) > 0 },
}

// checkCrypt knows the hashes of crypt(3) and those that web and mail servers
// put beside them, also behind their {SCHEME}.
func checkCrypt(v []byte) (about, detail string, ok bool) {
	s := string(v)
	if scheme, rest, found := strings.Cut(s, "}"); found && strings.HasPrefix(s, "{") && len(scheme) < 24 {
		name := strings.ToUpper(scheme[1:])
		if kind, ok := cryptKind(rest); ok && kind != "descrypt" {
			return "", kind, true
		}
		switch name {
		case "SHA", "SSHA", "SSHA256", "SSHA512", "SHA256", "SHA512", "SMD5", "MD5", "PBKDF2", "ARGON2I", "ARGON2ID", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256":
			return "", name, len(rest) >= 16 && !placeholder([]byte(rest))
		case "PLAIN", "CLEARTEXT":
			return "", "in the clear", !noValue([]byte(rest))
		}
		return "", "", false
	}
	if strings.HasPrefix(s, "$apr1$") && len(s) > 28 {
		return "", "Apache MD5", true
	}
	kind, ok := cryptKind(s)
	return "", kind, ok && printable(v)
}

// checkNTHash knows MD4 hashes of passwords as Samba writes them; that of the
// empty password and rows of X are none.
func checkNTHash(v []byte) (about, detail string, ok bool) {
	b, err := hex.DecodeString(string(v))
	if err != nil || len(b) != 16 || bytes.EqualFold(v, []byte("31d6cfe0d16ae931b73c59d7e0c089c0")) || bytes.EqualFold(v, []byte("aad3b435b51404eeaad3b435b51404ee")) {
		return "", "", false
	}
	return "", "NT hash", distinct(b) > 3
}

// checkBasic knows base64 of user:password.
func checkBasic(v []byte) (about, detail string, ok bool) {
	b, err := base64.StdEncoding.DecodeString(string(v))
	user, pass, found := bytes.Cut(b, []byte(":"))
	if err != nil || !found || noValue(pass) || !printable(user) {
		return "", "", false
	}
	return public(user), "", true
}

// checkBase64Password knows base64 of a password.
func checkBase64Password(v []byte) (about, detail string, ok bool) {
	b, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(v)))
	return "", "", err == nil && !noValue(b)
}

// checkToken knows random words: long, with digits, without spaces.
func checkToken(v []byte) (about, detail string, ok bool) {
	return "", "", len(v) >= 12 && printable(v) && !noValue(v) && entropy(v) > 3 && bytes.ContainsAny(v, "0123456789")
}

// checkHex knows keys of 128 bits and more in hex.
func checkHex(v []byte) (about, detail string, ok bool) {
	b, err := hex.DecodeString(string(bytes.TrimSpace(v)))
	return "", "", err == nil && len(b) >= 16 && distinct(b) > 4
}

// gppKey is the key of all passwords in group policy preferences, which
// Microsoft published: [MS-GPPREF] 2.2.1.1.4.
const gppKey = "4e9906e8fcb66cc9faf49310620ffee8f496e806cc057990209b09a433b66c1b"

// checkCpassword knows passwords of group policy preferences by decrypting them.
func checkCpassword(v []byte) (about, detail string, ok bool) {
	key, _ := hex.DecodeString(gppKey)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(v), "="))
	if err != nil || len(b) == 0 || len(b)%aes.BlockSize != 0 || len(b) > 4096 {
		return "", "", false
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", "", false
	}
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(b, b)
	pad := int(b[len(b)-1])
	ok = pad >= 1 && pad <= 16 && len(b) > pad && (len(b)-pad)%2 == 0
	clear(b)
	return "", "encrypted with a key that its maker published", ok
}

// checkSetting knows a password in a file of settings from a path, a reference,
// a call and the like.
func checkSetting(v []byte) (about, detail string, ok bool) {
	label := strings.ToLower(strings.Trim(string(v), " :*.!?"))
	return "", "", !noValue(v) && !words[label] && secretValue("password", v)
}

// checkCommunity knows communities of SNMP from those that everybody has.
func checkCommunity(v []byte) (about, detail string, ok bool) {
	return "", "", !noValue(v) && string(v) != "public" && string(v) != "private"
}
