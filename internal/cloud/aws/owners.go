package aws

import (
	"maps"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
)

// claim remembers that a plan or policy manages an asset, by its id. It is for
// parts that run before the assets' own.
func (r *region) claim(id string, o lenscap.Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.claims == nil {
		r.claims = make(map[string]lenscap.Owner)
	}
	r.claims[id] = o
}

// ownerOf tells which plan or policy manages an asset: one that claimed it, or
// the one that its tags name (AWS Backup and Data Lifecycle Manager tag what
// they make; users can't set tags that begin with "aws:").
func (r *region) ownerOf(id string, tags map[string]string) *lenscap.Owner {
	r.mu.Lock()
	o, ok := r.claims[id]
	r.mu.Unlock()
	if ok {
		return &o
	}
	policy, ok := tags["aws:dlm:lifecycle-policy-id"]
	if ok {
		return &lenscap.Owner{Type: ownerPolicy, ID: policy, State: r.living(ownerPolicy).state(policy)}
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if strings.HasPrefix(key, "aws:backup:") {
			// The tags name the source, not the plan: whether a plan still holds
			// it is told by the vault's recovery points alone.
			return &lenscap.Owner{Type: ownerPlan, ID: tags[key], State: lenscap.LinkUnknown}
		}
	}
	return nil
}
