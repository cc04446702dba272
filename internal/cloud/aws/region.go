package aws

import (
	"github.com/lenscap/lenscap"
)

// coverage is what the parts said of one kind. Several parts may read the same
// kind from different services.
type coverage struct {
	assets           int
	complete, failed int // how many parts said so
	partial          int
}

// covered closes one kind for the part that calls it. The scope is complete for
// a kind only when every part that reads the kind is.
func (r *region) covered(kind lenscap.Kind, assets int, state lenscap.CoverageState) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.coverage[kind]
	c.assets += assets
	switch state {
	case lenscap.CoverageComplete:
		c.complete++
	case lenscap.CoverageFailed:
		c.failed++
	default:
		c.partial++
	}
	if r.coverage == nil {
		r.coverage = make(map[lenscap.Kind]coverage)
	}
	r.coverage[kind] = c
	r.said++
	return nil
}

// missed counts kinds that a part should have closed and did not: an unsaid
// state is never complete. It is called after each part.
func (r *region) missed(kinds []lenscap.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := len(kinds) - r.said
	r.said = 0
	if missing <= 0 {
		return
	}
	for _, k := range kinds {
		if r.coverage == nil {
			r.coverage = make(map[lenscap.Kind]coverage)
		}
		c := r.coverage[k]
		c.partial++
		r.coverage[k] = c
	}
}

// close gives the state of each kind to the sink.
func (r *region) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range lenscap.Kinds() {
		c, ok := r.coverage[kind]
		if !ok {
			continue
		}
		err := r.sink.Covered(lenscap.Coverage{
			Provider: Provider, Account: r.account, Region: r.name,
			Kind: kind, State: c.state(), Assets: c.assets,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c coverage) state() lenscap.CoverageState {
	switch {
	case c.partial == 0 && c.failed == 0:
		return lenscap.CoverageComplete
	case c.partial == 0 && c.complete == 0:
		return lenscap.CoverageFailed
	}
	return lenscap.CoveragePartial
}

// known is what one listing of the scope saw: which assets or policies exist.
// The zero value has seen nothing and can tell nothing.
type known struct {
	ids      map[string]struct{}
	gone     map[string]struct{} // listed, but as ended: terminated, deleted
	complete bool                // the listing was read to its end
}

// add remembers one that exists.
func (k *known) add(id string) {
	if k.ids == nil {
		k.ids = make(map[string]struct{})
	}
	k.ids[id] = struct{}{}
}

// drop remembers one that is listed but has ended.
func (k *known) drop(id string) {
	if k.gone == nil {
		k.gone = make(map[string]struct{})
	}
	k.gone[id] = struct{}{}
}

// state tells whether id exists: gone only when a complete listing lacks it.
func (k *known) state(id string) lenscap.LinkState {
	if k == nil {
		return lenscap.LinkUnknown
	}
	if _, ok := k.ids[id]; ok {
		return lenscap.LinkExists
	}
	if _, ok := k.gone[id]; ok || k.complete {
		return lenscap.LinkGone
	}
	return lenscap.LinkUnknown
}

// Types of [lenscap.Owner].
const (
	ownerPlan     = "backup_plan"
	ownerPolicy   = "lifecycle_policy"
	ownerPipeline = "image_pipeline"
	ownerService  = "service"
)

// living gives the register of one type of owner, for the part that lists such
// owners to fill: add each id, then set complete when all were listed.
func (r *region) living(ownerType string) *known {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owners == nil {
		r.owners = make(map[string]*known)
	}
	k := r.owners[ownerType]
	if k == nil {
		k = &known{}
		r.owners[ownerType] = k
	}
	return k
}
