package aws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// The features that permissions are grouped by.
const (
	featureScan         = "scan"         // what there is and who can reach it
	featureContent      = "content"      // what is on the disks
	featureOrganization = "organization" // which accounts belong together, and entering them
)

// Permissions lists each right that the collector uses, by feature.
func (*Collector) Permissions() []cloud.Permission {
	return slices.Concat(scanPermissions(), keyPermissions(), contentPermissions(), organizationPermissions())
}

func allow(feature, action, en, zh string) cloud.Permission {
	return cloud.Permission{Action: action, Feature: feature, Why: lenscap.Text{En: en, Zh: zh}}
}

func scanPermissions() []cloud.Permission {
	return []cloud.Permission{
		allow(featureScan, "sts:GetCallerIdentity", "know whose account it is (AWS never refuses this)", "确认当前是哪个账号(AWS 从不拒绝此调用)"),
		allow(featureScan, "ec2:DescribeRegions", "list the enabled regions", "列出已启用的区域"),
		allow(featureScan, "ec2:GetSnapshotBlockPublicAccessState", "see whether public snapshots are blocked", "查看是否已阻止快照公开共享"),
		allow(featureScan, "ec2:GetImageBlockPublicAccessState", "see whether public AMIs are blocked", "查看是否已阻止 AMI 公开共享"),
		allow(featureScan, "ec2:GetEbsEncryptionByDefault", "see whether new volumes are encrypted", "查看新建卷是否默认加密"),
		allow(featureScan, "ec2:GetEbsDefaultKmsKeyId", "see under which key new volumes are encrypted", "查看新建卷默认使用的加密密钥"),
		allow(featureScan, "ec2:GetAllowedImagesSettings", "see which AMIs may be launched", "查看允许启动哪些 AMI"),
		allow(featureScan, "ec2:DescribeLockedSnapshots", "see which snapshots are locked", "查看哪些快照已被锁定"),
		allow(featureScan, "ec2:DescribeVolumes", "see which snapshots outlived their volume", "找出源卷已不存在的快照"),
		allow(featureScan, "ec2:DescribeInstances", "see which snapshots and AMIs are still in use", "了解哪些快照和 AMI 仍在使用"),
		allow(featureScan, "ec2:DescribeImages", "list AMIs and the snapshots behind them", "列出 AMI 及其底层快照"),
		allow(featureScan, "ec2:DescribeImageAttribute", "read who may launch an AMI", "读取谁可以启动某个 AMI"),
		allow(featureScan, "ec2:ListImagesInRecycleBin", "list AMIs in the recycle bin", "列出回收站中的 AMI"),
		allow(featureScan, "ec2:DescribeFpgaImages", "list FPGA images", "列出 FPGA 镜像"),
		allow(featureScan, "ec2:DescribeFpgaImageAttribute", "read who may load an FPGA image", "读取谁可以加载某个 FPGA 镜像"),
		allow(featureScan, "ec2:DescribeSnapshots", "list snapshots and find the public ones", "列出快照并找出公开的快照"),
		allow(featureScan, "ec2:DescribeSnapshotAttribute", "read who may restore a snapshot", "读取谁可以还原某个快照"),
		allow(featureScan, "ec2:ListSnapshotsInRecycleBin", "list snapshots in the recycle bin", "列出回收站中的快照"),
		allow(featureScan, callPolicies, "know which lifecycle policies still own snapshots", "了解哪些生命周期策略仍在管理快照"),
		allow(featureScan, callPolicy, "see which policies share what they make", "查看哪些策略会共享其生成的快照"),
		allow(featureScan, callLightInstances, "list snapshots of Lightsail instances", "列出 Lightsail 实例快照"),
		allow(featureScan, callLightDisks, "list snapshots of Lightsail disks", "列出 Lightsail 磁盘快照"),
		allow(featureScan, callLightDatabases, "list snapshots of Lightsail databases", "列出 Lightsail 数据库快照"),
		allow(featureScan, callLightMachines, "see which of them outlived their instance", "找出源实例已不存在的快照"),
		allow(featureScan, callLightVolumes, "see which of them outlived their disk", "找出源磁盘已不存在的快照"),
		allow(featureScan, callLightEngines, "see which of them outlived their database", "找出源数据库已不存在的快照"),
		allow(featureScan, callStoreTasks, "find AMIs stored as objects", "找出以对象形式存储的 AMI"),
		allow(featureScan, callImageExport, "find exported AMIs", "找出已导出的 AMI"),
		allow(featureScan, callVMExport, "find exported machines", "找出已导出的虚拟机"),
		allow(featureScan, "s3:GetObject", "see whether an exported disk is still there (HeadObject; narrow it to the buckets of exports)", "确认导出的磁盘是否仍在(HeadObject;可收窄到导出所用的存储桶)"),
		allow(featureScan, callObjectACL, "read who may download an exported disk", "读取谁可以下载导出的磁盘"),
		allow(featureScan, callBucketACL, "know the bucket's owner", "了解存储桶的所有者"),
		allow(featureScan, callBucketPolicy, "read who may download from the bucket", "读取谁可以从存储桶下载"),
		allow(featureScan, "s3:GetBucketPublicAccessBlock", "see whether public access of the bucket is blocked", "查看存储桶是否已阻止公开访问"),
		allow(featureScan, "s3:GetAccountPublicAccessBlock", "see whether public access of the account's buckets is blocked", "查看账号是否已阻止存储桶公开访问"),
		allow(featureScan, callPlans, "know which backup plans still own backups", "了解哪些备份计划仍在管理备份"),
		allow(featureScan, callVaults, "list backup vaults", "列出备份保管库"),
		allow(featureScan, callVaultPolicy, "read who may reach a vault", "读取谁可以接触某个保管库"),
		allow(featureScan, callShares, "read whom an air-gapped vault is shared with", "读取逻辑隔离保管库共享给了谁"),
		allow(featureScan, callPoints, "list what is in a vault", "列出保管库中的恢复点"),
		allow(featureScan, callDBInstances, "see which database snapshots outlived their database", "找出源数据库已不存在的数据库快照"),
		allow(featureScan, callDBClusters, "see which cluster snapshots outlived their cluster", "找出源集群已不存在的集群快照"),
		allow(featureScan, callDBSnapshots, "list database snapshots", "列出数据库快照"),
		allow(featureScan, callDBSnapshotAttrs, "read who may restore a database snapshot", "读取谁可以还原某个数据库快照"),
		allow(featureScan, callClusterSnapshots, "list cluster snapshots (Aurora, DocumentDB, Neptune)", "列出集群快照(Aurora、DocumentDB、Neptune)"),
		allow(featureScan, callClusterAttrs, "read who may restore a cluster snapshot", "读取谁可以还原某个集群快照"),
		allow(featureScan, callRedshift, "list Redshift snapshots and who may restore them", "列出 Redshift 快照及可还原它们的账号"),
		allow(featureScan, callRedshiftClusters, "see which Redshift snapshots outlived their cluster", "找出源集群已不存在的 Redshift 快照"),
		allow(featureScan, callServerless, "list Redshift Serverless snapshots and who may restore them", "列出 Redshift Serverless 快照及可还原它们的账号"),
		allow(featureScan, callNamespaces, "see which Serverless snapshots outlived their namespace", "找出源命名空间已不存在的 Serverless 快照"),
		allow(featureScan, callDistributions, "list image distributions", "列出镜像分发配置"),
		allow(featureScan, callDistribution, "see whom a distribution shares new images with", "查看分发配置把新镜像共享给谁"),
	}
}

func keyPermissions() []cloud.Permission {
	return []cloud.Permission{
		allow(featureScan, "kms:DescribeKey", "tell AWS's own keys, which can't be shared, from yours", "区分无法共享的 AWS 托管密钥与您自己的密钥"),
		allow(featureScan, "kms:GetKeyPolicy", "see who may decrypt a shared copy", "查看谁能解密被共享的副本"),
		allow(featureScan, "kms:ListGrants", "see who was granted the use of a key", "查看密钥授权给了谁"),
	}
}

func contentPermissions() []cloud.Permission {
	return []cloud.Permission{
		allow(featureContent, "ebs:ListSnapshotBlocks", "list which blocks of a snapshot hold data", "列出快照中哪些块存有数据"),
		allow(featureContent, "ebs:ListChangedBlocks", "list which blocks changed since an earlier snapshot", "列出自较早快照以来发生变化的块"),
		allow(featureContent, "ebs:GetSnapshotBlock", "read blocks of a snapshot", "读取快照的数据块"),
		allow(featureContent, "ec2:DescribeImages", "find the root snapshot of an AMI", "找到 AMI 的根快照"),
		allow(featureContent, "ec2:DescribeSnapshots", "tell why a snapshot's blocks are refused", "说明快照的数据块为何被拒绝读取"),
		allow(featureContent, "ec2:DescribeSnapshotAttribute", "tell whether blocks are refused because the snapshot is public", "判断数据块是否因快照公开而被拒绝"),
		allow(featureContent, "sts:GetAccessKeyInfo", "tell which account a key on a disk belongs to", "判断磁盘上的访问密钥属于哪个账号"),
		allow(featureContent, "iam:GetAccessKeyLastUsed", "tell whose key it is and when it was last used", "查看该密钥属于哪个用户、最近何时使用"),
		allow(featureContent, "iam:ListAccessKeys", "tell whether the key is active", "查看该密钥是否仍然有效"),
		allow(featureContent, "kms:Decrypt", "read blocks of encrypted snapshots (AWS decrypts them with the caller's right)", "读取加密快照的数据块(AWS 以调用者的权限解密)"),
	}
}

func organizationPermissions() []cloud.Permission {
	return []cloud.Permission{
		allow(featureOrganization, "organizations:DescribeOrganization", "know which organization the account belongs to", "了解账号属于哪个组织"),
		allow(featureOrganization, "organizations:ListAccounts", "know which accounts are your own", "了解哪些账号属于自己"),
		allow(featureOrganization, "organizations:ListRoots", "read the tree of organizational units", "读取组织单元的层级结构"),
		allow(featureOrganization, "organizations:ListOrganizationalUnitsForParent", "read the tree of organizational units", "读取组织单元的层级结构"),
		allow(featureOrganization, "organizations:ListAccountsForParent", "know which unit each account is in", "了解每个账号所在的组织单元"),
		allow(featureOrganization, "sts:AssumeRole", "enter the other accounts by the role that you name", "通过您指定的角色进入其他账号"),
	}
}

type policyDoc struct {
	Version   string
	Statement []policyStatement
}

type policyStatement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource string
}

// Policy writes the least-privilege IAM policy for the features: scan, content,
// organization; all of them when there are none. Narrow the resource of
// sts:AssumeRole to the role that you name.
func (c *Collector) Policy(features ...string) ([]byte, error) {
	byFeature := make(map[string][]string)
	for _, p := range c.Permissions() {
		byFeature[p.Feature] = append(byFeature[p.Feature], p.Action)
	}
	if len(features) == 0 {
		features = slices.Sorted(maps.Keys(byFeature))
	}
	doc := policyDoc{Version: "2012-10-17"}
	for _, f := range unique(features) {
		actions, ok := byFeature[f]
		if !ok {
			return nil, fmt.Errorf("feature %q: want one of %s", f, strings.Join(slices.Sorted(maps.Keys(byFeature)), ", "))
		}
		slices.Sort(actions)
		doc.Statement = append(doc.Statement, policyStatement{
			Sid: "Lenscap" + strings.ToUpper(f[:1]) + f[1:], Effect: "Allow", Action: slices.Compact(actions), Resource: "*",
		})
	}
	return json.MarshalIndent(doc, "", "  ")
}
