package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	redshifttypes "github.com/aws/aws-sdk-go-v2/service/redshift/types"
	"github.com/aws/aws-sdk-go-v2/service/redshiftserverless"
	serverlesstypes "github.com/aws/aws-sdk-go-v2/service/redshiftserverless/types"

	"github.com/lenscap/lenscap"
)

const (
	callRedshift         = "redshift:DescribeClusterSnapshots"
	callRedshiftClusters = "redshift:DescribeClusters"
	callServerless       = "redshift-serverless:ListSnapshots"
	callNamespaces       = "redshift-serverless:ListNamespaces"
)

// redshiftPart reads Redshift snapshots, of clusters and serverless. Who may
// restore them stands in the listing itself.
func redshiftPart() part {
	kinds := []lenscap.Kind{lenscap.KindDatabaseSnapshot, lenscap.KindDatabaseSnapshot}
	return part{name: "Redshift snapshots", kinds: kinds, collect: func(ctx context.Context, r *region) error {
		if err := r.redshiftClusters(ctx, redshift.NewFromConfig(r.cfg)); err != nil {
			return err
		}
		return r.redshiftServerless(ctx, redshiftserverless.NewFromConfig(r.cfg))
	}}
}

func (r *region) redshiftClusters(ctx context.Context, client *redshift.Client) error {
	var clusters known
	err := r.register(ctx, callRedshiftClusters, &clusters, func(token *string) (*string, error) {
		out, err := client.DescribeClusters(ctx, &redshift.DescribeClustersInput{Marker: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Clusters {
			clusters.add(awssdk.ToString(out.Clusters[i].ClusterIdentifier))
		}
		return out.Marker, nil
	})
	if err != nil {
		return err
	}
	_, err = r.listing(ctx, lenscap.KindDatabaseSnapshot, callRedshift, func(token *string, n *int) (*string, error) {
		out, err := client.DescribeClusterSnapshots(ctx, &redshift.DescribeClusterSnapshotsInput{OwnerAccount: &r.account, Marker: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Snapshots {
			if err := r.redshiftSnapshot(&out.Snapshots[i], &clusters, n); err != nil {
				return nil, err
			}
		}
		return out.Marker, nil
	})
	return err
}

func (r *region) redshiftSnapshot(s *redshifttypes.Snapshot, clusters *known, n *int) error {
	id := awssdk.ToString(s.SnapshotIdentifier)
	if id == "" || r.foreign(s.OwnerAccount) {
		return nil
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindDatabaseSnapshot, id), State: awssdk.ToString(s.Status), Created: awssdk.ToTime(s.SnapshotCreateTime),
		StoredBytes: int64(awssdk.ToFloat64(s.TotalBackupSizeInMegaBytes)) << 20,
		Encryption:  r.encryption(s.Encrypted, s.KmsKeyId),
		Attrs: attrs("engine", "redshift", "type", awssdk.ToString(s.SnapshotType), "database", awssdk.ToString(s.DBName),
			"arn", awssdk.ToString(s.SnapshotArn)),
	}
	a.Lineage.Instance = r.origin(awssdk.ToString(s.ClusterIdentifier), clusters, callRedshiftClusters)
	r.managed(&a, awssdk.ToString(s.SnapshotType))
	var accounts []string
	for _, acc := range s.AccountsWithRestoreAccess {
		accounts = append(accounts, awssdk.ToString(acc.AccountId))
	}
	a.Grants = r.accountGrants(accounts, callRedshift, "Snapshots[].AccountsWithRestoreAccess[].AccountId")
	return r.give(a, n)
}

func (r *region) redshiftServerless(ctx context.Context, client *redshiftserverless.Client) error {
	var spaces known
	err := r.register(ctx, callNamespaces, &spaces, func(token *string) (*string, error) {
		out, err := client.ListNamespaces(ctx, &redshiftserverless.ListNamespacesInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Namespaces {
			spaces.add(awssdk.ToString(out.Namespaces[i].NamespaceName))
		}
		return out.NextToken, nil
	})
	if err != nil {
		return err
	}
	_, err = r.listing(ctx, lenscap.KindDatabaseSnapshot, callServerless, func(token *string, n *int) (*string, error) {
		out, err := client.ListSnapshots(ctx, &redshiftserverless.ListSnapshotsInput{NextToken: token, OwnerAccount: &r.account})
		if err != nil {
			return nil, err
		}
		for i := range out.Snapshots {
			if err := r.serverlessSnapshot(&out.Snapshots[i], &spaces, n); err != nil {
				return nil, err
			}
		}
		return out.NextToken, nil
	})
	return err
}

func (r *region) serverlessSnapshot(s *serverlesstypes.Snapshot, spaces *known, n *int) error {
	id := awssdk.ToString(s.SnapshotName)
	if id == "" || r.foreign(s.OwnerAccount) {
		return nil
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindDatabaseSnapshot, id), State: string(s.Status), Created: awssdk.ToTime(s.SnapshotCreateTime),
		StoredBytes: int64(awssdk.ToFloat64(s.TotalBackupSizeInMegaBytes)) << 20,
		// Redshift Serverless always encrypts (management guide, "Data encryption").
		Encryption: r.encryption(awssdk.Bool(true), s.KmsKeyId),
		Attrs:      attrs("engine", "redshift-serverless", "arn", awssdk.ToString(s.SnapshotArn)),
	}
	a.Lineage.Instance = r.origin(awssdk.ToString(s.NamespaceName), spaces, callNamespaces)
	a.Grants = append(r.accountGrants(s.AccountsWithRestoreAccess, callServerless, "snapshots[].accountsWithRestoreAccess[]"),
		r.accountGrants(s.AccountsWithProvisionedRestoreAccess, callServerless, "snapshots[].accountsWithProvisionedRestoreAccess[]")...)
	return r.give(a, n)
}
