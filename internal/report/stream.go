package report

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
)

// writeArray writes a JSON array one item at a time, so that a long report is
// never held in memory as text.
func writeArray[T any](w io.Writer, indent string, items iter.Seq[T]) error {
	sep := "[\n"
	for item := range items {
		b, err := json.MarshalIndent(item, indent+"  ", "  ")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, sep+indent+"  "); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		sep = ",\n"
	}
	end := "\n" + indent + "]"
	if sep == "[\n" {
		end = "[]"
	}
	_, err := io.WriteString(w, end)
	return err
}

// each gives what make makes of every finding.
func each[T any](in Input, make func(*Input, int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range in.Findings {
			if !yield(make(&in, i)) {
				return
			}
		}
	}
}

// writeList writes one JSON array as a whole document.
func writeList[T any](w io.Writer, items iter.Seq[T]) error {
	b := bufio.NewWriter(w)
	if err := writeArray(b, "", items); err != nil {
		return err
	}
	if err := b.WriteByte('\n'); err != nil {
		return err
	}
	return b.Flush()
}
