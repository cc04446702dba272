package redis

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/detect"
	"github.com/lenscap/lenscap/internal/detect/database"
	"github.com/lenscap/lenscap/internal/detect/database/databasetest"
)

// server is a real Redis.
type server struct {
	t   *testing.T
	cmd *exec.Cmd
	c   net.Conn
	in  *bufio.Reader
}

func start(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	sock := filepath.Join(t.TempDir(), "s")
	cmd := exec.Command(bin, append([]string{"--dir", dir, "--port", "0", "--unixsocket", sock, "--save", "", "--stop-writes-on-bgsave-error", "no"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, cmd: cmd}
	t.Cleanup(s.kill)
	for range 200 {
		if s.c, err = net.Dial("unix", sock); err == nil {
			s.in = bufio.NewReader(s.c)
			if r, _ := s.try("PING"); r == "PONG" {
				return s
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("redis-server did not start: %v", err)
	return nil
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) try(args ...string) (any, error) {
	fmt.Fprintf(s.c, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(s.c, "$%d\r\n%s\r\n", len(a), a)
	}
	return s.reply()
}

func (s *server) reply() (any, error) {
	l, err := s.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, l := l[0], strings.TrimSuffix(l[1:], "\r\n")
	n, _ := strconv.Atoi(l)
	switch kind {
	case '+', ':':
		return l, nil
	case '-':
		return nil, fmt.Errorf("%s", l)
	case '$':
		if n < 0 {
			return nil, nil
		}
		b := make([]byte, n+2)
		_, err := io.ReadFull(s.in, b)
		return string(b[:n]), err
	default:
		var out []string
		for range n {
			v, err := s.reply()
			if err != nil {
				return nil, err
			}
			out = append(out, fmt.Sprint(v))
		}
		return out, nil
	}
}

func (s *server) do(args ...string) any {
	s.t.Helper()
	v, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("%s: %v", args[0], err)
	}
	return v
}

// printed gives a value so that kinds can be told apart.
func printed(v database.Value) string {
	switch v.Kind {
	case database.Null:
		return "n"
	case database.Number:
		return "#" + string(v.Data)
	case database.Text:
		return "t" + string(v.Data)
	case database.Bytes:
		return "b" + strings.ToUpper(hex.EncodeToString(v.Data))
	}
	return "?"
}

// rowsOf gives the rows of a table, those that are there and those that were
// deleted, each sorted.
func rowsOf(db database.Database, tab database.Table) (live, gone []string, err error) {
	err = db.Rows(context.Background(), tab, database.RowOptions{Deleted: true}, func(r database.Row) bool {
		var parts []string
		for _, v := range r.Values {
			parts = append(parts, printed(v))
		}
		row := strings.Join(parts, "\x1f")
		if r.Deleted {
			gone = append(gone, row)
		} else {
			live = append(live, row)
		}
		return true
	})
	slices.Sort(live)
	slices.Sort(gone)
	return live, gone, err
}

func print(v string) string { return printed(text([]byte(v))) }

// truth asks a server for all that it has.
func (s *server) truth(n int) []string {
	s.do("SELECT", strconv.Itoa(n))
	var out []string
	keys, _ := s.do("KEYS", "*").([]string)
	for _, k := range keys {
		typ := s.do("TYPE", k).(string)
		expires := "n"
		if e := s.do("PEXPIRETIME", k).(string); e != "-1" {
			expires = "#" + e
		}
		add := func(field, value string) {
			out = append(out, strings.Join([]string{print(k), "t" + typ, field, value, expires}, "\x1f"))
		}
		switch typ {
		case "string":
			add("n", print(s.do("GET", k).(string)))
		case "list":
			for _, v := range s.do("LRANGE", k, "0", "-1").([]string) {
				add("n", print(v))
			}
		case "set":
			for _, v := range s.do("SMEMBERS", k).([]string) {
				add("n", print(v))
			}
		case "hash":
			v := s.do("HGETALL", k).([]string)
			for i := 0; i < len(v); i += 2 {
				add(print(v[i]), print(v[i+1]))
			}
		case "zset":
			v := s.do("ZRANGE", k, "0", "-1", "WITHSCORES").([]string)
			for i := 0; i < len(v); i += 2 {
				f, _ := strconv.ParseFloat(v[i+1], 64)
				add("#"+string(appendScore(nil, f)), print(v[i]))
			}
		case "stream":
			add("n", "#"+s.do("XLEN", k).(string))
		}
	}
	slices.Sort(out)
	return out
}

func randomValue(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case 1:
		return strings.Repeat("squeeze ", r.IntN(200))
	case 2:
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	case 3:
		return strings.Repeat(strconv.Itoa(r.IntN(10)), r.IntN(3000))
	default:
		return "v" + strconv.Itoa(r.IntN(50))
	}
}

func (s *server) change(r *rand.Rand) {
	key := func(kind string) string { return kind + strconv.Itoa(r.IntN(12)) }
	num := func(n int) string { return strconv.Itoa(r.IntN(n)) }
	v := func() string { return randomValue(r) }
	ops := [][]string{
		{"SELECT", num(3)},
		{"SET", key("s"), v()},
		{"SET", key("s"), v(), "EX", "10000"},
		{"SET", key("s"), v(), "KEEPTTL"},
		{"MSET", key("s"), v(), key("s"), v()},
		{"APPEND", key("s"), v()},
		{"INCRBY", key("i"), num(1000)},
		{"DECR", key("i")},
		{"INCRBYFLOAT", key("i"), "3"},
		{"SETRANGE", key("s"), num(100), v()},
		{"GETSET", key("s"), v()},
		{"GETDEL", key("s")},
		{"SETEX", key("s"), "1000", v()},
		{"GETEX", key("s"), "PERSIST"},
		{"DEL", key("s"), key("l")},
		{"UNLINK", key("h")},
		{"EXPIRE", key("h"), "9999"},
		{"PERSIST", key("h")},
		{"RENAME", key("s"), key("s")},
		{"HSET", key("h"), v(), v(), "f" + num(100), v()},
		{"HSET", key("h"), num(1000), num(1 << 30)},
		{"HDEL", key("h"), "f" + num(100)},
		{"HINCRBY", key("h"), "count", num(9)},
		{"HINCRBYFLOAT", key("h"), "float", "0.5"},
		{"RPUSH", key("l"), v(), v()},
		{"LPUSH", key("l"), v(), v(), v()},
		{"LPOP", key("l")},
		{"RPOP", key("l"), "2"},
		{"LSET", key("l"), "0", v()},
		{"LTRIM", key("l"), "1", "-2"},
		{"LREM", key("l"), strconv.Itoa(r.IntN(5) - 2), "v" + num(50)},
		{"LINSERT", key("l"), "AFTER", "v" + num(50), v()},
		{"RPOPLPUSH", key("l"), key("l")},
		{"LMOVE", key("l"), key("l"), "LEFT", "RIGHT"},
		{"SADD", key("u"), v(), v()},
		{"SADD", key("n"), num(1 << 8), num(1 << 20)},
		{"SADD", key("n"), strconv.FormatInt(int64(r.Uint64()), 10)},
		{"SREM", key("u"), "v" + num(50)},
		{"SPOP", key("n")},
		{"SMOVE", key("u"), key("u"), "v" + num(50)},
		{"ZADD", key("z"), num(100), v(), strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64), v()},
		{"ZADD", key("z"), "GT", num(100), "v" + num(50)},
		{"ZINCRBY", key("z"), "1.5", "v" + num(50)},
		{"ZADD", key("z"), "-inf", v()},
		{"ZREM", key("z"), "v" + num(50)},
		{"ZPOPMIN", key("z")},
		{"ZPOPMAX", key("z"), "2"},
		{"ZREMRANGEBYSCORE", key("z"), "(10", "20"},
		{"ZREMRANGEBYRANK", key("z"), "0", "1"},
		{"XADD", key("x"), "*", "f", v()},
		{"XADD", key("x"), "*", "f", v(), "g", v()},
	}
	op := ops[r.IntN(len(ops))]
	if r.IntN(300) == 0 {
		op = []string{"FLUSHDB"}
	}
	_, _ = s.try(op...) // some fail: no such key, not a number
}

func read(t *testing.T, files detect.Files, root string) (database.Database, map[string][]string, []string) {
	t.Helper()
	db, err := Engine{}.Open(context.Background(), files, root)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := db.Tables(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	var gone []string
	for _, tab := range tables {
		live, deleted, err := rowsOf(db, tab)
		if err != nil {
			t.Fatal(err)
		}
		got[tab.Name] = live
		gone = append(gone, deleted...)
	}
	return db, got, gone
}

func compare(t *testing.T, s *server, got map[string][]string) {
	t.Helper()
	n := 0
	for i := range 4 {
		name := "db" + strconv.Itoa(i)
		want := s.truth(i)
		n += len(want)
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: got %d rows, want %d", name, len(got[name]), len(want))
			for j := range min(len(got[name]), len(want)) {
				if got[name][j] != want[j] {
					t.Errorf("first difference:\ngot  %.300q\nwant %.300q", got[name][j], want[j])
					break
				}
			}
		}
	}
	t.Logf("%d rows compared", n)
}

func TestSnapshot(t *testing.T) {
	for seed := range 3 {
		dir := t.TempDir()
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		args := []string{"--appendonly", "no"}
		if seed == 1 {
			args = append(args, "--hash-max-listpack-entries", "0", "--zset-max-listpack-entries", "0", "--set-max-intset-entries", "0", "--list-max-listpack-size", "1")
		}
		if seed == 2 {
			args = append(args, "--rdbcompression", "no", "--rdbchecksum", "no")
		}
		s := start(t, dir, args...)
		for range 3000 {
			s.change(r)
		}
		s.do("XGROUP", "CREATE", "stream", "g", "0", "MKSTREAM")
		s.do("XADD", "stream", "*", "a", "b")
		s.do("XREADGROUP", "GROUP", "g", "me", "STREAMS", "stream", ">")
		s.do("SAVE")
		db, got, _ := read(t, databasetest.Files(dir), "/dump.rdb")
		compare(t, s, got)
		if i := db.Info(); i.Version == "" || i.State != database.Clean {
			t.Errorf("got %+v", i)
		}
		s.kill()
	}
}

func TestLog(t *testing.T) {
	for seed := range 4 {
		dir := t.TempDir()
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		s := start(t, dir, "--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", []string{"yes", "no"}[seed%2], "--auto-aof-rewrite-percentage", "0")
		for i := range 3000 {
			s.change(r)
			if i == 1500 && seed >= 2 {
				s.do("BGREWRITEAOF")
				for !strings.Contains(s.do("INFO", "persistence").(string), "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0") {
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		s.do("SELECT", "0")
		s.do("SET", "token", "deleted-marker")
		s.do("DEL", "token")
		s.do("MULTI")
		s.do("SET", "multi", "1")
		s.do("EXEC")
		s.kill()
		// A crash cuts the last command.
		parts, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
		if err != nil || len(parts) == 0 {
			t.Fatalf("no log: %v", err)
		}
		last := slices.Max(parts)
		f, err := os.OpenFile(last, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$100\r\nha"); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		db, got, gone := read(t, databasetest.Files(dir), "/appendonlydir/appendonly.aof.manifest")
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		again := start(t, copied, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
		compare(t, again, got)
		again.kill()
		if !slices.ContainsFunc(gone, func(r string) bool { return strings.Contains(r, "deleted-marker") }) {
			t.Error("a deleted value was not found")
		}
		if i := db.Info(); i.State != database.Recovered || i.Incomplete {
			t.Errorf("got %+v", i)
		}
	}
}

func TestSuite(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, "--appendonly", "yes")
	r := rand.New(rand.NewPCG(9, 9))
	for range 1000 {
		s.change(r)
	}
	s.do("SAVE")
	s.kill()
	databasetest.Suite(t, Engine{}, databasetest.Files(dir), "/dump.rdb")
	databasetest.Suite(t, Engine{}, databasetest.Files(dir), "/appendonlydir/appendonly.aof.manifest")
}

func TestClaims(t *testing.T) {
	for _, c := range []struct {
		path, head string
		want       bool
	}{
		{"/var/lib/redis/dump.rdb", "REDIS0010\xfa", true},
		{"/x/backup.bin", "REDIS0006\xfe", true},
		{"/x/appendonlydir/appendonly.aof.1.base.rdb", "REDIS0010\xfa", false},
		{"/x/appendonlydir/appendonly.aof.manifest", "file appendonly.aof.1.base.rdb seq 1 type b\n", true},
		{"/x/app.manifest", "CACHE MANIFEST\n", false},
		{"/x/appendonly.aof", "*2\r\n$6\r\nSELECT\r\n", true},
		{"/x/README", "REDIS is a", false},
	} {
		if _, ok := (Engine{}).Claims(detect.File{Path: c.path}, []byte(c.head)); ok != c.want {
			t.Errorf("%s: got %v, want %v", c.path, ok, c.want)
		}
	}
}

// Old encodings that today's server no longer writes, by hand after rdb.c.
func TestOldEncodings(t *testing.T) {
	data := "REDIS0004\xfe\x00" +
		"\x09\x01m\x0d" + "\x02" + "\x01a" + "\x02\x00xy" + "\x01b" + "\x01\x00z" + "\xff" +
		"\x0d\x01h\x11" + "\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00" + "\x00\x01f" + "\x03\xfe\x80" + "\xff" +
		"\x03\x01z\x01\x01q\x031.5" + "\xff"
	_, got, _ := read(t, databasetest.Mem(map[string][]byte{"/d.rdb": []byte(data)}), "/d.rdb")
	want := []string{
		"th\x1fthash\x1ftf\x1ft-128\x1fn", "tm\x1fthash\x1fta\x1ftxy\x1fn", "tm\x1fthash\x1ftb\x1ftz\x1fn", "tz\x1ftzset\x1f#1.5\x1ftq\x1fn",
	}
	if !slices.Equal(got["db0"], want) {
		t.Errorf("got %q, want %q", got["db0"], want)
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte("REDIS0004\xfe\x00\x00\x01a\x01b\xff"))
	f.Add([]byte("REDIS0012\xfe\x00\x18\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x01f\x01v\xff"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		databasetest.ReadAll(context.Background(), Engine{}, databasetest.Mem(map[string][]byte{"/d.rdb": b}), "/d.rdb")
	})
}

func FuzzLog(f *testing.F) {
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*3\r\n$5\r\nLPUSH\r\n$1\r\nl\r\n$1\r\nb\r\n"))
	f.Add([]byte("#TS:1\r\n*3\r\n$5\r\nRPUSH\r\n$1\r\na\r\n$1\r\nb\r\n*4\r\n$5\r\nLTRIM\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\n0\r\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		databasetest.ReadAll(context.Background(), Engine{}, databasetest.Mem(map[string][]byte{"/a.aof": b}), "/a.aof")
	})
}
