package aws

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

const homeRegion = "us-east-1"

// RegionInfo is one region of the simulated partition.
type RegionInfo struct {
	Name  string
	OptIn string // opt-in-not-required, opted-in, not-opted-in
}

// World is all that the lab knows: accounts, each with its regions, and the
// organization. It is filled by a story and then changed by calls alone; the
// lab's lock guards it.
type World struct {
	now      func() time.Time
	order    []string
	accounts map[string]*Account
	regions  []RegionInfo
	org      *Org
	keys     map[string]*accessKey // every key that may sign, by id
	serial   uint64
	secret   [32]byte // signs tokens
}

// Account is one AWS account.
type Account struct {
	ID      string
	Name    string
	Email   string
	roles   map[string][]string // role name → accounts whose identities may assume it
	key     *accessKey
	regions map[string]*Region
	world   *World
}

// Region is one account's state in one region; its Name is empty for what is
// global to the account.
type Region struct {
	Name    string
	Account *Account
	ext     map[any]any
}

func newWorld(now func() time.Time) *World {
	w := &World{
		now:      now,
		accounts: make(map[string]*Account),
		regions:  []RegionInfo{{homeRegion, "opt-in-not-required"}, {"eu-west-1", "opt-in-not-required"}, {"me-south-1", "not-opted-in"}},
		keys:     make(map[string]*accessKey),
	}
	copy(w.secret[:], digest("lenscap lab token"))
	return w
}

// Now is the lab's time.
func (w *World) Now() time.Time { return w.now().UTC().Truncate(time.Second) }

// AddAccount makes an account with fixed keys derived from its number.
func (w *World) AddAccount(id, name string) *Account {
	a := &Account{
		ID: id, Name: name, Email: "aws+" + name + "@example.com",
		roles: make(map[string][]string), regions: make(map[string]*Region), world: w,
	}
	a.key = fixedKey(id)
	w.accounts[id] = a
	w.order = append(w.order, id)
	w.keys[a.key.id] = a.key
	return a
}

// Account gives an account, nil when there is none.
func (w *World) Account(id string) *Account { return w.accounts[id] }

// Accounts lists the account numbers in the order they were added.
func (w *World) Accounts() []string { return slices.Clone(w.order) }

// SetRegions replaces the regions of the partition.
func (w *World) SetRegions(regions ...RegionInfo) { w.regions = regions }

func (w *World) region(name string) (RegionInfo, bool) {
	i := slices.IndexFunc(w.regions, func(r RegionInfo) bool { return r.Name == name })
	if i < 0 {
		return RegionInfo{}, false
	}
	return w.regions[i], true
}

// Trust lets identities of the given accounts assume a role of this account.
func (a *Account) Trust(role string, accounts ...string) {
	a.roles[role] = append(a.roles[role], accounts...)
}

// Region gives the account's state in a region, made on first use.
func (a *Account) Region(name string) *Region {
	r := a.regions[name]
	if r == nil {
		r = &Region{Name: name, Account: a, ext: make(map[any]any)}
		a.regions[name] = r
	}
	return r
}

// stateOf gives a service's own state in a region, made on first use. T's zero
// value must be useful, or T has a method init().
func stateOf[T any](r *Region) *T {
	type key struct{ _ *T }
	if v, ok := r.ext[key{}]; ok {
		if st, ok := v.(*T); ok {
			return st
		}
	}
	st := new(T)
	if i, ok := any(st).(interface{ init() }); ok {
		i.init()
	}
	r.ext[key{}] = st
	return st
}

// everyRegion visits the same region of each account, in the order of accounts.
func (w *World) everyRegion(name string, visit func(*Region)) {
	for _, id := range w.order {
		if r := w.accounts[id].regions[name]; r != nil {
			visit(r)
		}
	}
}

// newID makes the next id with 17 hexadecimal digits, as AWS writes them.
func (w *World) newID(prefix string) string {
	w.serial++
	return fmt.Sprintf("%s-0%x", prefix, digest("id", prefix, fmt.Sprint(w.serial))[:8])
}

func sorted[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}
