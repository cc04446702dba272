package aws

import "maps"

// LifecyclePolicy is a policy of the Data Lifecycle Manager.
type LifecyclePolicy struct {
	ID          string
	Description string
	Targets     []string // accounts that it shares each new snapshot with
}

type dlmState struct{ policies []LifecyclePolicy }

// AddLifecyclePolicy puts a policy there.
func (r *Region) AddLifecyclePolicy(p LifecyclePolicy) {
	st := stateOf[dlmState](r)
	st.policies = append(st.policies, p)
}

func dlmService() *service {
	return &service{protocol: restJSON, routes: []route{
		{method: "GET", pattern: "/policies", name: "GetLifecyclePolicies", run: getLifecyclePolicies},
		{method: "GET", pattern: "/policies/{id}", name: "GetLifecyclePolicy", run: getLifecyclePolicy},
	}}
}

func (p LifecyclePolicy) summary() map[string]any {
	return map[string]any{"PolicyId": p.ID, "Description": p.Description, "State": "ENABLED", "PolicyType": "EBS_SNAPSHOT_MANAGEMENT", "Tags": map[string]string{}}
}

func getLifecyclePolicies(q *Request) (any, error) {
	items := []any{}
	for _, p := range stateOf[dlmState](q.Region).policies {
		items = append(items, p.summary())
	}
	return map[string]any{"Policies": items}, nil
}

func getLifecyclePolicy(q *Request) (any, error) {
	for _, p := range stateOf[dlmState](q.Region).policies {
		if p.ID != q.Path("id") {
			continue
		}
		schedule := map[string]any{"Name": "daily", "RetainRule": map[string]any{"Count": 14}}
		if len(p.Targets) > 0 {
			schedule["ShareRules"] = []any{map[string]any{"TargetAccounts": p.Targets}}
		}
		out := p.summary()
		maps.Copy(out, map[string]any{"PolicyDetails": map[string]any{"PolicyType": "EBS_SNAPSHOT_MANAGEMENT", "Schedules": []any{schedule}}})
		return map[string]any{"Policy": out}, nil
	}
	return nil, fail(404, "ResourceNotFoundException", "No policy with id %s", q.Path("id"))
}
