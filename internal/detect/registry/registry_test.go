package registry_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lenscap/lenscap/internal/detect/registry"
	"github.com/lenscap/lenscap/internal/detect/registry/registrytest"
)

// dump writes a tree as lines, for comparison.
func dump(k registry.Key, path string, out *strings.Builder) {
	for v := range k.Values() {
		fmt.Fprintf(out, "%s|%s|%d|%x\n", path, v.Name, v.Type, v.Data)
	}
	for s := range k.Keys() {
		fmt.Fprintf(out, "%s\\%s|%s\n", path, s.Name(), s.Class())
		dump(s, path+`\`+s.Name(), out)
	}
}

func open(t *testing.T, b []byte) *registry.Hive {
	t.Helper()
	h, err := registry.OpenBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func root(t *testing.T, h *registry.Hive) registry.Key {
	t.Helper()
	k, ok := h.Root()
	if !ok {
		t.Fatal("no root key")
	}
	return k
}

func tree() *registrytest.Key {
	big := bytes.Repeat([]byte("0123456789abcdef"), 3000)
	k := &registrytest.Key{Name: "ROOT", Keys: []*registrytest.Key{
		{Name: "Software", Keys: []*registrytest.Key{
			{Name: "Größe", Values: []registrytest.Value{registrytest.Text("", "default"), registrytest.Text("Name", "Wert"), {Name: "four", Type: 4, Data: []byte{1, 2, 3, 4}}, {Name: "none", Type: 0}}},
			{Name: "软件", Class: "1a2b3c4d", Values: []registrytest.Value{{Name: "big", Type: 3, Data: big}, {Name: "值", Type: 3, Data: []byte("12345")}}},
		}},
		{Name: "Empty"},
	}}
	many := &registrytest.Key{Name: "Many"}
	for i := range 1200 {
		many.Keys = append(many.Keys, &registrytest.Key{Name: fmt.Sprintf("k%04d", i)})
	}
	k.Keys = append(k.Keys, many)
	return k
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"lf", "lh", "li"} {
		b := registrytest.Hive(tree(), list)
		h := open(t, b)
		if h.Dirty || !h.Sound {
			t.Errorf("%s: dirty %v, sound %v", list, h.Dirty, h.Sound)
		}
		k, ok := root(t, h).Key("software", "größe")
		if !ok {
			t.Fatalf("%s: no key", list)
		}
		v, ok := k.Value("NAME")
		if !ok || v.Text() != "Wert" || !bytes.Equal(b[v.At:v.At+int64(len(v.Data))], v.Data) {
			t.Errorf("%s: value %+v", list, v)
		}
		if v, ok := k.Value("four"); !ok || !bytes.Equal(b[v.At:v.At+4], []byte{1, 2, 3, 4}) {
			t.Errorf("%s: value in its cell: %+v", list, v)
		}
		k, ok = root(t, h).Key("Software", "软件")
		if !ok || k.Class() != "1a2b3c4d" {
			t.Fatalf("%s: class %q", list, k.Class())
		}
		v, ok = k.Value("big")
		if !ok || len(v.Data) != 48000 || !bytes.Equal(b[v.At:v.At+int64(v.Contiguous())], v.Data[:v.Contiguous()]) || string(v.Data[47984:]) != "0123456789abcdef" {
			t.Errorf("%s: big value of %d bytes", list, len(v.Data))
		}
		if _, ok := root(t, h).Key("Many", "K1199"); !ok {
			t.Errorf("%s: no last key of a list of lists", list)
		}
		if _, ok := root(t, h).Key("Many", "none"); ok || h.Truncated {
			t.Errorf("%s: found %v, truncated %v", list, ok, h.Truncated)
		}
		var fromBytes, fromFile strings.Builder
		dump(root(t, h), "", &fromBytes)
		f, err := registry.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		dump(root(t, f), "", &fromFile)
		if fromBytes.String() != fromFile.String() || f.Truncated || strings.Count(fromBytes.String(), "\n") != 1200+5+6 {
			t.Errorf("%s: bytes and file differ, or lines are missing: %d", list, strings.Count(fromBytes.String(), "\n"))
		}
	}
}

func TestNoHive(t *testing.T) {
	t.Parallel()
	good := registrytest.Hive(tree(), "lf")
	for name, change := range map[string]func(b []byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"short":   func(b []byte) []byte { return b[:511] },
		"magic":   func(b []byte) []byte { b[0] = 'R'; return b },
		"version": func(b []byte) []byte { b[20] = 2; return b },
		"log":     func(b []byte) []byte { b[28] = 6; return b },
		"bin":     func(b []byte) []byte { b[4096] = 0; return b },
		"header":  func(b []byte) []byte { return b[:4096] },
	} {
		if _, err := registry.OpenBytes(change(bytes.Clone(good))); !errors.Is(err, registry.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dirty := bytes.Clone(good)
	dirty[4]++
	if h := open(t, dirty); !h.Dirty || h.Sound {
		t.Errorf("changed sequence: dirty %v, sound %v", h.Dirty, h.Sound)
	}
}

// TestCut holds that a hive that ends early tells so and never more than there is.
func TestCut(t *testing.T) {
	t.Parallel()
	good := registrytest.Hive(tree(), "lh")
	var all strings.Builder
	dump(root(t, open(t, good)), "", &all)
	for n := 5000; n < len(good)-4096; n += 4999 {
		h := open(t, good[:n])
		var out strings.Builder
		if k, ok := h.Root(); ok {
			dump(k, "", &out)
		}
		if out.Len() >= all.Len() || !h.Truncated {
			t.Errorf("cut at %d: %d of %d, truncated %v", n, out.Len(), all.Len(), h.Truncated)
		}
	}
}

// TestLoops holds that lists that name each other or one thing many times end.
func TestLoops(t *testing.T) {
	t.Parallel()
	good := registrytest.Hive(tree(), "lf")
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		bad := bytes.Clone(good)
		for range 20 { // point cells at other cells
			at := 4096 + 4*r.IntN((len(bad)-4096)/4-1)
			binary.LittleEndian.PutUint32(bad[at:], uint32(8*r.IntN(len(bad)/8)))
		}
		h := open(t, bad)
		walk(h)
	}
	// A key that is its own child, in every place of its list.
	k := &registrytest.Key{Name: "ROOT"}
	for i := range 500 {
		k.Keys = append(k.Keys, &registrytest.Key{Name: fmt.Sprint(i)})
	}
	self := registrytest.Hive(k, "li")
	at := bytes.Index(self, []byte("li"))
	for i := range 500 {
		copy(self[at+4+4*i:], self[36:40])
	}
	h := open(t, self)
	walk(h)
	if !h.Truncated {
		t.Error("a key within itself is no damage")
	}
}

// walk reads everything, eight keys deep.
func walk(h *registry.Hive) {
	var down func(k registry.Key, depth int)
	down = func(k registry.Key, depth int) {
		_ = k.Class()
		for v := range k.Values() {
			_ = v.Text()
		}
		for s := range k.Keys() {
			if depth < 8 {
				down(s, depth+1)
			}
		}
	}
	if k, ok := h.Root(); ok {
		down(k, 0)
	}
}

func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("%s is not here; scripts/tools.sh installs it", tool)
	}
}

// TestHivex lets another program read what the tests write, and reads what that
// program writes: with keys added, values changed and cells moved.
func TestHivex(t *testing.T) {
	t.Parallel()
	need(t, "hivexsh")
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(src, registrytest.Hive(tree(), "lh"), 0o600); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "load %s\ncd \\Software\\Größe\nlsval Name\n", src)
	script.WriteString("cd \\Empty\nadd One\ncd One\nsetval 3\n@\nstring:first\nPassword\nstring:Zk29fjQm\nBytes\nhex:3:" + hex.EncodeToString([]byte{1, 2, 3}) + "\n")
	for i := range 300 {
		fmt.Fprintf(&script, "cd \\Empty\nadd n%d\n", i)
	}
	fmt.Fprintf(&script, "commit %s\n", dst)
	cmd := exec.Command("hivexsh", "-w")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Wert") {
		t.Fatalf("hivexsh: %v\n%s", err, out)
	}
	b, err := os.ReadFile(dst)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, b)
	if !h.Sound {
		t.Error("the checksum does not hold")
	}
	k, ok := root(t, h).Key("empty", "one")
	if !ok {
		t.Fatal("no key that hivex added")
	}
	for name, want := range map[string]string{"": "first", "password": "Zk29fjQm"} {
		if v, ok := k.Value(name); !ok || v.Text() != want {
			t.Errorf("value %q: %q", name, v.Text())
		}
	}
	if v, ok := k.Value("bytes"); !ok || !bytes.Equal(v.Data, []byte{1, 2, 3}) {
		t.Errorf("bytes: %v", v.Data)
	}
	for i := range 300 {
		if _, ok := root(t, h).Key("Empty", fmt.Sprintf("N%d", i)); !ok {
			t.Fatalf("no key %d that hivex added", i)
		}
	}
}

// TestRealHive counts the keys and values of a hive that LENSCAP_HIVE names, and
// holds that another program counts as many.
func TestRealHive(t *testing.T) {
	t.Parallel()
	name := os.Getenv("LENSCAP_HIVE")
	if name == "" {
		t.Skip("LENSCAP_HIVE names no hive")
	}
	need(t, "hivexml")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, b)
	keys, values := 0, 0
	var count func(k registry.Key)
	count = func(k registry.Key) {
		keys++
		for range k.Values() {
			values++
		}
		for s := range k.Keys() {
			count(s)
		}
	}
	count(root(t, h))
	xml, err := exec.Command("hivexml", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	wantKeys, wantValues := bytes.Count(xml, []byte("<node ")), bytes.Count(xml, []byte("<value "))
	t.Logf("%d keys, %d values, dirty %v, sound %v, whole %v", keys, values, h.Dirty, h.Sound, !h.Truncated)
	if keys != wantKeys || values != wantValues || h.Truncated {
		t.Errorf("%d keys and %d values, another program finds %d and %d; truncated %v", keys, values, wantKeys, wantValues, h.Truncated)
	}
}

func FuzzHive(f *testing.F) {
	k := &registrytest.Key{Name: "R", Class: "c", Keys: []*registrytest.Key{
		{Name: "k", Values: []registrytest.Value{registrytest.Text("v", "t"), {Name: "b", Type: 3, Data: make([]byte, 17000)}}}, {Name: "l"},
	}}
	for _, list := range []string{"lf", "lh", "li"} {
		f.Add(registrytest.Hive(k, list))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := registry.OpenBytes(b)
		if err != nil {
			return
		}
		walk(h)
		if k, ok := h.Root(); ok {
			for v := range k.Values() {
				if v.At < 0 || v.At+int64(v.Contiguous()) > int64(len(b)) {
					t.Errorf("value at %d of %d bytes", v.At, len(b))
				}
			}
		}
		if r, err := registry.Open(bytes.NewReader(b), int64(len(b))); err == nil {
			walk(r)
		} else {
			t.Errorf("a hive in memory, none in a file: %v", err)
		}
	})
}
