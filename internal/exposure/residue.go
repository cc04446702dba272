package exposure

import (
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/inventory"
)

// neverUsedAfter is how old an image must be before "never used" counts.
const neverUsedAfter = 90 * 24 * time.Hour

// residues tells what an asset outlived. Only what was seen to be gone counts;
// an asset that a plan, a policy or an image still holds on to is no residue.
func residues(a *lenscap.Asset, view *inventory.View, now time.Time) []lenscap.Residue {
	l := &a.Lineage
	if l.Volume == nil && l.Instance == nil && l.Image == nil && l.Copy == nil && l.NeverUsed != lenscap.Yes {
		return nil
	}
	if held(a, view) {
		return nil
	}
	var out []lenscap.Residue
	gone := func(link *lenscap.Link, kind lenscap.ResidueKind) {
		if link != nil && link.State == lenscap.LinkGone {
			out = append(out, lenscap.Residue{Kind: kind, Of: link.Ref, Proof: link.Proof})
		}
	}
	gone(l.Image, lenscap.ResidueImageGone)
	gone(l.Instance, lenscap.ResidueInstanceGone)
	gone(l.Volume, lenscap.ResidueVolumeGone)
	gone(l.Copy, lenscap.ResidueCopyLeft)
	if l.NeverUsed == lenscap.Yes && !a.Created.IsZero() && now.Sub(a.Created) > neverUsedAfter {
		out = append(out, lenscap.Residue{Kind: lenscap.ResidueNeverUsed, Of: a.Ref})
	}
	return out
}

// held tells whether something still manages or needs the asset, or may.
func held(a *lenscap.Asset, view *inventory.View) bool {
	if o := a.Lineage.Owner; o != nil && o.State != lenscap.LinkGone {
		return true
	}
	if len(a.Lineage.UsedBy) > 0 || len(view.Carriers(a.Ref)) > 0 {
		return true
	}
	if i := a.Lineage.Image; i != nil && i.State != lenscap.LinkGone {
		return true // it backs an image that stands, or may
	}
	// An image outlives the machine it was made from by design.
	return a.Ref.Kind == lenscap.KindMachineImage && a.Lineage.NeverUsed != lenscap.Yes
}
