package detect

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
)

// cloudInit reads what an instance was given at its first boot: user data and
// its parts. It is plain text that people fill with passwords.
type cloudInit struct{}

func (cloudInit) Name() string { return "cloud_init" }

func (cloudInit) Wants(f File) int64 {
	if strings.Contains(f.Path, "/var/lib/cloud/instance") &&
		named(f, "user-data.txt", "user-data.txt.i", "vendor-data.txt", "cloud-config.txt") ||
		strings.Contains(f.Path, "/var/lib/cloud/seed/") && named(f, "user-data", "vendor-data") {
		return upTo(f, textLimit)
	}
	return 0
}

// chpasswd matches user:password lines below "list:", and chpasswd in a shell.
var (
	chpasswdList  = regexp.MustCompile(`(?m)^[ \t]+(?:-[ \t]+)?["']?([a-z_][a-z0-9_-]{0,31}):([^\s"':]{4,128})["']?[ \t]*\r?$`)
	chpasswdShell = regexp.MustCompile(`echo[ \t]+(?:-[en][ \t]+)?["']?([a-z_][a-z0-9_-]{0,31}):([^\s"':|]{4,128})["']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd`)
)

func (c cloudInit) Detect(_ File, data []byte) []Hit {
	budget := packedBytes
	out := c.find(data, 0, &budget)
	if text := bytes.TrimSpace(data); len(text) > 0 && len(out) > 0 {
		out = append(out, Hit{
			Type: "user_data", Class: Artefact, Severity: Low, Start: 0, End: len(data),
			TitleEn: "user data given at first boot", TitleZh: "首次启动时传入的用户数据", Detail: "holds secrets",
		})
	}
	return out
}

// Limits of what is packed in user data.
const (
	packedDepth = 3
	packedParts = 64
	packedBytes = 4 << 20 // unpacked, in all
)

// packedText matches base64 of a part or a file: long, in one line or in many.
var packedText = regexp.MustCompile(`[A-Za-z0-9+/]{60,}(?:\r?\n[ \t]*[A-Za-z0-9+/]{4,})*={0,2}`)

// find looks for passwords in the text, and in what is packed in it: gzip as a
// whole, base64 of parts and of files to write. A find in there has the place of
// what it is packed in, which is all of it that the file shows.
func (c cloudInit) find(data []byte, depth int, budget *int) []Hit {
	if isGzip(data) {
		return c.packed(gunzip(data, *budget), 0, len(data), depth, budget)
	}
	out := assigned(lineAssign, data)
	if containsAny(data, "chpasswd") {
		for _, m := range append(chpasswdList.FindAllSubmatchIndex(data, -1), chpasswdShell.FindAllSubmatchIndex(data, -1)...) {
			v := data[m[4]:m[5]]
			if placeholder(v) || string(v) == "RANDOM" || string(v) == "R" {
				continue
			}
			out = append(out, Hit{
				Type: "account_password", Class: Secret, Severity: Critical, Start: m[4], End: m[5], Public: public(data[m[2]:m[3]]),
				TitleEn: "password of an account in user data", TitleZh: "用户数据中的账户密码",
			})
		}
	}
	if depth >= packedDepth {
		return out
	}
	for _, m := range packedText.FindAllIndex(data, packedParts) {
		text := bytes.Join(bytes.Fields(data[m[0]:m[1]]), nil)
		text = bytes.TrimRight(text, "=")
		plain, err := base64.RawStdEncoding.DecodeString(string(text))
		if err != nil {
			continue
		}
		out = append(out, c.packed(plain, m[0], m[1], depth, budget)...)
	}
	return out
}

func (c cloudInit) packed(plain []byte, start, end, depth int, budget *int) []Hit {
	defer clear(plain)
	*budget -= len(plain)
	if depth >= packedDepth || *budget < 0 || !isGzip(plain) && bytes.IndexByte(plain, 0) >= 0 {
		return nil
	}
	out := c.find(plain, depth+1, budget)
	for i := range out {
		out[i].Start, out[i].End, out[i].Detail = start, end, "packed"
	}
	return out
}

func isGzip(data []byte) bool { return bytes.HasPrefix(data, []byte{0x1f, 0x8b}) }

// gunzip unpacks what it can, at most so many bytes and a file of text's limit.
func gunzip(data []byte, limit int) []byte {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(z, int64(min(max(limit, 0), textLimit)))) // damage costs what comes after it
	return plain
}
