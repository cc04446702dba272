package aws

import (
	"context"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/lenscap/lenscap"
)

const (
	callDBSnapshots      = "rds:DescribeDBSnapshots"
	callDBSnapshotAttrs  = "rds:DescribeDBSnapshotAttributes"
	callClusterSnapshots = "rds:DescribeDBClusterSnapshots"
	callClusterAttrs     = "rds:DescribeDBClusterSnapshotAttributes"
	callDBInstances      = "rds:DescribeDBInstances"
	callDBClusters       = "rds:DescribeDBClusters"
)

// rdsPart reads the snapshots of RDS, Aurora, DocumentDB and Neptune, which all
// answer through the RDS API. Only manual snapshots can be shared (RDS user
// guide, "Sharing a DB snapshot"); others cost no call of their own.
func rdsPart() part {
	kinds := []lenscap.Kind{lenscap.KindDatabaseSnapshot, lenscap.KindDatabaseSnapshot}
	return part{name: "RDS snapshots", kinds: kinds, collect: func(ctx context.Context, r *region) error {
		client := rds.NewFromConfig(r.cfg)
		databases, err := r.databases(ctx, client)
		if err != nil {
			return err
		}
		if err := r.dbSnapshots(ctx, client, &databases); err != nil {
			return err
		}
		clusters, err := r.dbClusters(ctx, client)
		if err != nil {
			return err
		}
		return r.clusterSnapshots(ctx, client, &clusters)
	}}
}

// register reads which originals exist. A failure hides lineage only.
func (r *region) register(ctx context.Context, call string, k *known, one func(token *string) (*string, error)) error {
	if err := pages(ctx, one); err != nil {
		return r.gap(ctx, call, err, lenscap.AspectLineage, lenscap.KindDatabaseSnapshot)
	}
	k.complete = true
	return nil
}

func (r *region) databases(ctx context.Context, client *rds.Client) (k known, err error) {
	err = r.register(ctx, callDBInstances, &k, func(token *string) (*string, error) {
		out, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{Marker: token})
		if err != nil {
			return nil, err
		}
		for i := range out.DBInstances {
			k.add(awssdk.ToString(out.DBInstances[i].DBInstanceIdentifier))
		}
		return out.Marker, nil
	})
	return k, err
}

func (r *region) dbClusters(ctx context.Context, client *rds.Client) (k known, err error) {
	err = r.register(ctx, callDBClusters, &k, func(token *string) (*string, error) {
		out, err := client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{Marker: token})
		if err != nil {
			return nil, err
		}
		for i := range out.DBClusters {
			k.add(awssdk.ToString(out.DBClusters[i].DBClusterIdentifier))
		}
		return out.Marker, nil
	})
	return k, err
}

func (r *region) dbSnapshots(ctx context.Context, client *rds.Client, from *known) error {
	_, err := r.listing(ctx, lenscap.KindDatabaseSnapshot, callDBSnapshots, func(token *string, n *int) (*string, error) {
		out, err := client.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{Marker: token})
		if err != nil {
			return nil, err
		}
		return out.Marker, each(ctx, out.DBSnapshots, n, func(ctx context.Context, s *rdstypes.DBSnapshot) (bool, error) {
			return r.dbSnapshot(ctx, client, s, from)
		}, func(*rdstypes.DBSnapshot) {})
	})
	return err
}

func (r *region) dbSnapshot(ctx context.Context, client *rds.Client, s *rdstypes.DBSnapshot, from *known) (bool, error) {
	id := awssdk.ToString(s.DBSnapshotIdentifier)
	if id == "" || r.foreignARN(s.DBSnapshotArn) {
		return false, nil
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindDatabaseSnapshot, id), State: awssdk.ToString(s.Status), Created: awssdk.ToTime(s.SnapshotCreateTime),
		Size: gibs(s.AllocatedStorage), Tags: rdsTags(s.TagList), Encryption: r.encryption(s.Encrypted, s.KmsKeyId),
		Attrs: attrs("engine", awssdk.ToString(s.Engine), "engine_version", awssdk.ToString(s.EngineVersion),
			"type", awssdk.ToString(s.SnapshotType), "arn", awssdk.ToString(s.DBSnapshotArn)),
	}
	a.Lineage.Instance = r.origin(awssdk.ToString(s.DBInstanceIdentifier), from, callDBInstances)
	r.managed(&a, awssdk.ToString(s.SnapshotType))
	if awssdk.ToString(s.SnapshotType) == "manual" {
		_, err := r.shares(ctx, &a, shareReader{call: callDBSnapshotAttrs, read: func(ctx context.Context) ([]lenscap.Grant, error) {
			out, err := client.DescribeDBSnapshotAttributes(ctx, &rds.DescribeDBSnapshotAttributesInput{DBSnapshotIdentifier: &id})
			if err != nil {
				return nil, err
			}
			if out.DBSnapshotAttributesResult == nil {
				return nil, errNoID
			}
			var grants []lenscap.Grant
			for _, at := range out.DBSnapshotAttributesResult.DBSnapshotAttributes {
				grants = append(grants, r.restoreGrants(callDBSnapshotAttrs, awssdk.ToString(at.AttributeName), at.AttributeValues)...)
			}
			return grants, nil
		}})
		if err != nil {
			return false, err
		}
	}
	return true, r.give1(a)
}

func (r *region) clusterSnapshots(ctx context.Context, client *rds.Client, from *known) error {
	_, err := r.listing(ctx, lenscap.KindDatabaseSnapshot, callClusterSnapshots, func(token *string, n *int) (*string, error) {
		out, err := client.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{Marker: token})
		if err != nil {
			return nil, err
		}
		return out.Marker, each(ctx, out.DBClusterSnapshots, n, func(ctx context.Context, s *rdstypes.DBClusterSnapshot) (bool, error) {
			return r.clusterSnapshot(ctx, client, s, from)
		}, func(*rdstypes.DBClusterSnapshot) {})
	})
	return err
}

func (r *region) clusterSnapshot(ctx context.Context, client *rds.Client, s *rdstypes.DBClusterSnapshot, from *known) (bool, error) {
	id := awssdk.ToString(s.DBClusterSnapshotIdentifier)
	if id == "" || r.foreignARN(s.DBClusterSnapshotArn) {
		return false, nil
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindDatabaseSnapshot, id), State: awssdk.ToString(s.Status), Created: awssdk.ToTime(s.SnapshotCreateTime),
		Size: gibs(s.AllocatedStorage), Tags: rdsTags(s.TagList), Encryption: r.encryption(s.StorageEncrypted, s.KmsKeyId),
		Attrs: attrs("engine", awssdk.ToString(s.Engine), "engine_version", awssdk.ToString(s.EngineVersion),
			"type", awssdk.ToString(s.SnapshotType), "arn", awssdk.ToString(s.DBClusterSnapshotArn)),
	}
	a.Lineage.Instance = r.origin(awssdk.ToString(s.DBClusterIdentifier), from, callDBClusters)
	r.managed(&a, awssdk.ToString(s.SnapshotType))
	if awssdk.ToString(s.SnapshotType) == "manual" {
		_, err := r.shares(ctx, &a, shareReader{call: callClusterAttrs, read: func(ctx context.Context) ([]lenscap.Grant, error) {
			out, err := client.DescribeDBClusterSnapshotAttributes(ctx, &rds.DescribeDBClusterSnapshotAttributesInput{DBClusterSnapshotIdentifier: &id})
			if err != nil {
				return nil, err
			}
			if out.DBClusterSnapshotAttributesResult == nil {
				return nil, errNoID
			}
			var grants []lenscap.Grant
			for _, at := range out.DBClusterSnapshotAttributesResult.DBClusterSnapshotAttributes {
				grants = append(grants, r.restoreGrants(callClusterAttrs, awssdk.ToString(at.AttributeName), at.AttributeValues)...)
			}
			return grants, nil
		}})
		if err != nil {
			return false, err
		}
	}
	return true, r.give1(a)
}

// restoreGrants reads the attribute "restore": each value is an account, or
// "all" for every customer, alone or among accounts.
func (r *region) restoreGrants(call, name string, values []string) []lenscap.Grant {
	if name != "restore" {
		return nil
	}
	var grants []lenscap.Grant
	for _, v := range values {
		p := lenscap.Principal{Type: lenscap.Account, ID: v}
		if v == "all" {
			p = lenscap.Principal{Type: lenscap.AnyCustomer}
		}
		grants = append(grants, readGrant(p, r.proof(call, "restore.AttributeValues[]", v)))
	}
	return grants
}

// readGrant is a share that lets somebody restore and copy.
func readGrant(who lenscap.Principal, proof lenscap.Proof) lenscap.Grant {
	return lenscap.Grant{
		Principal: who, Allows: []lenscap.Access{lenscap.AccessRead, lenscap.AccessCopy}, Path: lenscap.PathACL, Proof: proof,
	}
}

// origin links to the database a snapshot was taken of.
func (r *region) origin(id string, k *known, call string) *lenscap.Link {
	if id == "" {
		return nil
	}
	proof := r.proof(call, "", "")
	return &lenscap.Link{Ref: r.ref(lenscap.KindInstance, id), State: k.state(id), Proof: &proof}
}

// managed names what holds on to a snapshot that users did not make themselves.
func (r *region) managed(a *lenscap.Asset, kind string) {
	switch kind {
	case "automated":
		a.Lineage.Owner = &lenscap.Owner{Type: ownerService, ID: "rds", State: lenscap.LinkExists}
	case "awsbackup":
		a.Lineage.Owner = r.ownerOf(a.Attrs["arn"], a.Tags)
		if a.Lineage.Owner == nil {
			a.Lineage.Owner = &lenscap.Owner{Type: ownerPlan, State: lenscap.LinkUnknown}
		}
	}
}

// foreignARN tells whether an ARN names another account's resource.
func (r *region) foreignARN(arn *string) bool {
	parts := splitARN(awssdk.ToString(arn))
	return len(parts) == 6 && isAccountID(parts[4]) && parts[4] != r.account
}

func rdsTags(tags []rdstypes.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// gibs turns a size in GiB into bytes.
func gibs(n *int32) int64 { return int64(max(0, awssdk.ToInt32(n))) * gib }

// accountGrants makes a grant of each account in a list.
func (r *region) accountGrants(accounts []string, call, field string) []lenscap.Grant {
	var grants []lenscap.Grant
	for _, id := range accounts {
		if id != "" && !slices.ContainsFunc(grants, func(g lenscap.Grant) bool { return g.Principal.ID == id }) {
			grants = append(grants, readGrant(lenscap.Principal{Type: lenscap.Account, ID: id}, r.proof(call, field, id)))
		}
	}
	return grants
}

// splitARN gives the six parts of an ARN, nil when it is none.
func splitARN(arn string) []string {
	if part := strings.SplitN(arn, ":", 6); len(part) == 6 && part[0] == "arn" {
		return part
	}
	return nil
}
