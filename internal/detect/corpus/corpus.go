// Package corpus makes a tree of files with secrets and personal data planted in
// them at known places, and much that only looks alike, from a seed. It measures
// detectors: what they miss, and what they take for something.
//
// It is made from what the issuers of credentials and the standards of personal
// data publish about their formats, and knows nothing of the rules it measures.
// Every value is random; where a format has a checksum, it is right, and wrong in
// the look-alikes.
package corpus

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
)

// The classes of a [Label].
const (
	Secret   = "secret"
	Personal = "personal_data"
)

// Label tells where something is planted.
type Label struct {
	Class  string
	Type   string // what it is: aws_access_key, password …
	Offset int    // in bytes from the file's start
	Length int    // in bytes, as it stands in the file
	Count  int    // of values, for personal data
	Value  string // in the clear, where it stands encoded
}

// File is one file of the tree.
type File struct {
	Path   string
	Kind   string // of the file: env, yaml, php …
	Data   []byte
	Labels []Label
}

// Generate makes the tree: the same for the same seed. Scale is how many files
// of each kind hold secrets.
func Generate(seed uint64, scale int) []File {
	g := &gen{rand.New(rand.NewPCG(seed, 0x1e45cab)), 0, nil}
	var out []File
	for range scale {
		for _, f := range formats {
			out = append(out, g.secrets(f))
		}
	}
	for i := range out { // some of them as Windows writes text
		if i%17 == 16 {
			out[i] = wide(out[i])
		}
	}
	for range scale {
		out = append(out, g.wrapped(), g.shell(), g.minified())
		for _, decoy := range decoys {
			out = append(out, decoy(g))
		}
	}
	return append(out, g.people(scale)...)
}

type gen struct {
	*rand.Rand
	n     int
	queue []credential // dealt out before any comes again
}

// next gives a number that tells files apart.
func (g *gen) next() int { g.n++; return g.n }

func (g *gen) of(list ...string) string { return list[g.IntN(len(list))] }

// deal gives every credential once before any comes twice.
func (g *gen) deal() credential {
	if len(g.queue) == 0 {
		g.queue = append(g.queue, credentials...)
		g.Shuffle(len(g.queue), func(i, j int) { g.queue[i], g.queue[j] = g.queue[j], g.queue[i] })
	}
	c := g.queue[0]
	g.queue = g.queue[1:]
	return c
}

// writer builds one file and notes what is planted.
type writer struct {
	buf    []byte
	labels []Label
}

func (w *writer) text(format string, args ...any) {
	w.buf = fmt.Appendf(w.buf, format, args...)
}

// put writes a field's value, escaped as the format wants it. Escapes never
// touch the planted part: no value has a quote or a backslash.
func (w *writer) put(f field) {
	w.buf = append(w.buf, f.before...)
	if f.label != "" {
		w.labels = append(w.labels, Label{Class: Secret, Type: f.label, Offset: len(w.buf), Length: len(f.value), Value: f.value})
	}
	w.buf = append(append(w.buf, f.value...), f.after...)
}

// field is one name and value of a configuration.
type field struct {
	words  []string // of its name
	value  string
	before string // what stands before and after the value that is planted
	after  string
	label  string // the type of what is planted; none for what is no secret
}

func (f field) upper() string { return strings.ToUpper(strings.Join(f.words, "_")) }
func (f field) snake() string { return strings.Join(f.words, "_") }
func (f field) dots() string  { return strings.Join(f.words, ".") }
func (f field) dash() string  { return strings.Join(f.words, "-") }
func (f field) camel() string {
	var b strings.Builder
	for i, w := range f.words {
		if i > 0 {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		b.WriteString(w)
	}
	return b.String()
}

// format is one kind of file that holds settings.
type format struct {
	kind, path       string // path takes a number
	head, foot       string
	line, last, rest string // before the name, between name and value, after the value
	name             func(field) string
	comment          string // takes a text
}

var formats = []format{
	{"env", "/srv/app%d/.env", "APP_ENV=production\n", "", "", "=", "\n", field.upper, "# %s\n"},
	{"env quoted", "/opt/shop%d/.env.production", "NODE_ENV=production\n", "", "export ", "=\"", "\"\n", field.upper, "# %s\n"},
	{"yaml", "/srv/app%d/config/application.yml", "server:\n  port: 8080\nservices:\n", "", "  ", ": ", "\n", field.dash, "  # %s\n"},
	{"yaml quoted", "/srv/app%d/values.yaml", "replicas: 3\nsettings:\n", "", "  ", ": \"", "\"\n", field.camel, "  # %s\n"},
	{"compose", "/opt/stack%d/docker-compose.yml", "services:\n  web:\n    image: nginx:1.27\n    environment:\n", "    restart: always\n", "      - ", "=", "\n", field.upper, "      # %s\n"},
	{"json", "/srv/app%d/appsettings.json", "{\n  \"debug\": false,\n", "  \"port\": 8080\n}\n", "  \"", "\": \"", "\",\n", field.camel, ""},
	{"json in one line", "/var/lib/app%d/state.json", "{\"v\":1,", "\"end\":true}", "\"", "\":\"", "\",", field.snake, ""},
	{"ini", "/etc/app%d/app.ini", "[main]\nworkers = 4\n[services]\n", "", "", " = ", "\n", field.snake, "; %s\n"},
	{"properties", "/opt/app%d/conf/application.properties", "server.port=8080\n", "", "", "=", "\n", field.dots, "# %s\n"},
	{"toml", "/etc/app%d/config.toml", "title = \"app\"\n[services]\n", "", "", " = \"", "\"\n", field.snake, "# %s\n"},
	{"php array", "/var/www/site%d/config/services.php", "<?php\nreturn [\n", "];\n", "    '", "' => '", "',\n", field.snake, "    // %s\n"},
	{"php define", "/var/www/site%d/config.php", "<?php\ndefine('DEBUG', false);\n", "", "define('", "', '", "');\n", field.upper, "// %s\n"},
	{"python", "/srv/web%d/settings.py", "import os\nDEBUG = False\n", "", "", " = '", "'\n", field.upper, "# %s\n"},
	{"javascript", "/srv/node%d/config.js", "module.exports = {\n", "};\n", "  ", ": '", "',\n", field.camel, "  // %s\n"},
	{"java", "/opt/src%d/src/main/java/com/shop/Keys.java", "package com.shop;\npublic final class Keys {\n", "}\n", "  static final String ", " = \"", "\";\n", field.upper, "  // %s\n"},
	{"go", "/home/dev/go%d/main.go", "package main\n\nconst (\n", ")\n", "\t", " = \"", "\"\n", field.camel, "\t// %s\n"},
	{"xml", "/opt/app%d/config.xml", "<?xml version=\"1.0\"?>\n<settings>\n", "</settings>\n", "  <add key=\"", "\" value=\"", "\" />\n", field.camel, "  <!-- %s -->\n"},
	{"dockerfile", "/home/ci/build%d/Dockerfile", "FROM debian:12\nRUN apt-get update\n", "CMD [\"/app\"]\n", "ENV ", "=", "\n", field.upper, "# %s\n"},
	{"unit", "/etc/systemd/system/app%d.service", "[Unit]\nDescription=app\n[Service]\nExecStart=/opt/app/run\n", "[Install]\nWantedBy=multi-user.target\n", "Environment=\"", "=", "\"\n", field.upper, "# %s\n"},
	{"tfvars", "/home/ops/infra%d/prod.tfvars", "region = \"eu-1\"\n", "", "", " = \"", "\"\n", field.snake, "# %s\n"},
	{"terraform state", "/home/ops/infra%d/terraform.tfstate", "{\n  \"version\": 4,\n  \"terraform_version\": \"1.9.5\",\n  \"outputs\": {\n", "    \"z\": {\"value\": 1}\n  }\n}\n", "    \"", "\": {\"value\": \"", "\", \"type\": \"string\"},\n", field.snake, ""},
	{"sql", "/backup/dump%d.sql", "CREATE TABLE `settings` (`name` varchar(99), `value` text);\n", "", "INSERT INTO `settings` VALUES ('", "','", "');\n", field.snake, "-- %s\n"},
	{"notes", "/home/admin/notes%d.md", "# Handover\n\nCall the office before noon.\n\n", "", "- ", ": ", "\n", field.snake, "%s\n"},
}

// secrets makes a file of settings with some credentials among innocent ones.
func (g *gen) secrets(f format) File {
	w := &writer{}
	w.text("%s", f.head)
	for range 2 + g.IntN(3) {
		for range g.IntN(3) {
			g.field(w, f, g.innocent())
		}
		if f.comment != "" && g.IntN(3) == 0 {
			w.text(f.comment, g.of("do not change", "from the old server", "see the wiki", "rotated in spring", "moved here by the deploy"))
		}
		for _, x := range g.deal().fields(g) {
			g.field(w, f, x)
		}
	}
	g.field(w, f, g.innocent())
	w.text("%s", f.foot)
	return File{fmt.Sprintf(f.path, g.next()), f.kind, w.buf, w.labels}
}

func (g *gen) field(w *writer, f format, x field) {
	w.text("%s%s%s", f.line, f.name(x), f.last)
	w.put(x)
	w.text("%s", f.rest)
}

// shell makes a history of commands.
func (g *gen) shell() File {
	w := &writer{}
	for range 4 {
		for range 2 + g.IntN(6) {
			w.text("%s\n", g.of("ls -la", "cd /srv/app", "git status", "git log --oneline -5", "docker ps -a", "systemctl restart nginx", "vim config.yml", "kubectl get pods", "git checkout "+g.hex(40), "export PATH=$PATH:/opt/bin", "psql -U app", "echo $TOKEN"))
		}
		for _, x := range g.deal().fields(g) {
			w.text("export %s=", x.upper())
			w.put(x)
			w.text("\n")
		}
		x := g.bearer()
		w.text("curl -s -H 'Authorization: Bearer ")
		w.put(x)
		w.text("' https://%s/v1/items\n", g.of("api.shop.test", "10.0.0.7:8443", "internal.lan"))
	}
	return File{fmt.Sprintf("/home/user%d/.bash_history", g.next()), "shell history", w.buf, w.labels}
}

// minified makes one long line of a program for browsers or servers.
func (g *gen) minified() File {
	w := &writer{}
	junk := func() {
		for range 40 {
			w.text("function %s(%s){return %s.%s(\"%s\")?%s:%d}", g.letters(2), g.letters(1), g.letters(1), g.of("get", "token", "secret", "map", "key"), g.of(g.letters(6), g.hex(20), g.hex(32)), g.of("null", "!0", "void 0"), g.IntN(9999))
		}
	}
	junk()
	for range 2 {
		w.text("var %s={", g.letters(2))
		for i, x := range g.deal().fields(g) {
			if i > 0 {
				w.text(",")
			}
			w.text("%s:\"", x.camel())
			w.put(x)
			w.text("\"")
		}
		w.text("};")
		junk()
	}
	return File{fmt.Sprintf("/srv/web%d/dist/app.%s.js", g.next(), g.hex(8)), "minified javascript", w.buf, w.labels}
}

// wrapped makes a Secret of Kubernetes: values in base64.
func (g *gen) wrapped() File {
	w := &writer{}
	w.text("apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\n  uid: %s\ndata:\n", g.uuid())
	for range 3 {
		for _, x := range g.deal().fields(g) {
			w.text("  %s: ", x.upper())
			code := base64.StdEncoding.EncodeToString([]byte(x.before + x.value + x.after))
			if x.label != "" {
				w.labels = append(w.labels, Label{Class: Secret, Type: x.label, Offset: len(w.buf), Length: len(code), Value: x.value})
			}
			w.text("%s\n", code)
		}
	}
	return File{fmt.Sprintf("/home/ops/k8s%d/secret.yaml", g.next()), "base64 in yaml", w.buf, w.labels}
}

// wide makes UTF-16 with a mark of a file that is ASCII.
func wide(f File) File {
	out := []byte{0xFF, 0xFE}
	at := make([]int, len(f.Data)+1)
	pos := 0
	for i, c := range string(f.Data) {
		for pos <= i {
			at[pos] = len(out)
			pos++
		}
		for _, u := range utf16.Encode([]rune{c}) {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	at[len(f.Data)] = len(out)
	labels := make([]Label, len(f.Labels))
	for i, l := range f.Labels {
		labels[i] = l
		labels[i].Offset, labels[i].Length = at[l.Offset], at[l.Offset+l.Length]-at[l.Offset]
	}
	return File{f.Path, f.Kind + " in UTF-16", out, labels}
}
