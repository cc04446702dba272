package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/detect/database"
)

const (
	// maxState bounds the memory of what a log makes, maxGone that of what it
	// deleted.
	maxState = 48 << 20
	maxGone  = 8 << 20
	maxArgs  = 1 << 20
	maxWork  = 1 << 30
	overhead = 64 // of one value in memory, about
)

// aof reads a log of commands in Redis's protocol.
type aof struct {
	ctx     context.Context
	in      *bufio.Reader
	file    string
	at      int64
	state   *state
	multi   [][]string
	inTx    bool
	waiting int64 // bytes of multi
}

func (a *aof) damaged(what string) error {
	return fmt.Errorf("%w: %s at %d: expected %s", database.ErrDamaged, a.file, a.at, what)
}

// line reads a line that starts with a sign and a number.
func (a *aof) line(sign byte) (int64, error) {
	l, err := a.in.ReadSlice('\n')
	a.at += int64(len(l))
	switch {
	case errors.Is(err, io.EOF) && len(l) == 0:
		return 0, io.EOF
	case errors.Is(err, io.EOF):
		return 0, io.ErrUnexpectedEOF
	case err != nil || len(l) < 4 || l[0] != sign:
		return 0, a.damaged("a line of the protocol")
	}
	n, err := strconv.ParseInt(string(l[1:len(l)-2]), 10, 64)
	if err != nil || n < 0 {
		return 0, a.damaged("a length")
	}
	return n, nil
}

// read applies all commands. An end within a command is io.ErrUnexpectedEOF.
func (a *aof) read() error {
	for steps := 0; ; steps++ {
		if steps%256 == 0 && a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if c, _ := a.in.Peek(1); len(c) == 1 && c[0] == '#' { // a time
			l, err := a.in.ReadSlice('\n')
			a.at += int64(len(l))
			if err != nil {
				return io.ErrUnexpectedEOF
			}
			continue
		}
		at := a.at
		args, err := a.command()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			if a.inTx {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		a.state.file, a.state.at = a.file, at
		switch strings.ToLower(args[0]) {
		case "multi":
			a.inTx, a.multi, a.waiting = true, nil, 0
		case "exec":
			for _, c := range a.multi {
				if a.state.apply(c); a.state.work > maxWork {
					return errStop
				}
			}
			a.inTx, a.multi, a.waiting = false, nil, 0
		default:
			if a.inTx {
				for _, s := range args {
					a.waiting += int64(len(s)) + 16
				}
				a.multi = append(a.multi, args)
			} else {
				a.state.apply(args)
			}
		}
		if a.state.cost+a.waiting > maxState || a.state.work > maxWork {
			return errStop
		}
	}
}

func (a *aof) command() ([]string, error) {
	n, err := a.line('*')
	if err != nil {
		return nil, err
	}
	if n < 1 || n > maxArgs {
		return nil, a.damaged("the number of a command's words")
	}
	var args []string
	total := int64(0)
	for range n {
		size, err := a.line('$')
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if total += size + 16; size > maxString || total > maxState {
			return nil, fmt.Errorf("%w: %s at %d: expected a command of at most %d bytes", database.ErrUnsupported, a.file, a.at, maxState)
		}
		var b []byte
		for left := int(size) + 2; left > 0; {
			k := min(left, 1<<16)
			b = append(b, make([]byte, k)...)
			if _, err := io.ReadFull(a.in, b[len(b)-k:]); err != nil {
				return nil, io.ErrUnexpectedEOF
			}
			left -= k
		}
		a.at += size + 2
		if string(b[size:]) != "\r\n" {
			return nil, a.damaged("the end of a word")
		}
		args = append(args, string(b[:size]))
	}
	return args, nil
}

// object is the value of a key.
type object struct {
	typ     string
	expires int64
	list    []string // string (one), list
	room    []string // of a list, which starts at head
	head    int
	member  map[string]string // hash: values, zset: scores, set
	due     map[string]int64  // when a hash's field expires
	n       int64             // entries of a stream
	lost    bool
	at      int64
	file    string
}

type gone struct {
	item
	file string
}

// state is what a log's commands make.
type state struct {
	dbs     map[uint32]map[string]*object
	db      uint32
	cost    int64
	gone    []gone
	buried  int64
	work    int // values moved, to end what would take long
	file    string
	at      int64
	unknown map[string]int
}

func newState() *state {
	return &state{dbs: map[uint32]map[string]*object{}, unknown: map[string]int{}}
}

func (s *state) full(name string) error {
	return fmt.Errorf("%w: %s: expected a log whose values fit in %d MiB", database.ErrUnsupported, name, maxState>>20)
}

func (s *state) keys() map[string]*object {
	m := s.dbs[s.db]
	if m == nil {
		m = map[string]*object{}
		s.dbs[s.db] = m
	}
	return m
}

// load takes a value from a snapshot.
func (s *state) load(i *item) bool {
	s.db = i.db
	key := string(i.key)
	o := s.keys()[key]
	if o == nil {
		o = &object{typ: i.typ, expires: i.expires, lost: i.lost, at: i.at}
		s.keys()[key] = o
		s.cost += int64(len(key)) + 2*overhead
	}
	v := string(i.value)
	s.cost += int64(len(v)+len(i.field)) + overhead
	switch i.typ {
	case "string", "list":
		o.list = append(o.list, v)
	case "set":
		o.put(v, "")
	case "zset":
		o.put(v, string(i.field))
	case "hash":
		o.put(string(i.field), v)
		if i.expires != o.expires {
			if o.due == nil {
				o.due = map[string]int64{}
			}
			o.due[string(i.field)] = i.expires
		}
	case "stream":
		o.n, _ = strconv.ParseInt(v, 10, 64)
	}
	return s.cost <= maxState
}

func (o *object) put(k, v string) {
	if o.member == nil {
		o.member = map[string]string{}
	}
	o.member[k] = v
}

// each gives an object's values.
func (o *object) each(i *item, f func(*item) bool) bool {
	i.typ, i.expires, i.at, i.lost, i.field, i.score = o.typ, o.expires, o.at, o.lost, nil, false
	switch o.typ {
	case "string", "list":
		for _, v := range o.list {
			if i.value = []byte(v); !f(i) {
				return false
			}
		}
		return true
	case "set", "zset", "hash":
		for k, v := range o.member {
			i.value = []byte(k)
			switch o.typ {
			case "zset":
				i.field, i.score = []byte(v), true
			case "hash":
				i.field, i.value = []byte(k), []byte(v)
				if i.expires = o.expires; o.due[k] != 0 {
					i.expires = o.due[k]
				}
			}
			if !f(i) {
				return false
			}
		}
		return true
	case "stream":
		i.value = strconv.AppendInt(nil, o.n, 10)
		return f(i)
	default:
		i.value = nil
		return f(i)
	}
}

// bury keeps what a command deletes.
func (s *state) bury(key string, o *object) {
	o.each(&item{db: s.db, key: []byte(key)}, func(i *item) bool {
		s.cost -= int64(len(i.value)+len(i.field)) + overhead
		if o.typ == "stream" {
			return true
		}
		s.buried += int64(len(i.key)+len(i.value)+len(i.field)) + 2*overhead
		if s.buried > maxGone {
			return true
		}
		file := o.file
		s.gone = append(s.gone, gone{*i, file})
		return true
	})
}

// one is an object with a single value, to be buried.
func (o *object) one(k, v string) *object {
	c := *o
	c.list, c.member = []string{v}, map[string]string{k: v}
	return &c
}

func (s *state) remove(key string) {
	if o := s.keys()[key]; o != nil {
		s.bury(key, o)
		s.forget(key)
	}
}

func (s *state) forget(key string) {
	if _, ok := s.keys()[key]; ok {
		delete(s.keys(), key)
		s.cost -= int64(len(key)) + 2*overhead
	}
}

// get gives the object of a key; of another type, or not there, it is made new.
func (s *state) get(key, typ string) *object {
	o := s.keys()[key]
	if o != nil && o.typ != typ {
		s.remove(key)
		o = nil
	}
	if o == nil {
		o = &object{typ: typ, at: s.at, file: s.file}
		s.keys()[key] = o
		s.cost += int64(len(key)) + 2*overhead
	}
	return o
}

func (s *state) finish(d *db) {
	d.rows = map[uint32]int64{}
	for n, keys := range s.dbs {
		if len(keys) > 0 {
			d.rows[n] = 0
		}
		for _, o := range keys {
			o.each(&item{}, func(*item) bool {
				d.rows[n]++
				return true
			})
		}
	}
	for _, g := range s.gone {
		d.rows[g.db] += 0
	}
	if s.buried > maxGone {
		d.note("The log holds more deleted values than are shown.")
	}
	var names []string
	for c := range s.unknown {
		if known(c) {
			names = append(names, c)
		}
	}
	if slices.Sort(names); len(names) > 0 {
		d.note("Commands that were not replayed: %s.", strings.Join(names, ", "))
	}
	if d.info.State == database.Clean && d.err == nil {
		d.info.State = database.Recovered
	}
}

// known keeps words of a damaged log, which may be values, out of notes.
func known(c string) bool {
	return slices.Contains([]string{
		"bitfield", "bitop", "copy", "eval", "evalsha", "geoadd", "geosearchstore", "georadius", "pfadd", "pfmerge", "restore", "setbit",
		"sort", "xautoclaim", "xtrim", "zinterstore", "zunionstore", "zdiffstore", "zrangestore", "zremrangebylex", "sinterstore", "sdiffstore",
		"sunionstore", "hpexpireat", "hpersist", "lmpop", "zmpop", "move", "swapdb",
	}, c)
}

func (s *state) rows(ctx context.Context, n uint32, opts database.RowOptions, f func(i *item, file string, deleted bool) bool) error {
	k := 0
	for _, key := range slices.Sorted(maps.Keys(s.dbs[n])) {
		o := s.dbs[n][key]
		if err := ctx.Err(); err != nil {
			return err
		}
		if k++; opts.Every > 1 && k%opts.Every != 1 {
			continue
		}
		if !o.each(&item{db: n, key: []byte(key)}, func(i *item) bool { return f(i, o.file, false) }) {
			return nil
		}
	}
	for i := range s.gone {
		if g := s.gone[i]; opts.Deleted && g.db == n && !f(&g.item, g.file, true) {
			return nil
		}
	}
	return nil
}
