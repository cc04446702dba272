package detect

import (
	"bytes"
	"hash/crc32"
	"regexp"
)

// githubToken finds tokens of GitHub. The last six characters of the classic
// kinds are a CRC-32 of the others in base 62: one that fails is no token.
type githubToken struct{}

func (githubToken) Name() string { return "github_token" }

func (githubToken) Keywords() []string {
	return []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}
}

func (githubToken) Window() (before, after int) { return 1, 96 }

var (
	githubClassic = regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{36}\b`)
	githubFine    = regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b`)
)

func (githubToken) Match(w Window) []Hit {
	data := w.Data
	hit := Hit{Type: "github_token", Class: Secret, Severity: High, TitleEn: "GitHub token", TitleZh: "GitHub 令牌"}
	var out []Hit
	for _, m := range githubClassic.FindAllIndex(data, -1) {
		v := data[m[0]:m[1]]
		if !bytes.Equal(base62(crc32.ChecksumIEEE(v[4:34])), v[34:]) {
			continue
		}
		hit.Start, hit.End, hit.Checked, hit.Public = m[0], m[1], "yes", ""
		out = append(out, hit)
	}
	for _, m := range githubFine.FindAllIndex(data, -1) {
		if !placeholder(data[m[0]+11 : m[0]+33]) {
			hit.Start, hit.End, hit.Checked, hit.Detail = m[0], m[1], "", "fine-grained"
			out = append(out, hit)
		}
	}
	return out
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
