package detect

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"strings"
)

// privateKey finds private keys in PEM (PKCS#1, PKCS#8, SEC 1, DSA, OpenSSH,
// PGP) and PuTTY's format, and tells by parsing whether they are encrypted.
type privateKey struct{}

// maxDER bounds the keys that are parsed: RSA of 16384 bits has 9.5 KB, but
// takes long to check.
const maxDER = 5 << 10

func (privateKey) Name() string { return "private_key" }

func (privateKey) Keywords() []string { return []string{"-----begin ", "putty-user-key-file-"} }

// Window has room for keys of 16384 bits, which are 12.5 KB of base64.
func (privateKey) Window() (before, after int) { return 0, 16 << 10 }

func (privateKey) Match(w Window) []Hit {
	if w.Data[w.Start] != '-' {
		return puttyKeys(w.File, w.Data[w.Start:])
	}
	return pemKeys(w.File, w.Data[w.Start:])
}

var pemBegin, pemEnd = []byte("-----BEGIN "), []byte("-----END ")

// pemKeys reads the block that data starts with.
func pemKeys(f File, data []byte) []Hit {
	rest, ok := bytes.CutPrefix(data, pemBegin)
	if !ok {
		return nil
	}
	title, _, ok := bytes.Cut(rest[:min(60, len(rest))], []byte("-----"))
	if !ok || !bytes.Contains(title, []byte("PRIVATE KEY")) {
		return nil
	}
	stop := bytes.Index(rest, pemEnd)
	if stop < 0 || bytes.Contains(rest[:stop], pemBegin) {
		return nil // without an end of its own
	}
	end := len(pemBegin) + stop + len(pemEnd) + len(title) + len("-----")
	if end > len(data) {
		return nil
	}
	if how, ok := pemKind(string(title), data[:end]); ok {
		return []Hit{keyHit(f, 0, end, how)}
	}
	return nil
}

// keyKind is what parsing told of a key.
type keyKind struct {
	name      string
	encrypted bool
	checked   bool
}

func keyHit(f File, start, end int, k keyKind) Hit {
	h := Hit{
		Type: "private_key", Class: Secret, Severity: High, Start: start, End: end, Detail: k.name + ", not encrypted",
		TitleEn: "private key", TitleZh: "私钥",
	}
	if k.encrypted {
		h.Severity, h.Detail = Medium, k.name+", encrypted with a passphrase"
	}
	switch {
	case strings.HasSuffix(f.Path, "/ssl-cert-snakeoil.key"):
		// Debian makes one on each machine, for tests: nobody trusts it.
		h.Severity = Low
	case strings.Contains(f.Path, "/etc/ssh/ssh_host_"):
		h.Severity, h.TitleEn, h.TitleZh = Medium, "SSH host key", "SSH 主机私钥"
	}
	if k.checked {
		h.Checked = "yes"
	}
	return h
}

// pemKind parses one block. ok is false for what only looks like a key.
func pemKind(title string, text []byte) (keyKind, bool) {
	k := keyKind{name: strings.TrimSpace(strings.TrimSuffix(title, "PRIVATE KEY"))}
	if strings.HasPrefix(title, "PGP ") {
		k.name = "OpenPGP"
		return k, len(text) > 200
	}
	b, _ := pem.Decode(straighten(text))
	if b == nil || len(b.Bytes) < 16 {
		return k, false
	}
	switch {
	case strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED"):
		k.encrypted = true
		return k, true
	case k.name == "OPENSSH":
		k.name = "OpenSSH"
		return opensshKind(k, b.Bytes)
	case k.name == "ENCRYPTED":
		k.name, k.encrypted = "PKCS#8", true
		return k, isSequence(b.Bytes)
	case k.name == "":
		k.name = "PKCS#8"
	}
	if !isSequence(b.Bytes) {
		return k, false
	}
	k.checked = parses(b.Bytes)
	return k, true
}

func isSequence(der []byte) bool {
	var raw asn1.RawValue
	_, err := asn1.Unmarshal(der, &raw)
	return err == nil && raw.Tag == asn1.TagSequence && raw.IsCompound
}

func parses(der []byte) bool {
	if len(der) > maxDER {
		return false
	}
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}

// opensshKind reads the head of openssh-key-v1 (PROTOCOL.key): magic, then the
// cipher's name, "none" for a key in the clear.
func opensshKind(k keyKind, b []byte) (keyKind, bool) {
	rest, ok := bytes.CutPrefix(b, []byte("openssh-key-v1\x00"))
	if !ok || len(rest) < 4 {
		return k, false
	}
	n := binary.BigEndian.Uint32(rest)
	if n == 0 || n > 64 || int(n) > len(rest)-4 {
		return k, false
	}
	k.encrypted = string(rest[4:4+n]) != "none"
	k.checked = true
	return k, true
}

// straighten undoes what configuration files do to PEM: \n written out, as in
// JSON, and indented lines, as in YAML.
func straighten(text []byte) []byte {
	if !bytes.ContainsRune(text, '\n') {
		text = bytes.ReplaceAll(text, []byte(`\n`), []byte("\n"))
	}
	var out []byte
	for _, line := range lines(text) {
		out = append(append(out, bytes.TrimSpace(line)...), '\n')
	}
	return out
}

// puttyKeys reads a key in PuTTY's own format that data starts with: it names
// its encryption, and ends with a MAC where the lines of the private part do.
func puttyKeys(f File, data []byte) []Hit {
	head, rest, ok := bytes.Cut(data, []byte("Encryption: "))
	if !ok || !bytes.HasPrefix(head, []byte("PuTTY-User-Key-File-")) || len(head) > 200 {
		return nil
	}
	cipher, _, _ := bytes.Cut(rest, []byte("\n"))
	i := bytes.Index(data, []byte("Private-Lines:"))
	if i < 0 {
		return nil
	}
	end := len(data)
	if j := bytes.Index(data[i:], []byte("Private-MAC:")); j >= 0 {
		end = i + j
		if n := bytes.IndexByte(data[end:], '\n'); n >= 0 {
			end += n + 1
		} else {
			end = len(data)
		}
	}
	k := keyKind{name: "PuTTY", encrypted: string(bytes.TrimSpace(cipher)) != "none", checked: true}
	return []Hit{keyHit(f, 0, end, k)}
}
