package inventory

import (
	"context"

	"github.com/lenscap/lenscap"
)

// Assets is the assets of one run, one at a time.
type Assets interface {
	// Each calls fn for every asset until fn or ctx gives an error.
	Each(ctx context.Context, fn func(lenscap.Asset) error) error
}

// place is an account and region of a cloud; empty fields widen it.
type place struct{ provider, account, region string }

// View is what the assets of one run are judged by: the contexts of all scopes
// together, and the carriers, whose grants reach other assets (an image its
// snapshots, a vault its backups). It holds no other asset, so that it stays
// small however many there are. Add and Note are not safe for use by several
// goroutines; once filled, the rest is.
type View struct {
	guards   map[place][]lenscap.Guard
	assetG   map[string][]lenscap.Guard // guards of one asset, by its ID
	keys     map[string]*lenscap.Key
	members  map[string]lenscap.Membership // by provider + "/" + account
	units    map[string]string             // organizational unit → its organization, as members tell
	gaps     map[place][]lenscap.Gap
	assetGap map[string][]lenscap.Gap         // gaps of one asset, by its ID
	carriers map[lenscap.Ref][]*lenscap.Asset // what is carried → its carriers
	vaults   map[lenscap.Ref]*lenscap.Asset
}

// NewView gives an empty view.
func NewView() *View {
	return &View{
		guards: make(map[place][]lenscap.Guard), assetG: make(map[string][]lenscap.Guard),
		keys: make(map[string]*lenscap.Key), members: make(map[string]lenscap.Membership),
		units: make(map[string]string),
		gaps:  make(map[place][]lenscap.Gap), assetGap: make(map[string][]lenscap.Gap),
		carriers: make(map[lenscap.Ref][]*lenscap.Asset), vaults: make(map[lenscap.Ref]*lenscap.Asset),
	}
}

// Add takes one scope's context into the view.
func (v *View) Add(c Context) {
	for _, g := range c.Guards {
		if g.Asset != "" {
			v.assetG[g.Asset] = append(v.assetG[g.Asset], g)
			continue
		}
		p := place{g.Provider, g.Account, g.Region}
		v.guards[p] = append(v.guards[p], g)
	}
	for i := range c.Keys {
		k := &c.Keys[i]
		v.keys[k.Ref.ID] = k
		for _, name := range k.Aliases {
			v.keys[name] = k
		}
	}
	for _, m := range c.Members {
		v.members[m.Provider+"/"+m.Account] = m
		for _, u := range m.OUs {
			v.units[m.Provider+"/"+u] = m.Organization
		}
	}
	for _, g := range c.Gaps {
		if g.Asset != "" {
			v.assetGap[g.Asset] = append(v.assetGap[g.Asset], g)
			continue
		}
		p := place{g.Provider, g.Account, g.Region}
		v.gaps[p] = append(v.gaps[p], g)
	}
}

// Note keeps an asset when its grants reach others.
func (v *View) Note(a lenscap.Asset) {
	if a.Ref.Kind == lenscap.KindBackupVault {
		v.vaults[a.Ref] = &a
		return
	}
	if len(a.Lineage.Parts) == 0 {
		return
	}
	for _, p := range a.Lineage.Parts {
		v.carriers[p] = append(v.carriers[p], &a)
	}
}

// places lists the places that hold for ref, the narrowest first.
func places(ref lenscap.Ref) [4]place {
	return [4]place{
		{ref.Provider, ref.Account, ref.Region},
		{ref.Provider, ref.Account, ""},
		{ref.Provider, "", ref.Region},
		{ref.Provider, "", ""},
	}
}

// Guards calls fn for every guard in whose scope ref lies, whatever its kinds.
func (v *View) Guards(ref lenscap.Ref, fn func(*lenscap.Guard)) {
	each(v.guards, ref, fn)
	for i := range v.assetG[ref.ID] {
		g := &v.assetG[ref.ID][i]
		if (g.Account == "" || g.Account == ref.Account) && (g.Region == "" || g.Region == ref.Region) {
			fn(g)
		}
	}
}

// Gaps calls fn for every gap of the run that covers ref; those that the asset
// itself carries are not among them.
func (v *View) Gaps(ref lenscap.Ref, fn func(*lenscap.Gap)) {
	pick := func(g *lenscap.Gap) {
		if g.Covers(ref) {
			fn(g)
		}
	}
	each(v.gaps, ref, pick)
	for i := range v.assetGap[ref.ID] {
		pick(&v.assetGap[ref.ID][i])
	}
}

// each calls fn for what holds at ref's places, once each.
func each[T any](m map[place][]T, ref lenscap.Ref, fn func(*T)) {
	if len(m) == 0 {
		return
	}
	all := places(ref)
	for i, p := range all {
		if i > 0 && p == all[i-1] || i == 2 && p == all[0] || i == 3 && p == all[1] {
			continue // ref itself has no region or account
		}
		list := m[p]
		for j := range list {
			fn(&list[j])
		}
	}
	if ref.Provider != "" {
		list := m[place{}]
		for j := range list {
			fn(&list[j])
		}
	}
}

// Key gives the key that an asset's encryption names, nil when it was not read.
// The name is the key's identifier or one of its aliases; keys of one number in
// two regions are different keys.
func (v *View) Key(name string) *lenscap.Key { return v.keys[name] }

// Member gives where an account stands; ok is false when it is not known.
func (v *View) Member(provider, account string) (m lenscap.Membership, ok bool) {
	m, ok = v.members[provider+"/"+account]
	return m, ok
}

// Unit gives the organization that an organizational unit belongs to, empty
// when no member's place tells.
func (v *View) Unit(provider, unit string) string { return v.units[provider+"/"+unit] }

// Carriers lists the assets whose grants reach ref: images it is a part of.
func (v *View) Carriers(ref lenscap.Ref) []*lenscap.Asset { return v.carriers[ref] }

// Vault gives the container of a backup, nil when it was not read.
func (v *View) Vault(ref lenscap.Ref) *lenscap.Asset { return v.vaults[ref] }
