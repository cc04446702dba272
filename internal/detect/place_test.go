package detect_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/goccy/go-yaml"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/detecttest"
)

// placeRules reads the records of artefacts.
func placeRules(tb testing.TB) []detect.Rule {
	tb.Helper()
	files, err := filepath.Glob("../../rules/detect/at-*.yaml")
	if err != nil || len(files) == 0 {
		tb.Fatalf("records: %d, %v", len(files), err)
	}
	var out []detect.Rule
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		r := detect.Rule{Source: name}
		if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&r); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		if want := strings.TrimSuffix(filepath.Base(name), ".yaml"); r.ID != want {
			tb.Errorf("%s: id is %q", name, r.ID)
		}
		out = append(out, r)
	}
	return out
}

func exampleData(tb testing.TB, e detect.RuleExample) string {
	tb.Helper()
	if e.Base64 == "" {
		return e.Text
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Base64), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// TestPlaces runs the examples of every record through its own detector, cut
// and damaged too, and through all of them at once.
func TestPlaces(t *testing.T) {
	t.Parallel()
	rules := placeRules(t)
	every, err := detect.NewEngine(detect.Options{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			for _, text := range []detect.Text{r.Title, r.Reason, r.Remedy} {
				if text.En == "" || text.Zh == "" {
					t.Errorf("a text is missing in one language")
				}
			}
			if r.Type == "" || r.Class == "" || r.Severity == "" || len(r.Examples.For) == 0 || len(r.Examples.Against) == 0 {
				t.Errorf("type, class, severity or examples are missing")
			}
			d, err := detect.Place(r)
			if err != nil {
				t.Fatal(err)
			}
			var examples []detecttest.Example
			for _, e := range r.Examples.For {
				data := exampleData(t, e)
				ex := detecttest.Example{Path: e.Path, Data: data}
				for _, v := range e.Values {
					ex.Want = append(ex.Want, r.Type+" "+v)
				}
				f := detect.File{Path: e.Path, Size: int64(len(data))}
				switch {
				case r.Format == "presence":
					ex.Want = []string{r.Type + " " + data[:min(len(data), 4096)]}
				case e.Base64 != "" && len(e.Values) == 0: // values that YAML can't write
					for _, h := range d.Detect(f, []byte(data)) {
						ex.Want = append(ex.Want, r.Type+" "+data[h.Start:h.End])
					}
				}
				if len(ex.Want) == 0 {
					t.Errorf("nothing to find in %s", e.Path)
				}
				examples = append(examples, ex)
				n := 0
				s := every.Scan(f, func(found detect.Found) {
					if found.Type == r.Type {
						n++
					}
				})
				s.Write([]byte(data))
				s.Close()
				if n < len(ex.Want) {
					t.Errorf("all records together find %d of %d", n, len(ex.Want))
				}
			}
			for _, e := range r.Examples.Against {
				data := exampleData(t, e)
				f := detect.File{Path: e.Path, Size: int64(len(data))}
				examples = append(examples, detecttest.Example{Path: e.Path, Data: data, Unwanted: d.Wants(f) == 0})
			}
			detecttest.Accept(t, d, examples)
			if len(r.Magic) == 0 && r.Format != "presence" {
				path := r.Examples.For[0].Path
				detecttest.Noise(t, d, path)
			}
		})
	}
}

// TestPlacesOf holds that the index of all records wants what they want one by one.
func TestPlacesOf(t *testing.T) {
	t.Parallel()
	rules := placeRules(t)
	var one []detect.Detector
	paths := []string{"/", "/srv/a", "/ETC/SHADOW", "/usr/share/doc/x/.npmrc", "/var/lib/docker/overlay2/a/diff/usr/share/x/.env", "/root/.env.example"}
	for _, r := range rules {
		d, err := detect.Place(r)
		if err != nil {
			t.Fatal(err)
		}
		one = append(one, d)
		for _, e := range append(slices.Clone(r.Examples.For), r.Examples.Against...) {
			paths = append(paths, e.Path, strings.ToUpper(e.Path), "/mnt"+e.Path, e.Path+"x")
		}
	}
	e, err := detect.NewEngine(detect.Options{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		f := detect.File{Path: p, Size: 1 << 30}
		want := int64(0)
		for _, d := range one {
			want = max(want, d.Wants(f))
		}
		if got := e.Wants(f); got != want {
			t.Errorf("%s: wanted %d, by one record %d", p, got, want)
		}
	}
	for _, p := range paths[3:6] {
		if n := e.Wants(detect.File{Path: p, Size: 100}); n != 0 {
			t.Errorf("%s is wanted", p)
		}
	}
}

func TestPlaceErrors(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]detect.Rule{
		"no such format":        {Paths: []string{"/x"}, Format: "none"},
		"keys: expected":        {Paths: []string{"/x"}, Format: "json"},
		"paths: expected":       {Format: "presence"},
		"starts with / or **":   {Paths: []string{"x"}, Format: "presence"},
		"pattern: expected":     {Paths: []string{"/x"}, Format: "lines"},
		"pattern: error":        {Paths: []string{"/x"}, Format: "lines", Pattern: "("},
		"magic: expected bytes": {Paths: []string{"/x"}, Format: "presence", Magic: []string{"zz"}},
		"expected an offset":    {Paths: []string{"/x"}, Format: "presence", Magic: []string{"-1:00"}},
		"no such check":         {Paths: []string{"/x"}, Format: "lines", Pattern: "x", Check: "none"},
	} {
		if _, err := detect.Place(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestFormats holds each reader against the names, values and groups that a
// file has.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, text, want string }{
		{"ini", "; c\na=1\n[s t]\nb = \"x y\" ; c\n c : 'q' # z\n[u]\nd=v;w\n", "a=1 s t.b=x y s t.c=q u.d=v;w"},
		{"env", "export A=b # c\nB='x y'\nC=a:b=c\n#D=1\nset E=\"f\\\"g\"\n", `A=b B=x y C=a:b=c E=f\"g`},
		{"properties", "a.b = c d\n! x\ne: f\ng h#i\n", "a.b=c d e=f g=h#i"},
		{"toml", "[a.b]\nc = \"d\" # e\n[[r]]\nt = { x = \"y\", z = [1, \"w\"] }\n", "a.b.c=d r.t.x=y r.t.z.0=1 r.t.z.1=w"},
		{"json", `{"a":{"b":"c\"d","e":[1,{"f":true}]},/* x */"g":"h",}// "i":"j"`, `a.b=c\"d a.e.0=1 a.e.1.f=true g=h`},
		{"json", "{a:'b', \"c\": {\n\"d\"\n:\n\"e\"}", "a=b c.d=e"},
		{
			"yaml", "# c\na: b\nc:\n  d: \"e f\" # g\n  h: 'i'\nl:\n- x: 1\n  y: 2\n- z\n- m:\n    n: o\np: {q: r, s: [t, u]}\nb: |\n  one\n  two\n\nv: !vault w\nk: &a x\nr: *a\nlast: end",
			"a=b c.d=e f c.h=i l.0.x=1 l.0.y=2 l.1=z l.2.m.n=o p.q=r p.s.0=t p.s.1=u b=one\n  two v=w k=x last=end",
		},
		{"yaml", "a:\n  - b: c\n    d: e\n  - b: f\ng: h\n---\n\"i\": j:k\n", "a.0.b=c a.0.d=e a.1.b=f g=h i=j:k"},
		{
			"xml", `<?xml version="1.0"?><!-- <p>no</p> --><a><n:b c="d"/><e>f</e><add key="k" value="v" /><p name="q">r</p><g><![CDATA[h]]></g></a>`,
			"a.b.c=d a.e=f a.add.key=k a.add.value=v a.add.k=v a.p.name=q a.p.q=r a.p=r a.g=h",
		},
		{
			"code", "<?php // $a = 'no';\n$b = 'c'; define('D', \"e\");\n$f['g'][\"h\"] = 'i';\n$j = array('k' => 'l', 'm' => ['n' => 'o']);\n$p = getenv('Q', 'r'); if ($s == 't') {}\n$this->u = 'v'; public $w = 'x';",
			"b=c D=e f.g.h=i j.k=l j.m.n=o this.u=v w=x",
		},
		{"code", "A = \"b\"  # c\nD = {'e': {'F': 'g', 'H': os.environ['I']}}\nx.y = '''z'''\nr['s'] = \"t\"\nit's don't\nU = 'v'\n", "A=b D.e.F=g x.y=z r.s=t U=v"},
		{"directive", "# c\na b c;\nset d = \"e\"\nf=g\nset h=i\n", "a=b c d=e f=g h=i"},
		{"colon", "a:b::c\n#x:y\n", "1=a 2=b 4=c"},
		{"columns", "a  \"b c\"\td\n", "1=a 2=b c 3=d"},
		{"netrc", "# x\nmachine h login u password p\ndefault login \"v w\" password q", "machine=h login=u password=p login=v w password=q"},
		{"pgpass", "h:1:d\\:e:u:p:q\nshort:line\n", `host=h port=1 database=d\:e user=u password=p:q`},
	} {
		var got []string
		detect.ReadFormat(c.format, []byte(c.text), func(key string, start, end int) {
			got = append(got, key+"="+c.text[start:end])
		})
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.format, c.text, s, c.want)
		}
	}
}

// TestUTF16 holds that values are found where they stand in UTF-16 and after
// a byte order mark.
func TestUTF16(t *testing.T) {
	t.Parallel()
	d, err := detect.Place(detect.Rule{ID: "x", Type: "t", Class: detect.Secret, Severity: detect.High, Title: detect.Text{En: "t", Zh: "t"}, Paths: []string{"/x"}, Format: "xml", Keys: []string{"a.b"}})
	if err != nil {
		t.Fatal(err)
	}
	const value = "Zk29fjQm€😀x"
	encode := func(order binary.AppendByteOrder, s string) []byte {
		var out []byte
		for _, u := range utf16.Encode([]rune(s)) {
			out = order.AppendUint16(out, u)
		}
		return out
	}
	text := "\uFEFF<a>é<b>" + value + "</b></a>"
	for name, c := range map[string]struct{ data, want []byte }{
		"UTF-8":    {[]byte(text), []byte(value)},
		"UTF-16LE": {encode(binary.LittleEndian, text), encode(binary.LittleEndian, value)},
		"UTF-16BE": {encode(binary.BigEndian, text), encode(binary.BigEndian, value)},
		"no mark":  {encode(binary.LittleEndian, text[3:]), encode(binary.LittleEndian, value)},
	} {
		hits := d.Detect(detect.File{Path: "/x", Size: int64(len(c.data))}, c.data)
		if len(hits) != 1 || !bytes.Equal(c.data[hits[0].Start:hits[0].End], c.want) {
			t.Errorf("%s: %+v", name, hits)
		}
	}
}

// FuzzFormat runs every reader over any bytes: spans in bounds, a bounded
// number of them, no panic.
func FuzzFormat(f *testing.F) {
	for _, r := range placeRules(f) {
		for _, e := range append(slices.Clone(r.Examples.For), r.Examples.Against...) {
			f.Add([]byte(exampleData(f, e)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range detect.FormatNames() {
			n := 0
			detect.ReadFormat(name, data, func(key string, start, end int) {
				n++
				if start < 0 || end < start || end > len(data) || len(key) > 2048 {
					t.Errorf("%s: %d:%d of %d, a name of %d", name, start, end, len(data), len(key))
				}
			})
			if n > 4*len(data)+1 {
				t.Errorf("%s: %d values in %d bytes", name, n, len(data))
			}
			d, err := detect.Place(detect.Rule{ID: name, Type: "t", Class: detect.Secret, Severity: detect.High, Paths: []string{"/x"}, Format: name, Keys: []string{"*"}, PublicKeys: []string{"*user*"}, Pattern: "(?s).+"})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range d.Detect(detect.File{Path: "/x"}, data) {
				if h.Start < 0 || h.End < h.Start || h.End > len(data) {
					t.Errorf("%s: hit %d:%d of %d", name, h.Start, h.End, len(data))
				}
			}
		}
	})
}

// BenchmarkPlaces is the cost of choosing records for a file.
func BenchmarkPlaces(b *testing.B) {
	e, err := detect.NewEngine(detect.Options{Rules: placeRules(b)})
	if err != nil {
		b.Fatal(err)
	}
	files := []detect.File{{Path: "/usr/lib/x86_64-linux-gnu/libc.so.6", Size: 1 << 20}, {Path: "/home/a/src/app/node_modules/x/package.json", Size: 999}, {Path: "/srv/www/index.php", Size: 999}}
	for b.Loop() {
		for _, f := range files {
			e.Wants(f)
		}
	}
	b.ReportMetric(float64(len(files)), "files/op")
}

func ExampleRule() {
	e, _ := detect.NewEngine(detect.Options{Rules: []detect.Rule{{
		ID: "at-app", Type: "app_password", Class: detect.Secret, Severity: detect.High,
		Title: detect.Text{En: "password of the application", Zh: "应用的密码"},
		Paths: []string{"**/app.json"}, Format: "json", Keys: []string{"db.password"}, PublicKeys: []string{"user"},
	}}})
	data := []byte(`{"db": {"user": "app", "password": "Zk29fjQm"}}`)
	s := e.Scan(detect.File{Path: "/srv/app.json", Size: int64(len(data))}, func(f detect.Found) {
		fmt.Println(f.TitleEn, f.Public, f.Offset, f.Line)
	})
	s.Write(data)
	s.Close()
	// Output: password of the application app 36 1
}

// TestCloudInitPacked holds that passwords are found in user data that is
// packed, and that packing without end is left alone.
func TestCloudInitPacked(t *testing.T) {
	t.Parallel()
	pack := func(b []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		return z.Bytes()
	}
	b64 := func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }
	plain := []byte("#cloud-config\n# a comment that makes it long enough to be seen\npassword: Qz81mKw2\n")
	d := byName(t, "cloud_init")
	file := "#cloud-config\nwrite_files:\n- encoding: gz+b64\n  content: " + string(b64(pack(plain))) + "\n"
	for name, data := range map[string][]byte{"gzip": pack(plain), "part": b64(plain), "file": []byte(file), "both": pack([]byte(file))} {
		hits := d.Detect(detect.File{Path: "/var/lib/cloud/instance/user-data.txt"}, data)
		if len(hits) != 2 || hits[0].Type != "password_assignment" || hits[0].End > len(data) || hits[0].Detail != "packed" {
			t.Errorf("%s: %+v", name, hits)
		}
	}
	deep := plain
	for range 20 {
		deep = b64(pack(deep))
	}
	if hits := d.Detect(detect.File{}, deep); len(hits) != 0 {
		t.Errorf("20 levels: %+v", hits)
	}
}

// TestBinaryPlaces holds what is told of values in binary files.
func TestBinaryPlaces(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"at-mylogin": "bob@db1 obfuscated with a key in the same file",
		"at-keytab":  "host@db1@CORP.IO AES-256",
		"at-pkcs12":  " opens without a password",
	} {
		for _, r := range placeRules(t) {
			if r.ID != id {
				continue
			}
			d, err := detect.Place(r)
			if err != nil {
				t.Fatal(err)
			}
			data := exampleData(t, r.Examples.For[0])
			hits := d.Detect(detect.File{}, []byte(data))
			if len(hits) == 0 || hits[0].Public+" "+hits[0].Detail != want {
				t.Errorf("%s: %+v", id, hits)
			}
		}
	}
}

// TestHostile holds that what is made to take long does not: 1 MiB of anything
// is read at once, and a bomb is left alone.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{
		`"`, `'`, "`", `'''"""`, "[", "{", `{"a":`, "[[],", "a:\n", "- ", "-\n", "- - a:\n", "a: {", "a: |\n", "<a ", "<a>", "<a b='", "<a b=c/>",
		"<![CDATA[", "<!--", "/*", "//", "a.", "a[", "define(", "machine ", "mysql -p", `\:`, "[s]\n", "a=b\n", `password "`, "\x00",
	} {
		data := []byte(strings.Repeat(unit, (1<<20)/len(unit)))
		for _, name := range detect.FormatNames() {
			start := time.Now()
			detect.ReadFormat(name, data, func(string, int, int) {})
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("%s takes %v for 1 MiB of %q", name, d, unit)
			}
		}
	}
	var bomb []byte
	for range 3 {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		for range 60 {
			w.Write(append([]byte(base64.StdEncoding.EncodeToString(bomb)), bytes.Repeat([]byte("A b\n"), 10_000)...))
		}
		w.Close()
		bomb = z.Bytes()
	}
	start := time.Now()
	byName(t, "cloud_init").Detect(detect.File{}, bomb)
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("a bomb of %d bytes takes %v", len(bomb), d)
	}
}
