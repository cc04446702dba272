package exposure_test

import (
	"testing"
	"time"

	"github.com/lenscap/lenscap/internal/exposure"
	"github.com/lenscap/lenscap/internal/inventory"
	"github.com/lenscap/lenscap/rules"
)

var now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// judge runs one example through the whole of the judgement.
func judge(t *testing.T, e *exposure.Engine, ex rules.Example) []exposure.Judgement {
	t.Helper()
	view := inventory.NewView()
	view.Add(inventory.Context{Guards: ex.Guards, Keys: ex.Keys, Members: ex.Members})
	x := exposure.NewResolver(view, exposure.Trust{}, now).Resolve(&ex.Asset)
	js, err := e.Judge(&ex.Asset, &x, ex.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// TestExamples holds every built-in rule against its own examples.
func TestExamples(t *testing.T) {
	t.Parallel()
	rs, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := exposure.NewEngine(rs)
	if err != nil {
		t.Fatal(err)
	}
	find := func(js []exposure.Judgement, id string) *exposure.Judgement {
		for i := range js {
			if js[i].Rule.ID == id {
				return &js[i]
			}
		}
		return nil
	}
	for _, r := range rs {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			if len(r.Examples.For) == 0 || len(r.Examples.Against) == 0 {
				t.Fatal("a rule needs examples for and against")
			}
			for _, ex := range r.Examples.For {
				j := find(judge(t, engine, ex), r.ID)
				if j == nil {
					t.Errorf("%s: the rule does not hold", ex.Name)
				} else if ex.Severity != 0 && j.Severity != ex.Severity {
					t.Errorf("%s: severity %v, want %v", ex.Name, j.Severity, ex.Severity)
				}
			}
			for _, ex := range r.Examples.Against {
				if find(judge(t, engine, ex), r.ID) != nil {
					t.Errorf("%s: the rule holds", ex.Name)
				}
			}
		})
	}
}
