package detect

import (
	"maps"
	"slices"
)

// Place compiles a record with a format, for tests.
func Place(r Rule) (Detector, error) { return r.place() }

// FormatNames lists the readers, for tests.
func FormatNames() []string { return slices.Sorted(maps.Keys(formats)) }

// ReadFormat runs one reader, for tests.
func ReadFormat(name string, data []byte, yield func(key string, start, end int)) {
	if f := formats[name]; f.read != nil {
		f.read(data, func(f field) bool {
			yield(string(f.key), f.start, f.end)
			return true
		})
	}
}
