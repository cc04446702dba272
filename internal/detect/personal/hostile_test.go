package personal

import (
	"strings"
	"testing"
)

// BenchmarkHostile reads files made to cost time.
func BenchmarkHostile(b *testing.B) {
	p := newPeople(80)
	const n = 4 << 20
	for name, part := range map[string]string{
		"digits": "1", "groups": "1234 ", "hyphens": "1234-", "plus": "+1", "plus4": "+1234 ", "at": "a@", "mail": "abcdefghijklmnop@", "house": "路1号", "words": "A1234",
		"angle": "<1234", "iban": "DE89 3704 0044 0532 0130 00 ", "id": p.residentID() + "身份证", "mobile": "13912345670 ", "card": p.card() + " card ",
		"uscc": p.uscc() + ",", "mrz": p.mrz() + "\n", "letters": "A1B2C3D4E5F6", "csv": ",", "quotes": "\",\"", "brackets": "[{\"a\":1},",
	} {
		for _, ext := range []string{"txt", "csv", "sql", "json"} {
			text := []byte(strings.Repeat(part, n/len(part)))
			head := map[string]string{"csv": "a,b\n1,2\n2,3\n", "sql": "INSERT INTO t VALUES (", "json": "[{\"a\":1},"}[ext]
			text = append([]byte(head), text...)
			b.Run(name+"."+ext, func(b *testing.B) { benchmarkScan(b, "/srv/x."+ext, text) })
		}
	}
}
