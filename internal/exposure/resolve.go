package exposure

import (
	"slices"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/inventory"
)

// Resolver resolves the assets of one run. It is safe for use by several
// goroutines.
type Resolver struct {
	view  *inventory.View
	trust Trust
	now   time.Time
}

// NewResolver judges by what view holds and whom trust lists, at the time now.
func NewResolver(view *inventory.View, trust Trust, now time.Time) *Resolver {
	return &Resolver{view, trust, now}
}

// rank orders verdicts, worst first.
var rank = func() map[lenscap.Verdict]int {
	m := make(map[lenscap.Verdict]int)
	for i, v := range lenscap.Verdicts() {
		m[v] = i
	}
	return m
}()

// Resolve gives the asset's exposure. It never fails: what can't be told is in
// the exposure's gaps.
func (r *Resolver) Resolve(a *lenscap.Asset) lenscap.Exposure {
	e := lenscap.Exposure{Asset: a.Ref, Verdict: lenscap.VerdictPrivate}
	c := &judgement{r: r, asset: a, out: &e}
	for i := range a.Grants {
		c.reach(a.Grants[i])
	}
	r.carried(c)
	r.gaps(c)
	c.settle()
	e.Residues = residues(a, r.view, r.now)
	if len(e.Residues) > 0 && !e.Verdict.Exposed() {
		e.Cause = lenscap.RootResidual
	}
	return e
}

// judgement is one asset being resolved.
type judgement struct {
	r      *Resolver
	asset  *lenscap.Asset
	out    *lenscap.Exposure
	hidden bool // a gap may hide a grant
}

// carried adds the grants that reach the asset through an image or a vault.
func (r *Resolver) carried(c *judgement) {
	for _, image := range r.view.Carriers(c.asset.Ref) {
		for _, g := range image.Grants {
			via := image.Ref
			g.Path, g.Via = lenscap.PathImage, &via
			c.reach(g)
		}
		c.carrierGaps(image)
	}
	if c.asset.Lineage.Vault == nil {
		return
	}
	vault := r.view.Vault(*c.asset.Lineage.Vault)
	if vault == nil {
		return
	}
	for _, g := range vault.Grants {
		via := vault.Ref
		g.Path, g.Via = lenscap.PathVault, &via
		c.reach(g)
	}
	c.carrierGaps(vault)
}

func (c *judgement) carrierGaps(carrier *lenscap.Asset) {
	for i := range carrier.Gaps {
		c.gap(&carrier.Gaps[i])
	}
	c.r.view.Gaps(carrier.Ref, c.gap)
}

// gaps takes what hides grants of the asset.
func (r *Resolver) gaps(c *judgement) {
	for i := range c.asset.Gaps {
		c.gap(&c.asset.Gaps[i])
	}
	r.view.Gaps(c.asset.Ref, c.gap)
}

// gap notes one gap about grants; other aspects are noted where they matter.
func (c *judgement) gap(g *lenscap.Gap) {
	if g.Aspect != lenscap.AspectGrants {
		return
	}
	c.hidden = true
	c.addGap(*g)
}

func (c *judgement) addGap(g lenscap.Gap) {
	same := func(o lenscap.Gap) bool {
		return o.Aspect == g.Aspect && o.Cause == g.Cause && o.Call == g.Call && o.Asset == g.Asset
	}
	if !slices.ContainsFunc(c.out.Gaps, same) {
		c.out.Gaps = append(c.out.Gaps, g)
	}
}

// settle chooses the verdict of the whole from its reaches and gaps.
func (c *judgement) settle() {
	e := c.out
	slices.SortStableFunc(e.Reaches, func(a, b lenscap.Reach) int {
		if d := rank[a.Verdict] - rank[b.Verdict]; d != 0 {
			return d
		}
		return readableRank(a.Readable) - readableRank(b.Readable)
	})
	if len(e.Reaches) > 0 {
		worst := e.Reaches[0]
		e.Verdict, e.Readable = worst.Verdict, worst.Readable
		e.Class, e.Cause = classify(worst)
	}
	if c.hidden && rank[e.Verdict] > rank[lenscap.VerdictUnknown] {
		e.Verdict, e.Readable = lenscap.VerdictUnknown, lenscap.Unknown
		e.Class, e.Cause = "", ""
	}
}

// readableRank puts what can be read before what may be, before what can't.
func readableRank(t lenscap.Tri) int {
	switch t {
	case lenscap.Yes:
		return 0
	case lenscap.No:
		return 2
	}
	return 1
}

// classify gives the mission's class (3.1) and cause (2.2) of a reach. A share
// with named strangers is direct like a public one: the asset itself says so.
func classify(r lenscap.Reach) (lenscap.Class, lenscap.RootCause) {
	switch {
	case r.Grant.Path == lenscap.PathRole:
		return lenscap.ClassPrivilege, lenscap.RootPrivilege
	case r.Verdict == lenscap.VerdictLinkExposed:
		return lenscap.ClassIndirect, lenscap.RootShareLink
	case r.Verdict == lenscap.VerdictLivePublic, r.Verdict == lenscap.VerdictLatentPublic:
		return lenscap.ClassDirect, lenscap.RootPublicAccess
	case r.Verdict == lenscap.VerdictUntrustedShare, r.Verdict == lenscap.VerdictOrgShare, r.Verdict == lenscap.VerdictTrusted:
		return lenscap.ClassDirect, lenscap.RootCrossAccount
	}
	return "", ""
}
