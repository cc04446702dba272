package detect

import (
	"bytes"
	"strings"
)

// stateNames bounds the names that a state marks as sensitive.
const stateNames = 1 << 14

// readState reads a state of Terraform or OpenTofu, version 4, and gives the
// values that it marks as sensitive and those whose names say so.
func readState(data []byte, yield func(field) bool) {
	if !bytes.Contains(data, []byte(`"terraform_version"`)) {
		return
	}
	marked := map[string]bool{}
	readJSON(data, func(f field) bool {
		key, v := string(f.key), data[f.start:f.end]
		if out, ok := strings.CutSuffix(key, ".sensitive"); ok && strings.HasPrefix(key, "outputs.") && string(v) == "true" {
			marked[out+".value"] = true
		}
		// sensitive_attributes.N.0.value is the first step of a path.
		if at, step, ok := strings.Cut(key, ".sensitive_attributes."); ok {
			if _, last, _ := strings.Cut(step, "."); last == "0.value" {
				marked[at+".attributes."+string(v)] = true
			}
		}
		return len(marked) < stateNames
	})
	readJSON(data, func(f field) bool {
		key := string(f.key)
		if !strings.Contains(key, ".attributes.") && !strings.HasPrefix(key, "outputs.") {
			return true
		}
		v := data[f.start:f.end]
		name := strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])
		if len(v) < 6 || string(v) == "false" || !under(marked, key) && (!secretNamed(name) || !secretValue(name, v)) {
			return true
		}
		f.key = []byte(name)
		return yield(f)
	})
}

// under tells whether a name, or what it is a part of, is marked.
func under(marked map[string]bool, key string) bool {
	for len(marked) > 0 && key != "" {
		if marked[key] {
			return true
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
	return false
}

// secretNamed tells whether a name in lower case speaks of a secret.
func secretNamed(name string) bool {
	for _, w := range []string{"password", "passwd", "secret", "token", "api_key", "apikey", "access_key", "private_key", "privatekey", "credential", "connection_string"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
