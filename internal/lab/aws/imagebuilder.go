package aws

// Distribution is a distribution configuration of EC2 Image Builder.
type Distribution struct {
	Name   string
	Groups []string // "all" is everybody
	Users  []string
	Orgs   []string // ARNs
}

type imageBuilderState struct{ distributions []Distribution }

// AddDistribution puts a distribution configuration there and gives its ARN.
func (r *Region) AddDistribution(d Distribution) string {
	st := stateOf[imageBuilderState](r)
	st.distributions = append(st.distributions, d)
	return r.distributionARN(d)
}

func (r *Region) distributionARN(d Distribution) string {
	return "arn:aws:imagebuilder:" + r.Name + ":" + r.Account.ID + ":distribution-configuration/" + d.Name
}

func imageBuilderService() *service {
	return &service{protocol: restJSON, routes: []route{
		{method: "POST", pattern: "/ListDistributionConfigurations", name: "ListDistributionConfigurations", run: listDistributions},
		{method: "GET", pattern: "/GetDistributionConfiguration", name: "GetDistributionConfiguration", run: getDistribution},
	}}
}

func listDistributions(q *Request) (any, error) {
	var in struct {
		MaxResults int    `json:"maxResults"`
		NextToken  string `json:"nextToken"`
	}
	if err := q.JSON(&in); err != nil {
		return nil, err
	}
	page, next, err := paginate(q, stateOf[imageBuilderState](q.Region).distributions, in.MaxResults, in.NextToken)
	items := []any{}
	for _, d := range page {
		items = append(items, map[string]any{"arn": q.Region.distributionARN(d), "name": d.Name, "dateCreated": "2026-01-01T00:00:00Z"})
	}
	return withToken(map[string]any{"distributionConfigurationSummaryList": items}, next), err
}

func getDistribution(q *Request) (any, error) {
	arn := q.Query.Get("distributionConfigurationArn")
	for _, d := range stateOf[imageBuilderState](q.Region).distributions {
		if q.Region.distributionARN(d) != arn {
			continue
		}
		launch := map[string]any{"userGroups": d.Groups, "userIds": d.Users, "organizationArns": d.Orgs}
		return map[string]any{"distributionConfiguration": map[string]any{
			"arn": arn, "name": d.Name, "timeoutMinutes": 60,
			"distributions": []any{map[string]any{"region": q.Region.Name, "amiDistributionConfiguration": map[string]any{"launchPermission": launch}}},
		}}, nil
	}
	return nil, fail(404, "ResourceNotFoundException", "No distribution configuration %s", arn)
}
