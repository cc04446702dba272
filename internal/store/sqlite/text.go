package sqlite

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/uptrace/bun/schema"
)

// text is a string from outside. The query builder writes values into the
// statement, and a statement ends at its first zero byte: a name that holds one
// is written in hexadecimal.
type text string

var _ schema.QueryAppender = text("")

// AppendQuery implements [schema.QueryAppender].
func (t text) AppendQuery(_ schema.QueryGen, b []byte) ([]byte, error) {
	if strings.IndexByte(string(t), 0) >= 0 {
		b = append(b, "CAST(X'"...)
		b = hex.AppendEncode(b, []byte(t))
		return append(b, "' AS TEXT)"...), nil
	}
	b = append(b, '\'')
	b = append(b, bytes.ReplaceAll([]byte(t), []byte{'\''}, []byte("''"))...)
	return append(b, '\''), nil
}
