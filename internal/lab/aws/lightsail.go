package aws

import "time"

// LightsailSnapshot is a snapshot of a Lightsail instance, disk or database.
type LightsailSnapshot struct {
	Name    string
	Form    string // instance, disk, database
	From    string // name of what it was taken of
	Created time.Time
}

type lightsailState struct {
	snapshots []LightsailSnapshot
	alive     map[string][]string // names by form
}

func (s *lightsailState) init() { s.alive = make(map[string][]string) }

// AddLightsail puts a running instance, disk or database there.
func (r *Region) AddLightsail(form, name string) {
	st := stateOf[lightsailState](r)
	st.alive[form] = append(st.alive[form], name)
}

// AddLightsailSnapshot puts a snapshot there and gives its ARN.
func (r *Region) AddLightsailSnapshot(s LightsailSnapshot) string {
	st := stateOf[lightsailState](r)
	st.snapshots = append(st.snapshots, s)
	return r.lightsailARN(s)
}

func (r *Region) lightsailARN(s LightsailSnapshot) string {
	return "arn:aws:lightsail:" + r.Name + ":" + r.Account.ID + ":" + s.Form + "Snapshot/" + s.Name
}

func lightsailService() *service {
	return &service{protocol: json11, target: "Lightsail_20161128", ops: map[string]operation{
		"GetInstances":                   lightsailAlive("instance", "instances"),
		"GetDisks":                       lightsailAlive("disk", "disks"),
		"GetRelationalDatabases":         lightsailAlive("database", "relationalDatabases"),
		"GetInstanceSnapshots":           lightsailSnapshots("instance", "instanceSnapshots", "fromInstanceName"),
		"GetDiskSnapshots":               lightsailSnapshots("disk", "diskSnapshots", "fromDiskName"),
		"GetRelationalDatabaseSnapshots": lightsailSnapshots("database", "relationalDatabaseSnapshots", "fromRelationalDatabaseName"),
	}}
}

// lightsailPage cuts one page of a list.
func lightsailPage[T any](q *Request, list string, items []T, show func(T) map[string]any) (any, error) {
	var in struct {
		PageToken string `json:"pageToken"`
	}
	if err := q.JSON(&in); err != nil {
		return nil, err
	}
	page, next, err := paginate(q, items, 50, in.PageToken)
	if err != nil {
		return nil, err
	}
	shown := []any{}
	for _, it := range page {
		shown = append(shown, show(it))
	}
	out := map[string]any{list: shown}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

func lightsailAlive(form, list string) operation {
	return func(q *Request) (any, error) {
		return lightsailPage(q, list, stateOf[lightsailState](q.Region).alive[form], func(name string) map[string]any {
			return map[string]any{"name": name}
		})
	}
}

func lightsailSnapshots(form, list, from string) operation {
	return func(q *Request) (any, error) {
		var items []LightsailSnapshot
		for _, s := range stateOf[lightsailState](q.Region).snapshots {
			if s.Form == form {
				items = append(items, s)
			}
		}
		return lightsailPage(q, list, items, func(s LightsailSnapshot) map[string]any {
			return map[string]any{
				"name": s.Name, "arn": q.Region.lightsailARN(s), "createdAt": float64(s.Created.Unix()), "state": "available",
				"sizeInGb": 40, from: s.From,
			}
		})
	}
}
