package aws

// ramService serves whom vaults are shared with. Only logically air-gapped
// vaults can be shared.
func ramService() *service {
	return &service{protocol: restJSON, routes: []route{
		{method: "POST", pattern: "/listprincipals", name: "ListPrincipals", run: listPrincipals},
	}}
}

func listPrincipals(q *Request) (any, error) {
	var in struct {
		ResourceOwner string `json:"resourceOwner"`
		ResourceARN   string `json:"resourceArn"`
		NextToken     string `json:"nextToken"`
	}
	if err := q.JSON(&in); err != nil {
		return nil, err
	}
	if in.ResourceOwner != "SELF" {
		return nil, fail(400, "InvalidParameterException", "resourceOwner %q is not served", in.ResourceOwner)
	}
	type shared struct{ vault, with string }
	var all []shared
	for _, v := range stateOf[backupState](q.Region).vaults {
		if arn := q.Region.vaultARN(v.Name); v.AirGapped && (in.ResourceARN == "" || in.ResourceARN == arn) {
			for _, who := range v.SharedWith {
				all = append(all, shared{v.Name, who})
			}
		}
	}
	page, next, err := paginate(q, all, 100, in.NextToken)
	if err != nil {
		return nil, err
	}
	shown := []any{}
	for _, s := range page {
		shown = append(shown, map[string]any{
			"id": s.with, "external": true,
			"resourceShareArn": "arn:aws:ram:" + q.Region.Name + ":" + q.Region.Account.ID + ":resource-share/" + s.vault,
		})
	}
	out := map[string]any{"principals": shown}
	if next != "" {
		out["nextToken"] = next
	}
	return out, nil
}
