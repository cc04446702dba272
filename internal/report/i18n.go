package report

import (
	"strings"

	"github.com/lenscap/lenscap"
)

func tx(en, zh string) lenscap.Text { return lenscap.Text{En: en, Zh: zh} }

// word gives a text for a term of the model, the term itself when there is none.
func word[T ~string](table map[T]lenscap.Text, v T) lenscap.Text {
	if t, ok := table[v]; ok {
		return t
	}
	s := strings.ReplaceAll(string(v), "_", " ")
	return tx(s, s)
}

var severities = map[lenscap.Severity]lenscap.Text{
	lenscap.SeverityCritical: tx("critical", "严重"),
	lenscap.SeverityHigh:     tx("high", "高"),
	lenscap.SeverityMedium:   tx("medium", "中"),
	lenscap.SeverityLow:      tx("low", "低"),
	lenscap.SeverityInfo:     tx("info", "提示"),
	lenscap.SeverityNone:     tx("none", "无"),
}

// SeverityText names a severity for people.
func SeverityText(s lenscap.Severity) lenscap.Text { return severities[s] }

var verdicts = map[lenscap.Verdict]lenscap.Text{
	lenscap.VerdictLivePublic:     tx("public", "公开"),
	lenscap.VerdictLinkExposed:    tx("open by link", "凭链接可读"),
	lenscap.VerdictUntrustedShare: tx("shared with a stranger", "共享给陌生方"),
	lenscap.VerdictLatentPublic:   tx("public, held back", "公开但被拦住"),
	lenscap.VerdictUnknown:        tx("could not tell", "无法判断"),
	lenscap.VerdictOrgShare:       tx("shared in the organization", "组织内共享"),
	lenscap.VerdictTrusted:        tx("shared with trusted", "共享给受信方"),
	lenscap.VerdictPrivate:        tx("private", "私有"),
}

// VerdictText names a verdict for people.
func VerdictText(v lenscap.Verdict) lenscap.Text { return word(verdicts, v) }

var kinds = map[lenscap.Kind]lenscap.Text{
	lenscap.KindVolume:           tx("volume", "卷"),
	lenscap.KindDiskSnapshot:     tx("disk snapshot", "磁盘快照"),
	lenscap.KindMachineImage:     tx("machine image", "机器镜像"),
	lenscap.KindFPGAImage:        tx("FPGA image", "FPGA 镜像"),
	lenscap.KindDatabaseSnapshot: tx("database snapshot", "数据库快照"),
	lenscap.KindBackup:           tx("backup", "备份"),
	lenscap.KindBackupVault:      tx("backup vault", "备份保管库"),
	lenscap.KindDiskObject:       tx("exported disk", "导出的磁盘"),
	lenscap.KindSharePolicy:      tx("standing share policy", "常设共享策略"),
	lenscap.KindInstance:         tx("instance", "实例"),
	lenscap.KindKey:              tx("key", "密钥"),
	lenscap.KindAccount:          tx("account settings", "账号设置"),
}

// KindText names a kind of asset for people.
func KindText(k lenscap.Kind) lenscap.Text { return word(kinds, k) }

var classes = map[lenscap.Class]lenscap.Text{
	lenscap.ClassDirect:    tx("direct", "直接泄露"),
	lenscap.ClassIndirect:  tx("indirect", "间接泄露"),
	lenscap.ClassPrivilege: tx("abuse of rights", "权限滥用"),
}

// ClassText names a class of leak for people.
func ClassText(c lenscap.Class) lenscap.Text { return word(classes, c) }

var rootCauses = map[lenscap.RootCause]lenscap.Text{
	lenscap.RootPublicAccess: tx("public access", "公共访问权限"),
	lenscap.RootShareLink:    tx("share link", "共享链接泄露"),
	lenscap.RootCrossAccount: tx("cross-account share", "跨账户访问"),
	lenscap.RootResidual:     tx("residual data", "残留数据"),
	lenscap.RootPrivilege:    tx("privilege", "权限"),
}

// RootCauseText names a cause of exposure for people.
func RootCauseText(c lenscap.RootCause) lenscap.Text { return word(rootCauses, c) }

var causes = map[lenscap.Cause]lenscap.Text{
	lenscap.CauseDenied:      tx("denied", "被拒绝"),
	lenscap.CauseThrottled:   tx("throttled", "被限流"),
	lenscap.CauseTimeout:     tx("timed out", "超时"),
	lenscap.CauseTruncated:   tx("truncated", "被截断"),
	lenscap.CauseMalformed:   tx("answer not understood", "应答无法解析"),
	lenscap.CauseUnsupported: tx("not supported", "不支持"),
	lenscap.CauseDisabled:    tx("region disabled", "地域未启用"),
	lenscap.CauseVanished:    tx("vanished meanwhile", "读取期间消失"),
	lenscap.CauseNetwork:     tx("network", "网络错误"),
	lenscap.CauseStale:       tx("read too long ago", "读取时间过旧"),
	lenscap.CauseNotRead:     tx("not read", "未读取"),
	lenscap.CauseError:       tx("error", "错误"),
}

// CauseText names the cause of a gap for people.
func CauseText(c lenscap.Cause) lenscap.Text { return word(causes, c) }

var aspects = map[lenscap.Aspect]lenscap.Text{
	lenscap.AspectAssets:  tx("assets", "资产"),
	lenscap.AspectGrants:  tx("grants", "授权"),
	lenscap.AspectGuards:  tx("guards", "防护设置"),
	lenscap.AspectKeys:    tx("keys", "密钥"),
	lenscap.AspectLineage: tx("lineage", "来源"),
	lenscap.AspectContent: tx("content", "磁盘内容"),
	lenscap.AspectTrust:   tx("organization", "组织成员"),
}

// AspectText names what a gap hides for people.
func AspectText(a lenscap.Aspect) lenscap.Text { return word(aspects, a) }

var paths = map[lenscap.Path]lenscap.Text{
	lenscap.PathACL:      tx("its own permission list", "自身的权限列表"),
	lenscap.PathPolicy:   tx("a resource policy", "资源策略"),
	lenscap.PathLink:     tx("a link", "链接"),
	lenscap.PathShare:    tx("a resource share", "资源共享"),
	lenscap.PathKey:      tx("a key", "密钥"),
	lenscap.PathRole:     tx("a role", "角色"),
	lenscap.PathImage:    tx("the image it backs", "所属镜像"),
	lenscap.PathVault:    tx("its vault's policy", "保管库策略"),
	lenscap.PathSchedule: tx("a standing policy", "常设策略"),
	lenscap.PathNetwork:  tx("a network setting", "网络设置"),
}

// PathText names the way of a grant for people.
func PathText(p lenscap.Path) lenscap.Text { return word(paths, p) }

var residues = map[lenscap.ResidueKind]lenscap.Text{
	lenscap.ResidueVolumeGone:   tx("its volume is gone", "源卷已删除"),
	lenscap.ResidueInstanceGone: tx("its machine is gone", "源实例已终止"),
	lenscap.ResidueImageGone:    tx("its image was deregistered", "所属镜像已注销"),
	lenscap.ResidueNeverUsed:    tx("it was never used", "从未使用"),
	lenscap.ResidueCopyLeft:     tx("its original is gone", "原件已删除"),
}

// ResidueText names a reason to call an asset residual for people.
func ResidueText(r lenscap.ResidueKind) lenscap.Text { return word(residues, r) }

var guards = map[string]lenscap.Text{
	"snapshot_lock":                tx("snapshot lock", "快照锁定"),
	"allowed_images":               tx("allowed images setting", "允许的镜像设置"),
	"snapshot_block_public_access": tx("block public access for snapshots", "快照的阻止公开访问设置"),
	"image_block_public_access":    tx("block public access for images", "镜像的阻止公开访问设置"),
	"s3_public_access_block":       tx("the bucket's public access block", "存储桶的公开访问阻止设置"),
	"encryption_by_default":        tx("encryption by default", "默认加密"),
	"key":                          tx("a key they may not use", "对方无权使用的密钥"),
	"default_key":                  tx("a default key, which cannot be shared", "无法共享的默认密钥"),
}

// GuardText names what holds a reach back for people.
func GuardText(name string) lenscap.Text { return word(guards, name) }

// PrincipalText names somebody for people.
func PrincipalText(p lenscap.Principal) lenscap.Text {
	switch p.Type {
	case lenscap.Anyone:
		return tx("everyone on the Internet", "互联网上的任何人")
	case lenscap.AnyCustomer:
		return tx("every customer of the cloud", "该云的所有客户")
	case lenscap.Organization:
		return tx("organization "+p.ID, "组织 "+p.ID)
	case lenscap.OrgUnit:
		return tx("organizational unit "+p.ID, "组织单元 "+p.ID)
	case lenscap.Account:
		return tx("account "+p.ID, "账号 "+p.ID)
	case lenscap.LinkHolder:
		return tx("whoever holds the link", "任何持有链接者")
	}
	return tx(p.ID, p.ID)
}

// TriText says yes, no or could not tell.
func TriText(t lenscap.Tri) lenscap.Text {
	switch t {
	case lenscap.Yes:
		return tx("yes", "是")
	case lenscap.No:
		return tx("no", "否")
	}
	return tx("could not tell", "无法判断")
}

// The labels of reports.
var (
	lSeverity         = tx("Severity", "级别")
	lFinding          = tx("Finding", "发现")
	lAsset            = tx("Asset", "资产")
	lAccount          = tx("Account", "账号")
	lRegion           = tx("Region", "地域")
	lVerdict          = tx("Verdict", "判定")
	lSince            = tx("Since", "起始")
	lToday            = tx("today", "至今")
	lEarlier          = tx("%d earlier changes", "更早还有 %d 次变化")
	lOnDisk           = tx("On the disk", "盘上内容")
	lWhat             = tx("What", "内容")
	lCause            = tx("Cause", "原因")
	lCall             = tx("Call", "调用")
	lWhere            = tx("Where", "位置")
	lMessage          = tx("Message", "消息")
	lTimes            = tx("Times", "次数")
	lNotRead          = tx("Could not be read", "未能读取")
	lWho              = tx("Who can read it", "谁能读取")
	lWhy              = tx("Why this severity", "级别依据")
	lClose            = tx("How to close it", "如何关闭")
	lMatters          = tx("Why it matters", "为何重要")
	lProof            = tx("proof", "证据")
	lReadable         = tx("readable", "可读")
	lHeldBy           = tx("held back by", "被拦住于")
	lMappings         = tx("Controls", "合规映射")
	lMuted            = tx("muted", "已静默")
	lLeftOver         = tx("Left behind", "残留")
	lTitle            = tx("lenscap report", "lenscap 报告")
	lNothing          = tx("No findings.", "没有发现。")
	lNothingButUnread = tx("No findings in what could be read; the rest is unknown.", "在能读取的范围内没有发现；其余情况未知。")
	lUnfinished       = tx("The run did not finish: what it did not reach is unknown, not clean.", "本次运行没有完成：未到达的部分情况未知，不等于干净。")
	lPartialRun       = tx("The run was not complete: what it did not read is unknown, not clean.", "本次运行不完整：未读取的部分情况未知，不等于干净。")
	lSetting          = tx("a setting", "设置")
	lKindOf           = tx("Kind", "类型")
	lCreated          = tx("Created", "创建于")
	lSize             = tx("Size", "大小")
	lEncrypted        = tx("Encrypted", "已加密")
	lSeenLast         = tx("Last seen", "最近发现")
	lID               = tx("ID", "编号")
	lCount            = tx("Calls", "次数")
	lFailed           = tx("Failed", "失败")
	lRetried          = tx("Retried", "重试")
	lOpenFindings     = tx("Open findings: ", "未解决的发现：")
	lNAssets          = tx("%d assets", "共 %d 个资产")
	lNCalls           = tx("%d calls", "%d 次调用")
	lMonth            = tx("month", "月")
	lVia              = tx("through", "经由")
	lExpires          = tx("until", "有效期至")
	lCondition        = tx("narrowed by a condition that could not be resolved", "附有无法解析的限制条件")
	lSeen             = tx("first seen %s, last seen %s", "首次发现于 %s，最近发现于 %s")
	lUnconf           = tx("The last run could not confirm this finding; it stays open.", "最近一次运行未能确认此发现，因此保持未解决。")
	lNotShown         = tx("%d further findings are not told here, the worst are; use json, jsonl or csv for all.", "另有 %d 项发现未在此列出（已优先列出最严重的）；完整列表请用 json、jsonl 或 csv。")
	lClean            = tx("Everything asked for was read.", "要求读取的内容均已读取。")
	lIncompl          = tx("%d things could not be read: what they hide is unknown, not clean.", "有 %d 项未能读取：其中内容未知，不等于干净。")
	lResolved         = tx("resolved", "已解决")
	lReadFrom         = tx("read from a copy with the same bytes", "读取自内容相同的副本")
	lFiles            = tx("%d files, %d looked into, %s of %s read", "共 %d 个文件，检查 %d 个，读取 %s / %s")
	lMore             = tx("and %d more", "另有 %d 项")
	lAndMore          = tx("%s and %d more", "%s，另有 %d 项")
	lNoLook           = tx("nobody looked inside", "未检查内容")
	lNoItems          = tx("nothing that lenscap knows", "没有 lenscap 认识的敏感内容")
	lPartial          = tx("the look was not complete", "检查不完整")
	lGenerated        = tx("made by lenscap %s at %s", "由 lenscap %s 于 %s 生成")
)
