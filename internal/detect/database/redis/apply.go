package redis

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// apply does what one command of a log does. A log holds commands that
// succeeded, with random choices and times already made certain.
func (s *state) apply(args []string) {
	name := strings.ToLower(args[0])
	ok := false
	switch {
	case len(args) == 1 && name == "flushall":
		for n := range s.dbs {
			s.flush(n)
		}
		ok = true
	case len(args) == 1 && name == "flushdb":
		s.flush(s.db)
		ok = true
	case len(args) > 1:
		ok = s.keyspace(name, args[1:]) || s.scalar(name, args[1:]) || s.members(name, args[1:]) || s.lists(name, args[1:]) || s.sorted(name, args[1:])
	}
	if !ok && len(s.unknown) < 1000 {
		s.unknown[name]++
	}
}

func (s *state) flush(n uint32) {
	was := s.db
	s.db = n
	for key := range s.keys() {
		s.remove(key)
	}
	s.db = was
}

func atoi(v string) int64 {
	n, _ := strconv.ParseInt(v, 10, 64)
	return n
}

func (s *state) keyspace(name string, a []string) bool {
	switch name {
	case "select":
		n, err := strconv.ParseUint(a[0], 10, 32)
		if err != nil || n >= maxNumber || len(s.dbs) > 1<<16 {
			return false
		}
		s.db = uint32(n)
	case "del", "unlink":
		for _, k := range a {
			s.remove(k)
		}
	case "flushall":
		for n := range s.dbs {
			s.flush(n)
		}
	case "flushdb":
		s.flush(s.db)
	case "pexpireat", "expireat":
		if o := s.keys()[a[0]]; o != nil && len(a) > 1 {
			if o.expires = atoi(a[1]); name == "expireat" {
				o.expires *= 1000
			}
		}
	case "persist":
		if o := s.keys()[a[0]]; o != nil {
			o.expires = 0
		}
	case "rename", "renamenx":
		if len(a) < 2 {
			return false
		}
		if o := s.keys()[a[0]]; o != nil && a[0] != a[1] {
			s.remove(a[1])
			delete(s.keys(), a[0])
			s.keys()[a[1]] = o
		}
	case "publish", "spublish", "script", "function", "xgroup", "xack", "xclaim", "xsetid", "ping":
	default:
		return false
	}
	return true
}

// set gives a string a new value.
func (s *state) set(key, v string, keep bool) *object {
	o := s.keys()[key]
	s.work += len(v)
	expires := int64(0)
	if o != nil {
		if keep {
			expires = o.expires
		}
		if o.typ != "string" || len(o.list) != 1 || o.list[0] != v {
			s.bury(key, o)
		} else {
			s.cost -= int64(len(v)) + overhead
		}
		s.forget(key)
	}
	o = s.get(key, "string")
	o.list, o.expires = []string{v}, expires
	s.cost += int64(len(v)) + overhead
	return o
}

func (s *state) scalar(name string, a []string) bool {
	was := func() string {
		if o := s.keys()[a[0]]; o != nil && o.typ == "string" && len(o.list) == 1 {
			return o.list[0]
		}
		return ""
	}
	switch {
	case name == "set" && len(a) >= 2:
		keep := slices.ContainsFunc(a[2:], func(w string) bool { return strings.EqualFold(w, "keepttl") })
		o := s.set(a[0], a[1], keep)
		for i := 2; i+1 < len(a); i++ {
			switch strings.ToLower(a[i]) {
			case "pxat":
				o.expires = atoi(a[i+1])
			case "exat":
				o.expires = atoi(a[i+1]) * 1000
			}
		}
	case (name == "setnx" || name == "getset") && len(a) == 2:
		s.set(a[0], a[1], false)
	case (name == "mset" || name == "msetnx") && len(a)%2 == 0:
		for i := 0; i < len(a); i += 2 {
			s.set(a[i], a[i+1], false)
		}
	case name == "append" && len(a) == 2 && len(was())+len(a[1]) <= maxString:
		s.set(a[0], was()+a[1], true)
	case name == "incr":
		s.set(a[0], strconv.FormatInt(atoi(was())+1, 10), true)
	case name == "decr":
		s.set(a[0], strconv.FormatInt(atoi(was())-1, 10), true)
	case name == "incrby" && len(a) == 2:
		s.set(a[0], strconv.FormatInt(atoi(was())+atoi(a[1]), 10), true)
	case name == "decrby" && len(a) == 2:
		s.set(a[0], strconv.FormatInt(atoi(was())-atoi(a[1]), 10), true)
	case name == "setrange" && len(a) == 3:
		at := atoi(a[1])
		if at < 0 || at+int64(len(a[2])) > maxString {
			return false
		}
		b := []byte(was())
		if more := int(at) + len(a[2]) - len(b); more > 0 {
			b = append(b, make([]byte, more)...)
		}
		copy(b[at:], a[2])
		s.set(a[0], string(b), true)
	case name == "xadd":
		s.get(a[0], "stream").n++
	case name == "xdel":
		s.get(a[0], "stream").n -= int64(len(a) - 1)
	default:
		return false
	}
	return true
}

// put sets a member, and keeps what it replaces.
func (s *state) put(key string, o *object, k, v string) {
	if old, ok := o.member[k]; !ok {
		s.cost += int64(len(k)+len(v)) + overhead
	} else if old != v {
		s.bury(key, o.one(k, old))
		s.cost += int64(len(k)+len(v)) + overhead
	}
	delete(o.due, k)
	o.put(k, v)
}

func (s *state) drop(key string, o *object, k string) {
	if old, ok := o.member[k]; ok {
		s.bury(key, o.one(k, old))
		delete(o.member, k)
	}
	if len(o.member) == 0 {
		s.forget(key)
	}
}

func (s *state) members(name string, a []string) bool {
	key, a := a[0], a[1:]
	switch {
	case (name == "hset" || name == "hmset" || name == "hsetnx") && len(a) > 0 && len(a)%2 == 0:
		o := s.get(key, "hash")
		for i := 0; i < len(a); i += 2 {
			s.put(key, o, a[i], a[i+1])
		}
	case name == "hincrby" && len(a) == 2:
		o := s.get(key, "hash")
		s.put(key, o, a[0], strconv.FormatInt(atoi(o.member[a[0]])+atoi(a[1]), 10))
	case name == "sadd" && len(a) > 0:
		o := s.get(key, "set")
		for _, v := range a {
			s.put(key, o, v, "")
		}
	case name == "hdel" || name == "srem" || name == "zrem":
		if o := s.keys()[key]; o != nil {
			for _, v := range a {
				s.drop(key, o, v)
			}
		}
	case name == "smove" && len(a) == 2:
		if o := s.keys()[key]; o != nil {
			s.drop(key, o, a[1])
		}
		s.put(a[0], s.get(a[0], "set"), a[1], "")
	default:
		return false
	}
	return true
}

// push adds to an end of a list.
func (s *state) push(key, v string, left bool) {
	o := s.get(key, "list")
	s.cost += int64(len(v)) + overhead
	if left {
		o.prepend(v)
	} else {
		o.list = append(o.list, v)
	}
}

// prepend adds to the start of a list, which has room before it.
func (o *object) prepend(v string) {
	if o.head == 0 || len(o.list) == 0 || &o.room[o.head] != &o.list[0] {
		o.head = len(o.list) + 8
		o.room = make([]string, o.head, 2*o.head)
		o.room = append(o.room, o.list...)
		o.list = o.room[o.head:]
	}
	o.head--
	o.room[o.head] = v
	o.list = o.room[o.head : o.head+1+len(o.list)]
}

// cut takes a part out of a list.
func (s *state) cut(key string, from, to int) []string {
	o := s.keys()[key]
	if o == nil || o.typ != "list" {
		return nil
	}
	from, to = max(0, min(from, len(o.list))), max(0, min(to, len(o.list)))
	if from >= to {
		return nil
	}
	out := slices.Clone(o.list[from:to])
	c := *o
	c.list = out
	s.bury(key, &c)
	switch {
	case from == 0:
		clear(o.list[:to])
		o.list = o.list[to:]
	case to == len(o.list):
		clear(o.list[from:])
		o.list = o.list[:from]
	default:
		s.work += len(o.list)
		o.list = slices.Delete(o.list, from, to)
	}
	if len(o.list) == 0 {
		s.forget(key)
	}
	return out
}

func (s *state) lists(name string, a []string) bool {
	key, a := a[0], a[1:]
	size := 0
	o := s.keys()[key]
	if o != nil && o.typ == "list" {
		size = len(o.list)
	}
	at := func(v string) int {
		n := atoi(v)
		if n < 0 {
			n += int64(size)
		}
		return int(max(-1, min(n, int64(size))))
	}
	pop := func(n int, left bool) []string {
		if left {
			return s.cut(key, 0, n)
		}
		return s.cut(key, size-n, size)
	}
	switch {
	case name == "lpush" || name == "rpush" || (name == "lpushx" || name == "rpushx") && size > 0:
		for _, v := range a {
			s.push(key, v, name[0] == 'l')
		}
	case name == "lpop" || name == "rpop":
		n := 1
		if len(a) > 0 {
			n = int(max(0, min(atoi(a[0]), int64(size))))
		}
		pop(n, name == "lpop")
	case name == "rpoplpush" && len(a) == 1:
		for _, v := range pop(1, false) {
			s.push(a[0], v, true)
		}
	case name == "lmove" && len(a) == 3:
		for _, v := range pop(1, strings.EqualFold(a[1], "left")) {
			s.push(a[0], v, strings.EqualFold(a[2], "left"))
		}
	case name == "lset" && len(a) == 2:
		if i := at(a[0]); i >= 0 && i < size && o.list[i] != a[1] {
			s.bury(key, o.one("", o.list[i]))
			o.list[i] = a[1]
			s.cost += int64(len(a[1])) + overhead
		}
	case name == "ltrim" && len(a) == 2:
		from, to := max(0, at(a[0])), at(a[1])+1
		if from >= to {
			s.cut(key, 0, size)
			break
		}
		s.cut(key, to, size)
		s.cut(key, 0, from)
	case name == "lrem" && len(a) == 2:
		s.lrem(key, o, atoi(a[0]), a[1])
	case name == "linsert" && len(a) == 3 && size > 0:
		s.work += 2 * size
		if i := slices.Index(o.list, a[1]); i >= 0 {
			if strings.EqualFold(a[0], "after") {
				i++
			}
			o.list = slices.Insert(o.list, i, a[2])
			s.cost += int64(len(a[2])) + overhead
		}
	default:
		return false
	}
	return true
}

// lrem takes n equal values out of a list, from its end for less than 0, all
// for 0.
func (s *state) lrem(key string, o *object, n int64, v string) {
	if o == nil {
		return
	}
	s.work += len(o.list)
	back := n < 0
	if back {
		slices.Reverse(o.list)
		n = -n
	}
	done := int64(0)
	o.list = slices.DeleteFunc(o.list, func(w string) bool {
		if w != v || n != 0 && done >= n {
			return false
		}
		done++
		s.bury(key, o.one("", v))
		return true
	})
	if back {
		slices.Reverse(o.list)
	}
	if len(o.list) == 0 {
		s.forget(key)
	}
}

func score(v string) float64 {
	f, _ := strconv.ParseFloat(v, 64)
	return f
}

func (s *state) sorted(name string, a []string) bool {
	key, a := a[0], a[1:]
	switch {
	case name == "zadd":
		return s.zadd(key, a)
	case name == "zincrby" && len(a) == 2:
		o := s.get(key, "zset")
		s.put(key, o, a[1], string(appendScore(nil, score(o.member[a[1]])+score(a[0]))))
		return true
	}
	o := s.keys()[key]
	if !strings.HasPrefix(name, "zremrange") && !strings.HasPrefix(name, "zpop") || name == "zremrangebylex" {
		return false
	}
	if o == nil || o.typ != "zset" {
		return true
	}
	s.work += 20 * len(o.member)
	order := make([]string, 0, len(o.member))
	for k := range o.member {
		order = append(order, k)
	}
	slices.SortFunc(order, func(x, y string) int {
		return cmp.Or(cmp.Compare(score(o.member[x]), score(o.member[y])), strings.Compare(x, y))
	})
	from, to := 0, len(order)
	switch {
	case strings.HasPrefix(name, "zpop"):
		n := 1
		if len(a) > 0 {
			n = int(max(0, min(atoi(a[0]), int64(to))))
		}
		if name == "zpopmax" {
			from = max(0, to-n)
		} else {
			to = min(n, to)
		}
	case name == "zremrangebyrank" && len(a) == 2:
		rank := func(v string) int {
			n := atoi(v)
			if n < 0 {
				n += int64(len(order))
			}
			return int(max(-1, min(n, int64(len(order)))))
		}
		from, to = max(0, rank(a[0])), min(len(order), rank(a[1])+1)
	case name == "zremrangebyscore" && len(a) == 2:
		order = slices.DeleteFunc(order, func(k string) bool {
			v := score(o.member[k])
			lo, loOpen := strings.CutPrefix(a[0], "(")
			hi, hiOpen := strings.CutPrefix(a[1], "(")
			l, h := score(lo), score(hi)
			return v < l || v > h || loOpen && v == l || hiOpen && v == h
		})
		from, to = 0, len(order)
	default:
		return false
	}
	for i := from; i < to; i++ {
		s.drop(key, o, order[i])
	}
	return true
}

func (s *state) zadd(key string, a []string) bool {
	var incr, nx, xx, gt, lt bool
	for len(a) > 0 {
		switch strings.ToLower(a[0]) {
		case "nx":
			nx = true
		case "xx":
			xx = true
		case "gt":
			gt = true
		case "lt":
			lt = true
		case "ch":
		case "incr":
			incr = true
		default:
			goto pairs
		}
		a = a[1:]
	}
pairs:
	if len(a) == 0 || len(a)%2 != 0 {
		return false
	}
	o := s.get(key, "zset")
	for i := 0; i < len(a); i += 2 {
		v := score(a[i])
		old, there := o.member[a[i+1]]
		if incr && there {
			v += score(old)
		}
		if math.IsNaN(v) || there && nx || !there && xx || there && (gt && v <= score(old) || lt && v >= score(old)) {
			continue
		}
		s.put(key, o, a[i+1], string(appendScore(nil, v)))
	}
	if len(o.member) == 0 {
		s.forget(key)
	}
	return true
}
