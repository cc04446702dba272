package report_test

import (
	"strings"
	"time"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/rules"
)

const (
	prod    = "111122223333"
	sandbox = "444455556666"
	outside = "999900001111"
)

// world makes findings with their rules.
type world struct {
	now   time.Time
	rules map[string]*rules.Rule
}

func (b world) ref(kind lenscap.Kind, id string) lenscap.Ref {
	return lenscap.Ref{Provider: "aws", Account: prod, Region: "us-east-1", Kind: kind, ID: id}
}

func (b world) proof(call, field, value string) lenscap.Proof {
	return lenscap.Proof{Call: call, Field: field, Value: value, At: b.now.Add(-30 * time.Second)}
}

func (b world) denied() lenscap.Gap {
	return lenscap.Gap{
		Provider: "aws", Account: sandbox, Region: "eu-west-1", Kinds: []lenscap.Kind{lenscap.KindDiskSnapshot},
		Aspect: lenscap.AspectAssets, Cause: lenscap.CauseDenied, Call: "ec2:DescribeSnapshots",
		Message: "UnauthorizedOperation: You are not authorized to perform this operation.",
	}
}

func (b world) finding(id string, r *rules.Rule, ref lenscap.Ref, name string, sev lenscap.Severity, v lenscap.Verdict, days int) lenscap.Finding {
	b.rules[r.ID] = r
	since := b.now.Add(-time.Duration(days) * 24 * time.Hour)
	return lenscap.Finding{
		ID: id, Rule: r.ID, Severity: sev, Status: lenscap.StatusOpen, FirstSeen: since, LastSeen: b.now,
		Asset:    lenscap.Asset{Ref: ref, Name: name, Size: 8 << 30, Encryption: lenscap.Encryption{Encrypted: lenscap.No}},
		Exposure: lenscap.Exposure{Asset: ref, Verdict: v, Class: r.Class, Cause: r.Cause, Since: since},
		Reasons:  []lenscap.Text{r.Severity.Reason},
	}
}

func (b world) publicSnapshot() lenscap.Finding {
	r := &rules.Rule{
		ID: "public-snapshot", Class: lenscap.ClassDirect, Cause: lenscap.RootPublicAccess,
		Title:    lenscap.Text{En: "A disk snapshot is public", Zh: "磁盘快照对所有人公开"},
		Text:     lenscap.Text{En: "Every customer of the cloud can make a disk of this snapshot and read all that was ever written to it, deleted files included.", Zh: "该云的任何客户都能用此快照创建磁盘并读取其中写入过的全部内容，包括已删除的文件。"},
		Reason:   lenscap.Text{En: "Crawlers list public snapshots around the clock; a copy that was made stays with the stranger after the snapshot is closed.", Zh: "有人全天候搜寻公开快照；一旦被复制，即使关闭公开也收不回副本。"},
		Remedy:   lenscap.Text{En: "Remove the group “all” from the snapshot's permissions, turn on block public access in the region, and change every secret that was on the disk.", Zh: "从快照权限中移除 all 组，在该地域开启阻止公开访问，并更换盘上的所有密钥和口令。"},
		Severity: rules.Severity{Base: lenscap.SeverityCritical, Reason: lenscap.Text{En: "readable by everyone, and keys are on the disk", Zh: "任何人可读，且盘上存有密钥"}},
		Mappings: rules.Mappings{NIST: []string{"AC-3", "AC-21"}, PCI: []string{"1.4.4"}, ATTACK: []string{"T1530", "T1578.001"}, MLPS: []string{"8.1.4.2"}},
	}
	f := b.finding("5f0c9a1be2d34471", r, b.ref(lenscap.KindDiskSnapshot, "snap-0a1b2c3d4e5f60718"), "web-1 nightly", lenscap.SeverityCritical, lenscap.VerdictLivePublic, 214)
	f.Exposure.Readable = lenscap.Yes
	f.Exposure.Reaches = []lenscap.Reach{{
		Grant: lenscap.Grant{
			Principal: lenscap.Principal{Type: lenscap.AnyCustomer}, Allows: []lenscap.Access{lenscap.AccessRead, lenscap.AccessCopy},
			Path: lenscap.PathACL, Proof: b.proof("ec2:DescribeSnapshotAttribute", "CreateVolumePermissions[0].Group", "all"),
		},
		Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes,
		Why: []lenscap.Text{{En: "the snapshot is not encrypted, so no key is needed", Zh: "快照未加密，无需密钥"}, {En: "block public access is off in us-east-1", Zh: "us-east-1 未开启阻止公开访问"}},
	}}
	twin := b.ref(lenscap.KindDiskSnapshot, "snap-0f9e8d7c6b5a40312")
	f.Evidence = &lenscap.Evidence{
		Asset: f.Asset.Ref, At: b.now, ReadFrom: &twin, Size: 8 << 30, BytesRead: 171 << 20, Files: 41207, FilesRead: 386,
		Profile: &lenscap.Profile{OS: "Debian GNU/Linux 12 (bookworm)", Hostname: "web-1", Class: []string{"os_image", "application_image"}},
		Volumes: []lenscap.Volume{{Name: "p1", Type: "ext4", Size: 8 << 30, State: "read"}, {Name: "p2", Type: "luks", Size: 2 << 30, State: "encrypted"}, {Name: "p3", Type: "blank", Size: 1 << 30, State: "blank"}},
		Items: []lenscap.Item{
			b.item("password_hash", lenscap.SeverityMedium, lenscap.Text{En: "password hash", Zh: "口令哈希"}, "/etc/shadow", 1, "", "root, yescrypt"),
			b.item("private_key", lenscap.SeverityCritical, lenscap.Text{En: "private key", Zh: "私钥"}, "/root/.ssh/id_ed25519", 1, "", "OpenSSH, not encrypted"),
			b.item("aws_access_key", lenscap.SeverityCritical, lenscap.Text{En: "AWS access key", Zh: "AWS 访问密钥"}, "/home/deploy/.aws/credentials", 2, "AKIA", ""),
			b.item("database_url", lenscap.SeverityHigh, lenscap.Text{En: "database address with password", Zh: "含口令的数据库地址"}, "/srv/商城/.env", 14, "", "postgres, host db.internal"),
		},
		Gaps: []lenscap.Gap{{Aspect: lenscap.AspectContent, Cause: lenscap.CauseUnsupported, Asset: f.Asset.Ref.ID, Message: "volume p2 is encrypted"}},
	}
	return f
}

func (b world) item(typ string, sev lenscap.Severity, title lenscap.Text, path string, line int, hint, detail string) lenscap.Item {
	return lenscap.Item{
		Type: typ, Class: lenscap.ItemSecret, Severity: sev, Title: title, Volume: "p1", Path: path, Line: line, Hint: hint, Detail: detail,
		Length: 40, Fingerprint: strings.Repeat("9c", 32),
	}
}

func (b world) sharedImage() lenscap.Finding {
	r := &rules.Rule{
		ID: "shared-image", Class: lenscap.ClassPrivilege, Cause: lenscap.RootCrossAccount,
		Title:    lenscap.Text{En: "A machine image is shared with a stranger", Zh: "机器镜像共享给了陌生账号"},
		Text:     lenscap.Text{En: "An account outside the organization and the trusted list can boot this image and read its disks.", Zh: "组织和受信名单之外的账号可以启动此镜像并读取其磁盘。"},
		Reason:   lenscap.Text{En: "A share outlives the reason for which it was given.", Zh: "共享往往比当初的理由存续得更久。"},
		Remedy:   lenscap.Text{En: "Remove the account from the launch permissions, or add it to the trusted list.", Zh: "从启动权限中移除该账号，或将其加入受信名单。"},
		Severity: rules.Severity{Base: lenscap.SeverityHigh, Reason: lenscap.Text{En: "an account that nobody vouches for can boot it", Zh: "无人担保的账号可以启动它"}},
		Mappings: rules.Mappings{NIST: []string{"AC-3"}, ATTACK: []string{"T1537"}},
	}
	f := b.finding("a41d7be0093c5f12", r, b.ref(lenscap.KindMachineImage, "ami-0c55b159cbfafe1f0"), "golden-base-2024", lenscap.SeverityHigh, lenscap.VerdictUntrustedShare, 61)
	f.Exposure.Readable = lenscap.Yes
	f.Exposure.Reaches = []lenscap.Reach{{
		Grant: lenscap.Grant{
			Principal: lenscap.Principal{Type: lenscap.Account, ID: outside}, Allows: []lenscap.Access{lenscap.AccessLaunch},
			Path: lenscap.PathACL, Proof: b.proof("ec2:DescribeImageAttribute", "LaunchPermissions[1].UserId", outside),
		},
		Verdict: lenscap.VerdictUntrustedShare, Readable: lenscap.Yes,
		Why: []lenscap.Text{{En: "the account belongs neither to the organization nor to the trusted list", Zh: "该账号既不属于组织，也不在受信名单中"}},
	}}
	return f
}

func (b world) publicDatabase() lenscap.Finding {
	r := &rules.Rule{
		ID: "public-database-snapshot", Class: lenscap.ClassDirect, Cause: lenscap.RootPublicAccess,
		Title:    lenscap.Text{En: "A database snapshot is public", Zh: "数据库快照对所有人公开"},
		Text:     lenscap.Text{En: "Every customer of the cloud can restore the database with all its rows.", Zh: "该云的任何客户都能还原整个数据库。"},
		Reason:   lenscap.Text{En: "It holds all rows, without the application's access control.", Zh: "它包含全部数据，且不受应用访问控制的保护。"},
		Remedy:   lenscap.Text{En: "Remove “all” from the restore attribute.", Zh: "从 restore 属性中移除 all。"},
		Severity: rules.Severity{Base: lenscap.SeverityCritical, Reason: lenscap.Text{En: "a whole database is open to everyone", Zh: "整个数据库对所有人开放"}},
	}
	f := b.finding("c77e20d1586ba934", r, b.ref(lenscap.KindDatabaseSnapshot, "rds:orders-before-migration"), "", lenscap.SeverityCritical, lenscap.VerdictLivePublic, 9)
	f.Exposure.Readable = lenscap.Yes
	f.Exposure.Reaches = []lenscap.Reach{{
		Grant: lenscap.Grant{
			Principal: lenscap.Principal{Type: lenscap.AnyCustomer}, Allows: []lenscap.Access{lenscap.AccessRead},
			Path: lenscap.PathACL, Proof: b.proof("rds:DescribeDBSnapshotAttributes", "restore", "all"),
		},
		Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes,
	}}
	return f
}

func (b world) residual() lenscap.Finding {
	r := &rules.Rule{
		ID: "residual-volume-gone", Class: lenscap.ClassPrivilege, Cause: lenscap.RootResidual,
		Title:    lenscap.Text{En: "A snapshot outlived its volume", Zh: "快照的源卷已删除"},
		Text:     lenscap.Text{En: "The volume is gone and no plan owns the snapshot.", Zh: "源卷已不存在，也没有任何计划管理此快照。"},
		Reason:   lenscap.Text{En: "Data that nobody remembers is guarded by nobody.", Zh: "无人记得的数据也无人看管。"},
		Remedy:   lenscap.Text{En: "Delete it, or put it under a backup plan.", Zh: "删除它，或将其纳入备份计划。"},
		Severity: rules.Severity{Base: lenscap.SeverityLow, Reason: lenscap.Text{En: "private, but left behind", Zh: "私有，但属于残留"}},
	}
	f := b.finding("08b6f3aa91e7d250", r, b.ref(lenscap.KindDiskSnapshot, "snap-00deadbeef0012345"), "", lenscap.SeverityLow, lenscap.VerdictPrivate, 733)
	gone := b.proof("ec2:DescribeVolumes", "", "InvalidVolume.NotFound")
	f.Exposure.Residues = []lenscap.Residue{{Kind: lenscap.ResidueVolumeGone, Of: b.ref(lenscap.KindVolume, "vol-049df61146c4d7901"), Proof: &gone}}
	f.Asset.Cost = &lenscap.Cost{Monthly: 4.2, Currency: "USD", Basis: "84 GiB at 0.05"}
	return f
}

func (b world) unknown() lenscap.Finding {
	r := &rules.Rule{
		ID: "unencrypted-snapshot", Cause: "",
		Title:    lenscap.Text{En: "A snapshot is not encrypted", Zh: "快照未加密"},
		Text:     lenscap.Text{En: "Whoever is let in reads it without a key.", Zh: "获准访问者无需密钥即可读取。"},
		Reason:   lenscap.Text{En: "Encryption is the second lock.", Zh: "加密是第二道锁。"},
		Remedy:   lenscap.Text{En: "Copy it with a key of your own and delete the original.", Zh: "用自己的密钥复制一份，然后删除原件。"},
		Severity: rules.Severity{Base: lenscap.SeverityMedium, Reason: lenscap.Text{En: "its shares could not be read", Zh: "未能读取其共享情况"}},
	}
	f := b.finding("e3155c88d0427bf6", r, b.ref(lenscap.KindDiskSnapshot, "snap-0b00000000000cafe"), "jump host", lenscap.SeverityMedium, lenscap.VerdictUnknown, 20)
	gap := lenscap.Gap{
		Provider: "aws", Account: prod, Region: "us-east-1", Asset: f.Asset.Ref.ID, Aspect: lenscap.AspectGrants, Cause: lenscap.CauseThrottled,
		Call: "ec2:DescribeSnapshotAttribute", Message: "RequestLimitExceeded",
	}
	f.Asset.Gaps, f.Exposure.Gaps, f.Unconfirmed = []lenscap.Gap{gap}, []lenscap.Gap{gap}, []lenscap.Gap{gap}
	return f
}

func (b world) muted() lenscap.Finding {
	f := b.sharedImage()
	f.ID, f.Asset.Name, f.Status = "f00d5c88d0427bf6", "vendor appliance", lenscap.StatusMuted
	f.Asset.Ref = b.ref(lenscap.KindMachineImage, "ami-0d4e7a1f3b2c5d6e7")
	f.Exposure.Asset = f.Asset.Ref
	f.Mute = &lenscap.Mute{Reason: "the vendor supports it under contract 4711", By: "ops", At: b.now, Until: b.now.Add(90 * 24 * time.Hour)}
	return f
}
