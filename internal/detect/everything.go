package detect

import (
	"fmt"
	"hash/fnv"
	"strconv"
)

// Everything is an engine with all that this package finds, and the given rules.
func Everything(rules []Rule) (*Engine, error) {
	return NewEngine(Options{Rules: rules, Matchers: Matchers(), Detectors: Detectors(), Personal: true})
}

// digest names what an engine looks for: another one may find something else.
func (o Options) digest() string {
	h := fnv.New64a()
	for _, r := range o.Rules {
		fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%v%v%v%v%v\x00", r.ID, r.Pattern, r.Check, r.Severity, r.Keywords, r.Near, r.Paths, r.Keys, r.Entropy)
	}
	fmt.Fprintf(h, "%d %d %d %t", len(o.Matchers), len(o.Detectors), len(o.Streams), o.Personal)
	return strconv.FormatUint(h.Sum64(), 36)
}

// Version changes when the engine may find something else in the same bytes.
func (e *Engine) Version() string { return e.version }
