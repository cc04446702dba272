package detect

import (
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
)

// awsKey finds access keys of AWS: the id, and the secret near it. The id's
// letters are base32 and hold the account's number.
type awsKey struct{}

func (awsKey) Name() string { return "aws_access_key" }

func (awsKey) Keywords() []string { return []string{"akia", "asia"} }

func (awsKey) Window() (before, after int) { return awsReach + 1, awsReach + 17 }

var (
	awsID     = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`)
	awsSecret = regexp.MustCompile(`[A-Za-z0-9/+]{40,}`)
)

// awsReach is how far from its id a secret is looked for.
const awsReach = 400

func (awsKey) Match(w Window) []Hit {
	data := w.Data
	// The expression sees one byte on either side, for the word's bounds.
	from, to := max(0, w.Start-1), min(len(data), w.Start+21)
	if to-w.Start < 20 || data[w.Start] != 'A' || data[w.Start+1] == 'k' || data[w.Start+1] == 's' {
		return nil
	}
	var out []Hit
	for _, at := range awsID.FindAllIndex(data[from:to], -1) {
		at[0], at[1] = at[0]+from, at[1]+from
		id := string(data[at[0]:at[1]])
		if strings.HasSuffix(id, "EXAMPLE") || placeholder([]byte(id[4:])) {
			continue
		}
		h := Hit{
			Type: "aws_access_key", Class: Secret, Severity: Low, Start: at[0], End: at[1], Public: id,
			TitleEn: "AWS access key id", TitleZh: "AWS 访问密钥 ID", Detail: "without its secret", ValuePublic: true,
		}
		account, ok := awsAccount(id)
		if !ok {
			continue
		}
		if start, end, found := secretNear(data, at[0], at[1]); found {
			h.Start, h.End, h.Severity, h.Detail, h.ValuePublic = start, end, Critical, "", false
			h.TitleEn, h.TitleZh = "AWS access key", "AWS 访问密钥"
			if strings.HasPrefix(id, "ASIA") {
				h.Severity, h.TitleEn, h.TitleZh = Medium, "temporary AWS access key", "AWS 临时访问密钥"
			}
		}
		if account != "" {
			h.Checked = "yes"
			h.Detail = strings.TrimPrefix(h.Detail+", of account "+account, ", ")
		}
		out = append(out, h)
	}
	return out
}

// awsAccount reads the account's number from a key id: 40 bits after the
// prefix and one bit. Ids of the older kind (AKIAI…, AKIAJ…) hold none. ok is
// false when the number is none that an account can have.
func awsAccount(id string) (account string, ok bool) {
	if strings.HasPrefix(id, "AKIAI") || strings.HasPrefix(id, "AKIAJ") {
		return "", true
	}
	b, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil || len(b) < 6 {
		return "", false
	}
	n := uint64(0)
	for _, c := range b[:6] {
		n = n<<8 | uint64(c)
	}
	n = n & 0x7fffffffff80 >> 7
	return fmt.Sprintf("%012d", n), n < 1e12
}

// secretNear finds a secret key after an id or, failing that, before it: 40
// characters of base64 with the entropy of random ones.
func secretNear(data []byte, start, end int) (from, to int, ok bool) {
	for _, w := range [][2]int{{end, min(end+awsReach, len(data))}, {max(0, start-awsReach), start}} {
		for _, m := range awsSecret.FindAllIndex(data[w[0]:w[1]], -1) {
			v := data[w[0]+m[0] : w[0]+m[1]]
			if len(v) == 40 && entropy(v) > 4 && !isHex(v) && !placeholder(v) {
				return w[0] + m[0], w[0] + m[1], true
			}
		}
	}
	return 0, 0, false
}

func isHex(v []byte) bool {
	return strings.Trim(string(v), "0123456789abcdefABCDEF") == ""
}
