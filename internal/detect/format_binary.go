package detect

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what PKCS#12 files are made with
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"hash"
)

// readKeytab reads a Kerberos key table, version 0x0502 of MIT: entries of a
// principal and a key, behind their size; a negative size is a hole.
func readKeytab(data []byte, yield func(field) bool) {
	if !bytes.HasPrefix(data, []byte{5, 2}) {
		return
	}
	for pos, n := 2, 0; pos+4 <= len(data); n++ {
		size := int(int32(binary.BigEndian.Uint32(data[pos:])))
		pos += 4
		if size < 0 && size > -len(data) {
			pos -= size
			continue
		}
		if size <= 0 || size > len(data)-pos {
			return
		}
		e := entry{data: data[:pos+size], pos: pos}
		pos += size
		parts := e.number(2)
		fields := []field{e.bytes("realm")}
		for i := 0; i < parts && i < 8; i++ {
			fields = append(fields, e.bytes([]string{"name", "instance", "part"}[min(i, 2)]))
		}
		e.number(4) // kind of name
		e.number(4) // time
		e.number(1) // version
		kind := e.number(2)
		key := e.bytes("key")
		if e.bad || parts == 0 || parts > 8 || key.start == key.end {
			continue
		}
		key.detail = keytabKinds[kind]
		for _, f := range append(fields, key) {
			f.group = n
			if !yield(f) {
				return
			}
		}
	}
}

// keytabKinds are the encryption types of RFC 3961 and 3962 that are in use.
var keytabKinds = map[int]string{1: "DES", 3: "DES", 16: "3DES", 17: "AES-128", 18: "AES-256", 19: "AES-128", 20: "AES-256", 23: "RC4"}

// entry is a part of a binary file whose fields tell their own length.
type entry struct {
	data []byte
	pos  int
	bad  bool
}

func (e *entry) number(size int) int {
	if size > len(e.data)-e.pos {
		e.bad = true
		return 0
	}
	n := 0
	for _, c := range e.data[e.pos : e.pos+size] {
		n = n<<8 | int(c)
	}
	e.pos += size
	return n
}

func (e *entry) bytes(name string) field {
	n := e.number(2)
	if e.bad || n > len(e.data)-e.pos {
		e.bad = true
		return field{}
	}
	e.pos += n
	return field{key: []byte(name), start: e.pos - n, end: e.pos}
}

// readMylogin reads the login file of MySQL's clients: 4 bytes, a key of 20
// bytes, then lines, each behind its length and encrypted with that key.
func readMylogin(data []byte, yield func(field) bool) {
	const head = 24
	if len(data) < head+4 || binary.LittleEndian.Uint32(data) != 0 {
		return
	}
	var key [16]byte
	for i, c := range data[4:head] {
		key[i%16] ^= c
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return
	}
	group := 0
	for pos := head; pos+4 <= len(data); {
		n := int(binary.LittleEndian.Uint32(data[pos:]))
		pos += 4
		if n <= 0 || n%16 != 0 || n > len(data)-pos {
			return
		}
		plain := make([]byte, n)
		for i := 0; i < n; i += 16 {
			block.Decrypt(plain[i:], data[pos+i:pos+i+16])
		}
		start := pos
		pos += n
		if pad := int(plain[n-1]); pad == 0 || pad > 16 {
			return
		} else if plain = bytes.TrimSpace(plain[:n-pad]); len(plain) > 0 && plain[0] == '[' {
			group++
		}
		name, value, ok := bytes.Cut(plain, []byte("="))
		if name = bytes.TrimSpace(name); !ok || len(name) > 40 {
			continue
		}
		value = bytes.Trim(value, " \"")
		if !yield(field{key: name, start: start, end: pos, group: group, text: value, detail: "obfuscated with a key in the same file"}) {
			clear(plain)
			return
		}
		clear(plain)
	}
}

// The parts of a PFX of RFC 7292 that tell whether it opens.
type pfx struct {
	Version int
	Content struct {
		Type asn1.ObjectIdentifier
		Data asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	Mac struct {
		Mac struct {
			Algorithm struct {
				Name   asn1.ObjectIdentifier
				Params asn1.RawValue `asn1:"optional"`
			}
			Digest []byte
		}
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	} `asn1:"optional"`
}

// maxIterations bounds the work that a file may ask for.
const maxIterations = 50_000

// readPKCS12 gives a key store as one value when its structure is one, and tells
// whether it opens without a password.
func readPKCS12(data []byte, yield func(field) bool) {
	var p pfx
	rest, err := asn1.Unmarshal(data, &p)
	if err != nil || p.Version != 3 || len(rest) > 16 || !p.Content.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}) {
		return
	}
	f := field{key: []byte("store"), end: min(len(data), presenceLimit), detail: "protected by a password"}
	if p.opens() {
		f.detail = "opens without a password"
	}
	yield(f)
}

// opens tells whether the empty password makes the store's own MAC.
func (p *pfx) opens() bool {
	var content []byte
	if rest, err := asn1.Unmarshal(p.Content.Data.Bytes, &content); err != nil || len(rest) > 0 {
		return false
	}
	if len(p.Mac.Mac.Digest) == 0 {
		return false
	}
	var h func() hash.Hash
	switch name := p.Mac.Mac.Algorithm.Name; {
	case name.Equal(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}):
		h = sha1.New
	case name.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}):
		h = sha256.New
	default:
		return false
	}
	if p.Mac.Iterations < 1 || p.Mac.Iterations > maxIterations || len(p.Mac.Salt) > 1024 {
		return false
	}
	for _, password := range [][]byte{{0, 0}, nil} {
		m := hmac.New(h, pkcs12MacKey(h, password, p.Mac.Salt, p.Mac.Iterations))
		m.Write(content)
		if hmac.Equal(m.Sum(nil), p.Mac.Mac.Digest) {
			return true
		}
	}
	return false
}

// pkcs12MacKey derives a MAC's key by RFC 7292, appendix B.2, with ID 3. One
// block is enough: the key is as long as the hash.
func pkcs12MacKey(h func() hash.Hash, password, salt []byte, iterations int) []byte {
	fill := func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		n := (len(b) + 63) / 64 * 64
		return bytes.Repeat(b, n/len(b)+1)[:n]
	}
	sum := h()
	sum.Write(bytes.Repeat([]byte{3}, 64))
	sum.Write(fill(salt))
	sum.Write(fill(password))
	out := sum.Sum(nil)
	for range iterations - 1 {
		sum.Reset()
		sum.Write(out)
		out = sum.Sum(out[:0])
	}
	return out
}
