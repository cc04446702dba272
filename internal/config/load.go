package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lenscap/lenscap"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads the defaults, then file (none when empty), then the environment,
// given as "NAME=value" pairs, and validates the whole. An unknown key is an
// error that names the nearest right one.
func Load(file string, environ []string) (Config, error) {
	c := Default()
	if file != "" {
		if err := readFile(&c, file); err != nil {
			return Config{}, err
		}
	}
	if err := readEnv(&c, environ); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		where := "configuration"
		if file != "" {
			where = file
		}
		return Config{}, fmt.Errorf("%s: %w", where, err)
	}
	return c, nil
}

func readFile(c *Config, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if len(b) > maxFile {
		return fmt.Errorf("read %s: larger than %d bytes", file, maxFile)
	}
	before := *c
	err = yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(c)
	if err == nil || errors.Is(err, io.EOF) {
		keepEmptied(c, before)
		return nil
	}
	if unknown, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		name := unknown.Token.Value
		return fmt.Errorf("%s:%d: unknown key %q%s", file, unknown.Token.Position.Line, name, suggest(name, leafNames()))
	}
	return fmt.Errorf("read %s: %s", file, yaml.FormatError(err, false, true))
}

// keepEmptied restores what a section without any key (all of them commented
// out, say) would set to nothing.
func keepEmptied(c *Config, before Config) {
	now, old := reflect.ValueOf(c).Elem(), reflect.ValueOf(before)
	if now.IsZero() {
		*c = before
		return
	}
	for i := range now.NumField() {
		if f := now.Field(i); f.Kind() == reflect.Struct && f.IsZero() {
			f.Set(old.Field(i))
		}
	}
}

// settings maps every settable key ("scan.fail_on") to its field in c.
func settings(c *Config) map[string]reflect.Value {
	out := make(map[string]reflect.Value)
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			key := prefix + v.Type().Field(i).Tag.Get("yaml")
			if f := v.Field(i); f.Kind() == reflect.Struct {
				walk(key+".", f)
			} else {
				out[key] = f
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}

// EnvName is the environment variable of a key: LENSCAP_SCAN_FAIL_ON for scan.fail_on.
func EnvName(key string) string {
	return "LENSCAP_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func readEnv(c *Config, environ []string) error {
	byName := make(map[string]reflect.Value)
	for key, f := range settings(c) {
		byName[EnvName(key)] = f
	}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "LENSCAP_") {
			continue
		}
		f, ok := byName[name]
		if !ok {
			return fmt.Errorf("environment: unknown variable %s%s", name, suggest(name, slices.Sorted(maps.Keys(byName))))
		}
		if err := set(f, value); err != nil {
			return fmt.Errorf("environment: %s: %w", name, err)
		}
	}
	return nil
}

// set parses value into a field; lists are separated by commas.
func set(f reflect.Value, value string) error {
	switch p := f.Addr().Interface().(type) {
	case *string:
		*p = value
	case *bool:
		v, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("%q is not true or false", value)
		}
		*p = v
	case *float64:
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", value)
		}
		*p = v
	case *int64:
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", value)
		}
		*p = v
	case *time.Duration:
		v, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 24h", value)
		}
		*p = v
	case *[]string:
		*p = nil
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*p = append(*p, item)
			}
		}
	default:
		return fmt.Errorf("can't be set from the environment")
	}
	return nil
}

// leafNames lists every name that may stand before a colon in the file.
func leafNames() []string {
	var c Config
	names := make(map[string]bool)
	for key := range settings(&c) {
		for part := range strings.SplitSeq(key, ".") {
			names[part] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// suggest gives "; did you mean …?" for the nearest name, empty when none is near.
func suggest(name string, known []string) string {
	if best := lenscap.Nearest(name, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}
