package aws

import (
	"net/url"
	"strconv"
	"strings"
)

// maxList bounds how many members of a list are read from a form.
const maxList = 10000

// form reads the parameters of the EC2 and query protocols, in which a list is
// "Name.1", "Name.2" (EC2) or "Name.member.1" and "Name.Item.1" (query), and a
// structure "Name.Field".
type form url.Values

// Get gives one value, empty when it is not there.
func (f form) Get(name string) string { return url.Values(f).Get(name) }

// Bool tells whether the value is "true".
func (f form) Bool(name string) bool { return strings.EqualFold(f.Get(name), "true") }

// Int gives a number, or the default when it is absent or none.
func (f form) Int(name string, otherwise int) int {
	n, err := strconv.Atoi(f.Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

// prefixes lists where the members of a list may stand.
func (f form) prefix(name string) string {
	for key := range f {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok {
			continue
		}
		word, _, _ := strings.Cut(rest, ".")
		if _, err := strconv.Atoi(word); err == nil {
			return name + "."
		}
		if next, _, _ := strings.Cut(strings.TrimPrefix(rest, word+"."), "."); next != "" {
			if _, err := strconv.Atoi(next); err == nil {
				return name + "." + word + "."
			}
		}
	}
	return ""
}

// List gives the values of a list of strings.
func (f form) List(name string) []string {
	prefix := f.prefix(name)
	if prefix == "" {
		return nil
	}
	var out []string
	for i := 1; i <= maxList; i++ {
		v, ok := f[prefix+strconv.Itoa(i)]
		if !ok || len(v) == 0 {
			break
		}
		out = append(out, v[0])
	}
	return out
}

// Structs gives the structures of a list, each as a form of its own.
func (f form) Structs(name string) []form {
	prefix := f.prefix(name)
	if prefix == "" {
		return nil
	}
	byIndex := make(map[int]form)
	for key, v := range f {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		number, field, _ := strings.Cut(rest, ".")
		i, err := strconv.Atoi(number)
		if err != nil || i < 1 || i > maxList {
			continue
		}
		if byIndex[i] == nil {
			byIndex[i] = make(form)
		}
		byIndex[i][field] = v
	}
	var out []form
	for i := 1; byIndex[i] != nil; i++ {
		out = append(out, byIndex[i])
	}
	return out
}

// Sub gives the fields of a structure.
func (f form) Sub(name string) form {
	out := make(form)
	for key, v := range f {
		if rest, ok := strings.CutPrefix(key, name+"."); ok {
			out[rest] = v
		}
	}
	return out
}

// filter is one condition of a Describe call: the field's values, any of which
// may hold.
type filter struct {
	name   string
	values []string
}

// Filters gives the Filter list of EC2 (Filter.1.Name, Filter.1.Value.1) and
// of RDS (Filters.Filter.1.Values.Value.1).
func (f form) Filters() []filter {
	list := f.Structs("Filter")
	if len(list) == 0 {
		list = f.Structs("Filters")
	}
	out := make([]filter, 0, len(list))
	for _, s := range list {
		values := s.List("Value")
		if len(values) == 0 {
			values = s.List("Values")
		}
		out = append(out, filter{s.Get("Name"), values})
	}
	return out
}
