package exposure

import (
	"errors"
	"fmt"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

// costLimit bounds one evaluation, in the units of CEL's runtime cost.
const costLimit = 100_000

// newEnv declares what an expression may ask about; docs/add-a-rule.md lists
// the fields.
func newEnv() (*cel.Env, error) {
	object := cel.MapType(cel.StringType, cel.DynType)
	env, err := cel.NewEnv(
		cel.Variable("asset", object),
		cel.Variable("exposure", object),
		cel.Variable("evidence", object),
		cel.Variable("now", cel.TimestampType),
	)
	if err != nil {
		return nil, fmt.Errorf("declare the variables of rules: %w", err)
	}
	return env, nil
}

// compile checks one expression; it must give a bool.
func compile(env *cel.Env, r *rules.Rule, field, expr string) (cel.Program, error) {
	ast, issues := env.Compile(expr)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.Source, field, err)
	}
	if ast.OutputType() != cel.BoolType && ast.OutputType() != cel.DynType {
		return nil, fmt.Errorf("%s: %s: expected an expression that gives true or false, found one that gives %s", r.Source, field, ast.OutputType())
	}
	p, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.Source, field, err)
	}
	return p, nil
}

var errNotBool = errors.New("the expression gave neither true nor false")

func holds(p cel.Program, vars map[string]any) (bool, error) {
	v, _, err := p.Eval(vars)
	if err != nil {
		return false, err
	}
	b, ok := v.Value().(bool)
	if !ok {
		return false, errNotBool
	}
	return b, nil
}

// variables builds what expressions see. Every field is always there, so that
// a rule needs no has(): an unknown time is the zero time, an unknown text "".
func variables(a *lenscap.Asset, x *lenscap.Exposure, ev *lenscap.Evidence, now time.Time) map[string]any {
	return map[string]any{
		"asset": assetVars(a), "exposure": exposureVars(x), "evidence": evidenceVars(ev), "now": now,
	}
}

func assetVars(a *lenscap.Asset) map[string]any {
	owner := ""
	if a.Lineage.Owner != nil {
		owner = a.Lineage.Owner.Type
	}
	tags, attrs := a.Tags, a.Attrs
	if tags == nil {
		tags = map[string]string{}
	}
	if attrs == nil {
		attrs = map[string]string{}
	}
	return map[string]any{
		"provider": a.Ref.Provider, "account": a.Ref.Account, "region": a.Ref.Region,
		"kind": string(a.Ref.Kind), "id": a.Ref.ID, "name": a.Name, "state": a.State,
		"created": a.Created, "last_used": a.LastUsed, "size": a.Size,
		"encrypted": string(a.Encryption.Encrypted), "key_manager": a.Encryption.Manager,
		"tags": tags, "attrs": attrs, "owner": owner, "used": len(a.Lineage.UsedBy) > 0,
		"planned": a.Planned,
	}
}

func exposureVars(x *lenscap.Exposure) map[string]any {
	reaches := make([]map[string]any, 0, len(x.Reaches))
	for _, r := range x.Reaches {
		reaches = append(reaches, map[string]any{
			"verdict": string(r.Verdict), "readable": string(r.Readable), "path": string(r.Grant.Path),
			"principal_type": string(r.Grant.Principal.Type), "principal": r.Grant.Principal.ID,
			"held_by": r.HeldBy,
		})
	}
	residues := make([]string, 0, len(x.Residues))
	for _, r := range x.Residues {
		residues = append(residues, string(r.Kind))
	}
	return map[string]any{
		"verdict": string(x.Verdict), "class": string(x.Class), "cause": string(x.Cause),
		"readable": string(x.Readable), "reaches": reaches, "residues": residues, "gaps": len(x.Gaps),
	}
}

// evidenceVars counts items: "seen" is false when nobody looked.
func evidenceVars(ev *lenscap.Evidence) map[string]any {
	vars := map[string]any{
		"seen": false, "complete": false, "critical": 0, "high": 0, "items": 0,
		"secrets": 0, "personal_data": 0, "databases": 0, "types": []string{},
	}
	if ev == nil {
		return vars
	}
	counts := make(map[lenscap.ItemClass]int)
	worst := make(map[lenscap.Severity]int)
	types := make([]string, 0, len(ev.Items))
	for _, it := range ev.Items {
		counts[it.Class]++
		worst[it.Severity]++
		types = append(types, it.Type)
	}
	vars["seen"], vars["complete"] = len(ev.Volumes) > 0, ev.Complete
	vars["items"], vars["types"] = len(ev.Items), types
	vars["critical"], vars["high"] = worst[lenscap.SeverityCritical], worst[lenscap.SeverityHigh]
	vars["secrets"], vars["personal_data"] = counts[lenscap.ItemSecret], counts[lenscap.ItemPersonal]
	vars["databases"] = counts[lenscap.ItemDatabase]
	return vars
}
