package aws

import (
	"time"
)

// RedshiftSnapshot is a snapshot of a Redshift cluster or namespace.
type RedshiftSnapshot struct {
	ID         string
	Source     string // cluster, or namespace of the serverless form
	Serverless bool
	Created    time.Time
	Key        string   // KMS key ARN; empty: not encrypted
	Shared     []string // account numbers
}

type redshiftState struct {
	snapshots  []RedshiftSnapshot
	clusters   []string
	namespaces []string
}

// AddRedshift puts a running cluster or namespace there.
func (r *Region) AddRedshift(id string, serverless bool) {
	st := stateOf[redshiftState](r)
	if serverless {
		st.namespaces = append(st.namespaces, id)
	} else {
		st.clusters = append(st.clusters, id)
	}
}

// AddRedshiftSnapshot puts a snapshot there.
func (r *Region) AddRedshiftSnapshot(s RedshiftSnapshot) {
	st := stateOf[redshiftState](r)
	st.snapshots = append(st.snapshots, s)
}

func (r *Region) redshift(serverless bool) []RedshiftSnapshot {
	var out []RedshiftSnapshot
	for _, s := range stateOf[redshiftState](r).snapshots {
		if s.Serverless == serverless {
			out = append(out, s)
		}
	}
	return out
}

func redshiftService() *service {
	return &service{protocol: queryXML, namespace: "http://redshift.amazonaws.com/doc/2012-12-01/", ops: map[string]operation{
		"DescribeClusters":         describeRedshiftClusters,
		"DescribeClusterSnapshots": describeRedshiftSnapshots,
	}}
}

type redshiftCluster struct {
	ID     string `xml:"ClusterIdentifier"`
	Status string `xml:"ClusterStatus"`
}

func describeRedshiftClusters(q *Request) (any, error) {
	var out struct {
		Items  []redshiftCluster `xml:"Clusters>Cluster"`
		Marker string            `xml:",omitempty"`
	}
	page, next, err := paginate(q, stateOf[redshiftState](q.Region).clusters, q.Form.Int("MaxRecords", 100), q.Form.Get("Marker"))
	for _, id := range page {
		out.Items = append(out.Items, redshiftCluster{id, "available"})
	}
	out.Marker = next
	return out, err
}

type redshiftAccount struct {
	ID string `xml:"AccountId"`
}

type redshiftSnapshot struct {
	ID        string `xml:"SnapshotIdentifier"`
	ARN       string `xml:"SnapshotArn"`
	Cluster   string `xml:"ClusterIdentifier"`
	Created   string `xml:"SnapshotCreateTime"`
	Status    string
	Owner     string `xml:"OwnerAccount"`
	Type      string `xml:"SnapshotType"`
	Encrypted bool
	Key       string            `xml:"KmsKeyId,omitempty"`
	Size      float64           `xml:"TotalBackupSizeInMegaBytes"`
	Shared    []redshiftAccount `xml:"AccountsWithRestoreAccess>AccountWithRestoreAccess"`
}

func describeRedshiftSnapshots(q *Request) (any, error) {
	var out struct {
		Items  []redshiftSnapshot `xml:"Snapshots>Snapshot"`
		Marker string             `xml:",omitempty"`
	}
	page, next, err := paginate(q, q.Region.redshift(false), q.Form.Int("MaxRecords", 100), q.Form.Get("Marker"))
	for _, s := range page {
		x := redshiftSnapshot{
			ID: s.ID, ARN: "arn:aws:redshift:" + q.Region.Name + ":" + q.Call.Account + ":snapshot:" + s.Source + "/" + s.ID,
			Cluster: s.Source, Created: stamp(s.Created), Status: "available", Owner: q.Call.Account, Type: "manual",
			Encrypted: s.Key != "", Key: s.Key, Size: 2048,
		}
		for _, a := range s.Shared {
			x.Shared = append(x.Shared, redshiftAccount{a})
		}
		out.Items = append(out.Items, x)
	}
	out.Marker = next
	return out, err
}

func serverlessService() *service {
	return &service{protocol: json11, target: "RedshiftServerless", ops: map[string]operation{
		"ListNamespaces": listNamespaces,
		"ListSnapshots":  listServerlessSnapshots,
	}}
}

type serverlessPage struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

func listNamespaces(q *Request) (any, error) {
	var in serverlessPage
	if err := q.JSON(&in); err != nil {
		return nil, err
	}
	page, next, err := paginate(q, stateOf[redshiftState](q.Region).namespaces, in.MaxResults, in.NextToken)
	items := make([]any, 0, len(page))
	for _, id := range page {
		items = append(items, map[string]any{"namespaceName": id, "status": "AVAILABLE"})
	}
	return withToken(map[string]any{"namespaces": items}, next), err
}

func listServerlessSnapshots(q *Request) (any, error) {
	var in serverlessPage
	if err := q.JSON(&in); err != nil {
		return nil, err
	}
	page, next, err := paginate(q, q.Region.redshift(true), in.MaxResults, in.NextToken)
	items := make([]any, 0, len(page))
	for _, s := range page {
		items = append(items, map[string]any{
			"snapshotName": s.ID, "namespaceName": s.Source, "ownerAccount": q.Call.Account, "status": "AVAILABLE",
			"snapshotArn":        "arn:aws:redshift-serverless:" + q.Region.Name + ":" + q.Call.Account + ":snapshot/" + s.ID,
			"snapshotCreateTime": s.Created.UTC().Format(time.RFC3339), "kmsKeyId": s.Key,
			"totalBackupSizeInMegaBytes": 2048.0, "accountsWithRestoreAccess": s.Shared,
		})
	}
	return withToken(map[string]any{"snapshots": items}, next), err
}

// withToken adds the next page's token to an answer, when there is one.
func withToken(m map[string]any, next string) map[string]any {
	if next != "" {
		m["nextToken"] = next
	}
	return m
}
