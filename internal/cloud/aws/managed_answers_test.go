package aws

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/lenscap/lenscap"
)

// rdsBody wraps an answer of a query service, with the page token that the
// fault asks for.
func rdsBody(op, inner string) answer {
	return func(q *query) string {
		marker := ""
		if q.next != "" {
			marker = "<Marker>" + q.next + "</Marker>"
		}
		return fmt.Sprintf(`<%[1]sResponse><%[1]sResult>%[2]s%[3]s</%[1]sResult></%[1]sResponse>`, op, inner, marker)
	}
}

func managedAnswers() map[string]answer {
	attributes := func(op, result, list, item string) answer {
		return rdsBody(op, "<"+result+"><"+list+"><"+item+"><AttributeName>restore</AttributeName><AttributeValues><AttributeValue>all</AttributeValue><AttributeValue>"+
			outsider+"</AttributeValue></AttributeValues></"+item+"></"+list+"></"+result+">")
	}
	return map[string]answer{
		callDBInstances:      rdsBody("DescribeDBInstances", "<DBInstances><DBInstance><DBInstanceIdentifier>shop</DBInstanceIdentifier></DBInstance></DBInstances>"),
		callDBClusters:       rdsBody("DescribeDBClusters", "<DBClusters></DBClusters>"),
		callDBSnapshots:      rdsBody("DescribeDBSnapshots", "<DBSnapshots><DBSnapshot><DBSnapshotIdentifier>db-open</DBSnapshotIdentifier><DBInstanceIdentifier>shop</DBInstanceIdentifier><SnapshotType>manual</SnapshotType><Encrypted>false</Encrypted></DBSnapshot></DBSnapshots>"),
		callDBSnapshotAttrs:  attributes("DescribeDBSnapshotAttributes", "DBSnapshotAttributesResult", "DBSnapshotAttributes", "DBSnapshotAttribute"),
		callClusterSnapshots: rdsBody("DescribeDBClusterSnapshots", "<DBClusterSnapshots><DBClusterSnapshot><DBClusterSnapshotIdentifier>cluster-open</DBClusterSnapshotIdentifier><DBClusterIdentifier>gone</DBClusterIdentifier><SnapshotType>manual</SnapshotType><StorageEncrypted>false</StorageEncrypted></DBClusterSnapshot></DBClusterSnapshots>"),
		callClusterAttrs:     attributes("DescribeDBClusterSnapshotAttributes", "DBClusterSnapshotAttributesResult", "DBClusterSnapshotAttributes", "DBClusterSnapshotAttribute"),
		callRedshiftClusters: rdsBody("DescribeClusters", "<Clusters></Clusters>"),
		callRedshift: rdsBody("DescribeClusterSnapshots", "<Snapshots><Snapshot><SnapshotIdentifier>wh</SnapshotIdentifier><ClusterIdentifier>c</ClusterIdentifier><Encrypted>false</Encrypted><AccountsWithRestoreAccess><AccountWithRestoreAccess><AccountId>"+
			outsider+"</AccountId></AccountWithRestoreAccess></AccountsWithRestoreAccess></Snapshot></Snapshots>"),
		callPlans:  jsonBody(`{"BackupPlansList":[{"BackupPlanId":"plan"}]}`, "NextToken"),
		callVaults: jsonBody(`{"BackupVaultList":[{"BackupVaultName":"vault","BackupVaultArn":"arn:vault","VaultType":"LOGICALLY_AIR_GAPPED_BACKUP_VAULT","Locked":true,"MinRetentionDays":7}]}`, "NextToken"),
		callVaultPolicy: func(*query) string {
			return `{"Policy":"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"backup:*\",\"Resource\":\"*\"}}"}`
		},
		callShares:      jsonBody(`{"principals":[{"id":"`+outsider+`","resourceShareArn":"arn:share"}]}`, "nextToken"),
		callPoints:      jsonBody(`{"RecoveryPoints":[{"RecoveryPointArn":"arn:aws:backup:us-east-1:111122223333:recovery-point:p","IsEncrypted":false,"CreatedBy":{"BackupPlanId":"plan"}}]}`, "NextToken"),
		callStoreTasks:  ec2Body("DescribeStoreImageTasks", "<storeImageTaskResultSet><item><amiId>ami-0a0a0a0a</amiId><bucket>bkt</bucket><s3objectKey>disk.bin</s3objectKey></item></storeImageTaskResultSet>"),
		callImageExport: ec2Body("DescribeExportImageTasks", "<exportImageTaskSet></exportImageTaskSet>"),
		callVMExport:    ec2Body("DescribeExportTasks", "<exportTaskSet></exportTaskSet>"),
		"s3:HeadObject": func(*query) string { return "" },
		"s3:GetBucketPolicy": func(*query) string {
			return `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}`
		},
		"s3:GetBucketAcl": func(*query) string { return "<AccessControlPolicy><Owner><ID>me</ID></Owner></AccessControlPolicy>" },
		"s3:GetObjectAcl": func(*query) string { return "<AccessControlPolicy><Owner><ID>me</ID></Owner></AccessControlPolicy>" },
		"s3:GetPublicAccessBlock": func(*query) string {
			return "<PublicAccessBlockConfiguration><IgnorePublicAcls>false</IgnorePublicAcls></PublicAccessBlockConfiguration>"
		},
		"s3:AccountPublicAccessBlock": func(*query) string {
			return "<PublicAccessBlockConfiguration><IgnorePublicAcls>false</IgnorePublicAcls></PublicAccessBlockConfiguration>"
		},
		callLightInstances: jsonBody(`{"instanceSnapshots":[{"name":"li","arn":"arn:li","fromInstanceName":"m"}]}`, "nextPageToken"),
		callLightDisks:     jsonBody(`{"diskSnapshots":[{"name":"ld","arn":"arn:ld","fromDiskName":"d"}]}`, "nextPageToken"),
		callLightDatabases: jsonBody(`{"relationalDatabaseSnapshots":[{"name":"lr","arn":"arn:lr","fromRelationalDatabaseName":"r"}]}`, "nextPageToken"),
		callLightMachines:  jsonBody(`{"instances":[{"name":"m"}]}`, "nextPageToken"),
		callLightVolumes:   jsonBody(`{"disks":[]}`, "nextPageToken"),
		callLightEngines:   jsonBody(`{"relationalDatabases":[]}`, "nextPageToken"),
		callNamespaces:     jsonBody(`{"namespaces":[{"namespaceName":"n"}]}`, "nextToken"),
		callServerless:     jsonBody(`{"snapshots":[{"snapshotName":"sl","namespaceName":"n","accountsWithRestoreAccess":["`+outsider+`"]}]}`, "nextToken"),
		callPolicies:       jsonBody(`{"Policies":[{"PolicyId":"policy-a"}]}`, ""),
		callPolicy:         jsonBody(`{"Policy":{"PolicyId":"policy-a","PolicyDetails":{"Schedules":[{"ShareRules":[{"TargetAccounts":["`+outsider+`"]}]}]}}}`, ""),
		callDistributions:  jsonBody(`{"distributionConfigurationSummaryList":[{"arn":"arn:dist","name":"d"}]}`, "nextToken"),
		callDistribution: jsonBody(`{"distributionConfiguration":{"timeoutMinutes":1,"distributions":[{"region":"us-east-1","amiDistributionConfiguration":{"launchPermission":{"userGroups":["all"],"userIds":["`+
			outsider+`"],"organizationArns":["arn:aws:organizations::111122223333:organization/o-a1"]}}}]}}`, ""),
	}
}

func managedRoutes() []restRoute {
	return []restRoute{
		{"backup", http.MethodGet, regexp.MustCompile(`^/backup/plans/?$`), "ListBackupPlans"},
		{"backup", http.MethodGet, regexp.MustCompile(`^/backup-vaults/?$`), "ListBackupVaults"},
		{"backup", http.MethodGet, regexp.MustCompile(`^/backup-vaults/[^/]+/access-policy$`), "GetBackupVaultAccessPolicy"},
		{"backup", http.MethodGet, regexp.MustCompile(`^/backup-vaults/[^/]+/recovery-points/?$`), "ListRecoveryPointsByBackupVault"},
		{"ram", http.MethodPost, regexp.MustCompile(`^/listprincipals$`), "ListPrincipals"},
		{"dlm", http.MethodGet, regexp.MustCompile(`^/policies/?$`), "GetLifecyclePolicies"},
		{"dlm", http.MethodGet, regexp.MustCompile(`^/policies/[^/]+$`), "GetLifecyclePolicy"},
		{"imagebuilder", http.MethodPost, regexp.MustCompile(`^/ListDistributionConfigurations$`), "ListDistributionConfigurations"},
		{"imagebuilder", http.MethodGet, regexp.MustCompile(`^/GetDistributionConfiguration$`), "GetDistributionConfiguration"},
	}
}

// s3Operation names an operation of S3 or S3 Control, which share a signing name.
func s3Operation(r *http.Request) string {
	q, path := r.URL.Query(), strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case path[0] == "v20180820":
		return "AccountPublicAccessBlock"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case q.Has("policy"):
		return "GetBucketPolicy"
	case q.Has("publicAccessBlock"):
		return "GetPublicAccessBlock"
	case q.Has("acl") && len(path) > 1:
		return "GetObjectAcl"
	case q.Has("acl"):
		return "GetBucketAcl"
	}
	return r.Method
}

func managedRows() []faultRow {
	const assets, grants, guards, lineage = lenscap.AspectAssets, lenscap.AspectGrants, lenscap.AspectGuards, lenscap.AspectLineage
	disk := []lenscap.Kind{lenscap.KindDiskSnapshot}
	object := []lenscap.Kind{lenscap.KindDiskObject}
	blunt := []fault{denied, hanging} // what shows without a body, as HEAD answers
	db, policy := []lenscap.Kind{lenscap.KindDatabaseSnapshot}, []lenscap.Kind{lenscap.KindSharePolicy}
	return []faultRow{
		{op: callDBInstances, paged: true, aspect: lineage, kinds: db},
		{op: callDBClusters, paged: true, aspect: lineage, kinds: db},
		{op: callDBSnapshots, paged: true, aspect: assets, kinds: db, open: db},
		{op: callDBSnapshotAttrs, aspect: grants, kinds: db, asset: "db-open"},
		{op: callClusterSnapshots, paged: true, aspect: assets, kinds: db, open: db},
		{op: callClusterAttrs, aspect: grants, kinds: db, asset: "cluster-open"},
		{op: callRedshiftClusters, paged: true, aspect: lineage, kinds: db},
		{op: callRedshift, paged: true, aspect: assets, kinds: db, open: db},
		{op: callNamespaces, paged: true, aspect: lineage, kinds: db},
		{op: callServerless, paged: true, aspect: assets, kinds: db, open: db},
		{op: callLightInstances, paged: true, aspect: assets, kinds: disk, open: disk},
		{op: callLightDisks, paged: true, aspect: assets, kinds: disk, open: disk},
		{op: callLightDatabases, paged: true, aspect: assets, kinds: db, open: db},
		{op: callLightMachines, paged: true, aspect: lineage, kinds: disk},
		{op: callLightVolumes, paged: true, aspect: lineage, kinds: disk},
		{op: callLightEngines, paged: true, aspect: lineage, kinds: db},
		{op: callStoreTasks, paged: true, aspect: assets, kinds: object, open: object},
		{op: callImageExport, paged: true, aspect: assets, kinds: object, open: object},
		{op: callVMExport, aspect: assets, kinds: object, open: object},
		{op: callHead, aspect: grants, kinds: object, asset: "bkt/disk.bin", only: blunt},
		{op: callBucketPolicy, aspect: grants, kinds: object, asset: "bkt/disk.bin", only: blunt},
		{op: callBucketACL, aspect: grants, kinds: object, asset: "bkt/disk.bin", only: blunt},
		{op: callObjectACL, aspect: grants, kinds: object, asset: "bkt/disk.bin", only: blunt},
		{op: callBucketBlock, aspect: guards, kinds: object, only: blunt},
		{op: callPlans, paged: true, aspect: lineage, kinds: []lenscap.Kind{lenscap.KindBackup}},
		{op: callVaults, paged: true, aspect: assets, kinds: []lenscap.Kind{lenscap.KindBackupVault}, open: []lenscap.Kind{lenscap.KindBackupVault, lenscap.KindBackup}},
		{op: callVaultPolicy, aspect: grants, kinds: []lenscap.Kind{lenscap.KindBackupVault}, asset: "vault", only: []fault{denied, throttled, hanging, garbled, optIn}},
		{op: callShares, paged: true, aspect: grants, kinds: []lenscap.Kind{lenscap.KindBackupVault}, asset: "vault"},
		{op: callPoints, paged: true, aspect: assets, kinds: []lenscap.Kind{lenscap.KindBackup}, open: []lenscap.Kind{lenscap.KindBackup}},
		{op: callPolicies, aspect: assets, kinds: policy, open: policy},
		{op: callPolicy, aspect: grants, kinds: policy, asset: "policy-a"},
		{op: callDistributions, paged: true, aspect: assets, kinds: policy, open: policy},
		{op: callDistribution, aspect: grants, kinds: policy, asset: "arn:dist"},
	}
}
