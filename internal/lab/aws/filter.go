package aws

import "strings"

// fields gives the values by which an object can be filtered; ok is false for a
// filter that its operation does not know.
type fields func(name string) (values []string, ok bool)

// matchAll tells whether the object passes every filter. A name that is not
// known is refused, as AWS does.
func matchAll(filters []filter, of fields) (bool, error) {
	for _, f := range filters {
		have, ok := of(f.name)
		if !ok {
			return false, bad("InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
		if !anyMatch(f.values, have) {
			return false, nil
		}
	}
	return true, nil
}

func anyMatch(patterns, values []string) bool {
	for _, p := range patterns {
		for _, v := range values {
			if wildcard(p, v) {
				return true
			}
		}
	}
	return false
}

// wildcard matches * and ? as EC2's filters do.
func wildcard(pattern, s string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == s
	}
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]) && pattern[p] != '*':
			p, i = p+1, i+1
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// tagFields serves the filters tag:KEY and tag-key for any object with tags.
func tagFields(name string, tags map[string]string) ([]string, bool) {
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		v, has := tags[key]
		if !has {
			return nil, true
		}
		return []string{v}, true
	}
	if name == "tag-key" {
		var keys []string
		for k := range tags {
			keys = append(keys, k)
		}
		return keys, true
	}
	return nil, false
}
