package aws

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// accessKey is one pair of keys that may sign calls.
type accessKey struct {
	id, secret, token string
	account           string
	arn, userID       string
	kind              string // IAMUser, AssumedRole
	issuer            string // the role of a session
	expires           time.Time
}

func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// keyID makes an access key id that names its account the way AWS's own do:
// base32 over the account number shifted left by seven bits.
func keyID(prefix, account string, salt []byte) string {
	n, _ := strconv.ParseUint(account, 10, 64)
	var raw [10]byte
	copy(raw[:], salt)
	var word [8]byte
	binary.BigEndian.PutUint64(word[:], n<<7|uint64(salt[5]&0x7f))
	copy(raw[:6], word[2:])
	raw[0] |= 0x80
	return prefix + base32.StdEncoding.EncodeToString(raw[:])
}

func secretKey(salt []byte) string {
	return base64.StdEncoding.EncodeToString(salt[:30])
}

// fixedKey is the account's own key pair: the same in every run, so that
// printed instructions stay true.
func fixedKey(account string) *accessKey {
	salt := digest("lab key", account)
	return &accessKey{
		id: keyID("AKIA", account, salt), secret: secretKey(digest("lab secret", account)),
		account: account, kind: "IAMUser",
		arn: "arn:aws:iam::" + account + ":user/admin", userID: keyID("AIDA", account, salt),
	}
}

// sessionKey is what AssumeRole hands out.
func (w *World) sessionKey(account, role, session string, life time.Duration) *accessKey {
	w.serial++
	salt := digest("session", account, role, session, fmt.Sprint(w.serial))
	k := &accessKey{
		id: keyID("ASIA", account, salt), secret: secretKey(digest("session secret", string(salt))),
		token:   base64.StdEncoding.EncodeToString(append(salt, digest("token", string(salt))...)),
		account: account, kind: "AssumedRole",
		arn:     "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
		userID:  keyID("AROA", account, digest("role", account, role)) + ":" + session,
		issuer:  "arn:aws:iam::" + account + ":role/" + role,
		expires: w.now().Add(life),
	}
	w.keys[k.id] = k
	return k
}
