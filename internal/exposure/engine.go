package exposure

import (
	"fmt"
	"slices"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

// Judgement is one rule that holds for an asset.
type Judgement struct {
	Rule     *rules.Rule
	Severity lenscap.Severity
	Reasons  []lenscap.Text
}

// Engine holds compiled rules. It is safe for use by several goroutines.
type Engine struct {
	index map[slot][]*compiled
	ids   []string
	now   func() time.Time
}

// slot is what is indexed of a rule's match.
type slot struct {
	kind    lenscap.Kind
	verdict lenscap.Verdict
}

type compiled struct {
	rule  *rules.Rule
	when  cel.Program   // nil when the rule has no condition
	steps []cel.Program // one for each severity step
}

// NewEngine compiles rules. An error names the rule's file, field and place.
func NewEngine(rs []*rules.Rule) (*Engine, error) {
	env, err := newEnv()
	if err != nil {
		return nil, err
	}
	e := &Engine{index: make(map[slot][]*compiled), now: time.Now}
	seen := make(map[string]string)
	for _, r := range rs {
		if other, dup := seen[r.ID]; dup {
			return nil, fmt.Errorf("%s: id: %q is already the id of %s", r.Source, r.ID, other)
		}
		seen[r.ID] = r.Source
		c := &compiled{rule: r}
		if r.When != "" {
			if c.when, err = compile(env, r, "when", r.When); err != nil {
				return nil, err
			}
		}
		for i, s := range r.Severity.Steps {
			p, err := compile(env, r, fmt.Sprintf("severity.steps[%d].when", i), s.When)
			if err != nil {
				return nil, err
			}
			c.steps = append(c.steps, p)
		}
		e.add(c)
		e.ids = append(e.ids, r.ID)
	}
	return e, nil
}

// Rules lists the rules by ID.
func (e *Engine) Rules() []string { return e.ids }

// add puts a rule into every slot that its match covers.
func (e *Engine) add(c *compiled) {
	kinds, verdicts := c.rule.Match.Kinds, c.rule.Match.Verdicts
	if len(kinds) == 0 {
		kinds = lenscap.Kinds()
	}
	if len(verdicts) == 0 {
		verdicts = lenscap.Verdicts()
	}
	for _, k := range kinds {
		for _, v := range verdicts {
			s := slot{k, v}
			e.index[s] = append(e.index[s], c)
		}
	}
}

// Judge gives the rules that hold for an asset with its exposure and, when it
// was looked into, its evidence. An expression that fails at run time (an
// exhausted cost limit, say) is an error that names the rule.
func (e *Engine) Judge(a *lenscap.Asset, x *lenscap.Exposure, ev *lenscap.Evidence) ([]Judgement, error) {
	var out []Judgement
	var vars map[string]any
	for _, c := range e.index[slot{a.Ref.Kind, x.Verdict}] {
		if !matches(c.rule.Match, a, x) {
			continue
		}
		if vars == nil && (c.when != nil || len(c.steps) > 0) {
			vars = variables(a, x, ev, e.now())
		}
		if c.when != nil {
			ok, err := holds(c.when, vars)
			if err != nil {
				return nil, fmt.Errorf("rule %s: when: %w", c.rule.ID, err)
			}
			if !ok {
				continue
			}
		}
		j, err := c.severity(vars)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// matches is the part of a match that is not indexed.
func matches(m rules.Match, a *lenscap.Asset, x *lenscap.Exposure) bool {
	if len(m.Providers) > 0 && !slices.Contains(m.Providers, a.Ref.Provider) ||
		len(m.Encrypted) > 0 && !slices.Contains(m.Encrypted, a.Encryption.Encrypted) ||
		len(m.Causes) > 0 && !slices.Contains(m.Causes, x.Cause) {
		return false
	}
	return len(m.Residues) == 0 || slices.ContainsFunc(x.Residues, func(r lenscap.Residue) bool {
		return slices.Contains(m.Residues, r.Kind)
	})
}

// severity takes the last step that holds.
func (c *compiled) severity(vars map[string]any) (Judgement, error) {
	j := Judgement{
		Rule: c.rule, Severity: c.rule.Severity.Base,
		Reasons: []lenscap.Text{c.rule.Severity.Reason},
	}
	for i, p := range c.steps {
		ok, err := holds(p, vars)
		if err != nil {
			return j, fmt.Errorf("rule %s: severity step %d: %w", c.rule.ID, i+1, err)
		}
		if ok {
			step := c.rule.Severity.Steps[i]
			j.Severity = step.To
			j.Reasons = append(j.Reasons, step.Reason)
		}
	}
	return j, nil
}
