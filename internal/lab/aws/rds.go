package aws

import (
	"slices"
	"strings"
	"time"
)

// DBSnapshot is a snapshot of an RDS, Aurora, DocumentDB or Neptune database.
type DBSnapshot struct {
	ID       string
	Database string // the instance or cluster it was taken of
	Cluster  bool   // of a cluster: Aurora, DocumentDB, Neptune
	Engine   string
	Type     string // manual, automated, awsbackup
	Created  time.Time
	Key      string   // KMS key ARN; empty: not encrypted
	Shared   []string // account numbers, or all
}

// rdsState is the databases of one account and region.
type rdsState struct {
	snapshots []*DBSnapshot
	instances []string
	clusters  []string
}

// AddDatabase puts a running database there, a cluster or an instance.
func (r *Region) AddDatabase(id string, cluster bool) {
	st := stateOf[rdsState](r)
	if cluster {
		st.clusters = append(st.clusters, id)
	} else {
		st.instances = append(st.instances, id)
	}
}

// AddDBSnapshot puts a database snapshot there.
func (r *Region) AddDBSnapshot(s DBSnapshot) {
	if s.Type == "" {
		s.Type = "manual"
	}
	st := stateOf[rdsState](r)
	st.snapshots = append(st.snapshots, &s)
}

func rdsService() *service {
	return &service{protocol: queryXML, namespace: "http://rds.amazonaws.com/doc/2014-10-31/", ops: map[string]operation{
		"DescribeDBInstances":                 describeDBInstances,
		"DescribeDBClusters":                  describeDBClusters,
		"DescribeDBSnapshots":                 describeDBSnapshots,
		"DescribeDBClusterSnapshots":          describeDBClusterSnapshots,
		"DescribeDBSnapshotAttributes":        describeDBSnapshotAttributes,
		"DescribeDBClusterSnapshotAttributes": describeDBClusterSnapshotAttributes,
		"ModifyDBSnapshotAttribute":           modifyDBSnapshotAttribute,
		"ModifyDBClusterSnapshotAttribute":    modifyDBClusterSnapshotAttribute,
	}}
}

func (r *Region) rdsARN(kind, id string) string {
	return "arn:aws:rds:" + r.Name + ":" + r.Account.ID + ":" + kind + ":" + id
}

type dbInstance struct {
	ID     string `xml:"DBInstanceIdentifier"`
	ARN    string `xml:"DBInstanceArn"`
	Status string `xml:"DBInstanceStatus"`
	Engine string
}

func describeDBInstances(q *Request) (any, error) {
	var out struct {
		Items  []dbInstance `xml:"DBInstances>DBInstance"`
		Marker string       `xml:",omitempty"`
	}
	page, next, err := paginate(q, stateOf[rdsState](q.Region).instances, q.Form.Int("MaxRecords", 100), q.Form.Get("Marker"))
	for _, id := range page {
		out.Items = append(out.Items, dbInstance{id, q.Region.rdsARN("db", id), "available", "postgres"})
	}
	out.Marker = next
	return out, err
}

type dbCluster struct {
	ID     string `xml:"DBClusterIdentifier"`
	ARN    string `xml:"DBClusterArn"`
	Status string
	Engine string
}

func describeDBClusters(q *Request) (any, error) {
	var out struct {
		Items  []dbCluster `xml:"DBClusters>DBCluster"`
		Marker string      `xml:",omitempty"`
	}
	page, next, err := paginate(q, stateOf[rdsState](q.Region).clusters, q.Form.Int("MaxRecords", 100), q.Form.Get("Marker"))
	for _, id := range page {
		out.Items = append(out.Items, dbCluster{id, q.Region.rdsARN("cluster", id), "available", "aurora-postgresql"})
	}
	out.Marker = next
	return out, err
}

// chosen gives the snapshots of one form that a call asks for, by ID.
func (q *Request) chosen(cluster bool, id string) []*DBSnapshot {
	kind := q.Form.Get("SnapshotType")
	var out []*DBSnapshot
	for _, s := range stateOf[rdsState](q.Region).snapshots {
		public := slices.Contains(s.Shared, "all")
		if s.Cluster != cluster || id != "" && s.ID != id ||
			kind != "" && kind != s.Type && (kind != "public" || !public) {
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *DBSnapshot) int { return strings.Compare(a.ID, b.ID) })
	return out
}

type dbSnapshot struct {
	ID        string `xml:"DBSnapshotIdentifier"`
	ARN       string `xml:"DBSnapshotArn"`
	Instance  string `xml:"DBInstanceIdentifier"`
	Created   string `xml:"SnapshotCreateTime"`
	Engine    string
	Version   string `xml:"EngineVersion"`
	Allocated int    `xml:"AllocatedStorage"`
	Status    string
	Type      string `xml:"SnapshotType"`
	Encrypted bool
	Key       string `xml:"KmsKeyId,omitempty"`
}

func describeDBSnapshots(q *Request) (any, error) {
	var out struct {
		Items  []dbSnapshot `xml:"DBSnapshots>DBSnapshot"`
		Marker string       `xml:",omitempty"`
	}
	all := q.chosen(false, q.Form.Get("DBSnapshotIdentifier"))
	if len(all) == 0 && q.Form.Get("DBSnapshotIdentifier") != "" {
		return nil, fail(404, "DBSnapshotNotFound", "DBSnapshot not found: %s", q.Form.Get("DBSnapshotIdentifier"))
	}
	page, next, err := paginate(q, all, q.Form.Int("MaxRecords", 100), q.Form.Get("Marker"))
	for _, s := range page {
		out.Items = append(out.Items, dbSnapshot{
			ID: s.ID, ARN: q.Region.rdsARN("snapshot", s.ID), Instance: s.Database, Created: stamp(s.Created), Engine: s.Engine,
			Version: "15.4", Allocated: 100, Status: "available", Type: s.Type, Encrypted: s.Key != "", Key: s.Key,
		})
	}
	out.Marker = next
	return out, err
}

type dbClusterSnapshot struct {
	ID        string `xml:"DBClusterSnapshotIdentifier"`
	ARN       string `xml:"DBClusterSnapshotArn"`
	Cluster   string `xml:"DBClusterIdentifier"`
	Created   string `xml:"SnapshotCreateTime"`
	Engine    string
	Version   string `xml:"EngineVersion"`
	Allocated int    `xml:"AllocatedStorage"`
	Status    string
	Type      string `xml:"SnapshotType"`
	Encrypted bool   `xml:"StorageEncrypted"`
	Key       string `xml:"KmsKeyId,omitempty"`
}

func describeDBClusterSnapshots(q *Request) (any, error) {
	var out struct {
		Items  []dbClusterSnapshot `xml:"DBClusterSnapshots>DBClusterSnapshot"`
		Marker string              `xml:",omitempty"`
	}
	page, next, err := paginate(q, q.chosen(true, q.Form.Get("DBClusterSnapshotIdentifier")), q.Form.Int("MaxRecords", 100), q.Form.Get("Marker"))
	for _, s := range page {
		out.Items = append(out.Items, dbClusterSnapshot{
			ID: s.ID, ARN: q.Region.rdsARN("cluster-snapshot", s.ID), Cluster: s.Database, Created: stamp(s.Created), Engine: s.Engine,
			Version: "15.4", Allocated: 100, Status: "available", Type: s.Type, Encrypted: s.Key != "", Key: s.Key,
		})
	}
	out.Marker = next
	return out, err
}

// restoreAttribute is who may restore a snapshot, as both calls give it.
type restoreAttribute struct {
	Name   string   `xml:"AttributeName"`
	Values []string `xml:"AttributeValues>AttributeValue"`
}

type dbAttributes struct {
	Result struct {
		ID    string             `xml:"DBSnapshotIdentifier"`
		Items []restoreAttribute `xml:"DBSnapshotAttributes>DBSnapshotAttribute"`
	} `xml:"DBSnapshotAttributesResult"`
}

type clusterAttributes struct {
	Result struct {
		ID    string             `xml:"DBClusterSnapshotIdentifier"`
		Items []restoreAttribute `xml:"DBClusterSnapshotAttributes>DBClusterSnapshotAttribute"`
	} `xml:"DBClusterSnapshotAttributesResult"`
}

func describeDBSnapshotAttributes(q *Request) (any, error) {
	s, err := q.dbSnapshot(false, "DBSnapshotIdentifier", "DBSnapshotNotFound")
	if err != nil {
		return nil, err
	}
	var out dbAttributes
	out.Result.ID, out.Result.Items = s.ID, []restoreAttribute{{"restore", s.Shared}}
	return out, nil
}

func describeDBClusterSnapshotAttributes(q *Request) (any, error) {
	s, err := q.dbSnapshot(true, "DBClusterSnapshotIdentifier", "DBClusterSnapshotNotFoundFault")
	if err != nil {
		return nil, err
	}
	var out clusterAttributes
	out.Result.ID, out.Result.Items = s.ID, []restoreAttribute{{"restore", s.Shared}}
	return out, nil
}

func (q *Request) dbSnapshot(cluster bool, field, code string) (*DBSnapshot, error) {
	id := q.Form.Get(field)
	for _, s := range stateOf[rdsState](q.Region).snapshots {
		if s.Cluster == cluster && s.ID == id {
			return s, nil
		}
	}
	return nil, fail(404, code, "%s not found: %s", strings.TrimSuffix(field, "Identifier"), id)
}

func modifyDBSnapshotAttribute(q *Request) (any, error) {
	s, err := q.dbSnapshot(false, "DBSnapshotIdentifier", "DBSnapshotNotFound")
	if err == nil {
		err = q.share(s)
	}
	if err != nil {
		return nil, err
	}
	return describeDBSnapshotAttributes(q)
}

func modifyDBClusterSnapshotAttribute(q *Request) (any, error) {
	s, err := q.dbSnapshot(true, "DBClusterSnapshotIdentifier", "DBClusterSnapshotNotFoundFault")
	if err == nil {
		err = q.share(s)
	}
	if err != nil {
		return nil, err
	}
	return describeDBClusterSnapshotAttributes(q)
}

// share changes who may restore: only manual snapshots can be shared, and an
// encrypted one never with all (RDS user guide, "Sharing a DB snapshot").
func (q *Request) share(s *DBSnapshot) error {
	add, remove := q.Form.List("ValuesToAdd.AttributeValue"), q.Form.List("ValuesToRemove.AttributeValue")
	if s.Type != "manual" || s.Key != "" && slices.Contains(add, "all") {
		return fail(400, "InvalidDBSnapshotState", "Cannot share snapshot %s", s.ID)
	}
	for _, v := range add {
		if !slices.Contains(s.Shared, v) {
			s.Shared = append(s.Shared, v)
		}
	}
	s.Shared = slices.DeleteFunc(s.Shared, func(v string) bool { return slices.Contains(remove, v) })
	return nil
}
