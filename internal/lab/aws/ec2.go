package aws

import (
	"maps"
	"slices"
)

func ec2Service() *service {
	s := &service{protocol: ec2XML, namespace: "http://ec2.amazonaws.com/doc/2016-11-15/", ops: make(map[string]operation)}
	for _, group := range []map[string]operation{regionOps, snapshotOps, snapshotWrites, lockOps, imageOps, fpgaOps, guardOps, computeOps, exportOps, tagOps} {
		maps.Copy(s.ops, group)
	}
	return s
}

type tagXML struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func tagsXML(tags map[string]string) []tagXML {
	out := make([]tagXML, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, tagXML{k, tags[k]})
	}
	return out
}

// pageSize reads MaxResults: absent means everything, more than a thousand is
// a thousand.
func pageSize(q *Request, least int) (int, error) {
	if q.Form.Get("MaxResults") == "" {
		return 0, nil
	}
	n := q.Form.Int("MaxResults", 0)
	if n < least {
		return 0, bad("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", n, least)
	}
	return min(n, 1000), nil
}

// page cuts one page as MaxResults and NextToken ask.
func page[T any](q *Request, items []T, least int) ([]T, string, error) {
	size, err := pageSize(q, least)
	if err != nil {
		return nil, "", err
	}
	return paginate(q, items, size, q.Form.Get("NextToken"))
}

var regionOps = map[string]operation{
	"DescribeRegions":           describeRegions,
	"DescribeAvailabilityZones": describeZones,
}

type regionXML struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

func describeRegions(q *Request) (any, error) {
	var out struct {
		Regions []regionXML `xml:"regionInfo>item"`
	}
	names := q.Form.List("RegionName")
	for _, r := range q.World.regions {
		if r.OptIn == "not-opted-in" && !q.Form.Bool("AllRegions") || len(names) > 0 && !contains(names, r.Name) {
			continue
		}
		ok, err := matchAll(q.Form.Filters(), func(name string) ([]string, bool) {
			switch name {
			case "region-name":
				return []string{r.Name}, true
			case "opt-in-status":
				return []string{r.OptIn}, true
			case "endpoint":
				return []string{"ec2." + r.Name + ".amazonaws.com"}, true
			}
			return nil, false
		})
		if err != nil {
			return nil, err
		}
		if ok {
			out.Regions = append(out.Regions, regionXML{r.Name, "ec2." + r.Name + ".amazonaws.com", r.OptIn})
		}
	}
	return out, nil
}

type zoneXML struct {
	Name   string `xml:"zoneName"`
	ID     string `xml:"zoneId"`
	Region string `xml:"regionName"`
	State  string `xml:"zoneState"`
	Type   string `xml:"zoneType"`
	OptIn  string `xml:"optInStatus"`
}

func describeZones(q *Request) (any, error) {
	var out struct {
		Zones []zoneXML `xml:"availabilityZoneInfo>item"`
	}
	r := q.Call.Region
	for _, z := range []string{"a", "b", "c"} {
		out.Zones = append(out.Zones, zoneXML{r + z, r + "-az-" + z, r, "available", "availability-zone", "opt-in-not-required"})
	}
	return out, nil
}
