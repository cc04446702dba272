package aws

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
)

// The account that the fake serves. Ids say what the asset is for.
const (
	self      = "111122223333"
	outsider  = "999900001111"
	ownKey    = "arn:aws:kms:us-east-1:111122223333:key/own"
	awsKey    = "arn:aws:kms:us-east-1:111122223333:key/aws"
	strayKey  = "arn:aws:kms:us-east-1:999900001111:key/stray"
	snapOwn   = "snap-0a0a0a0a"
	snapOpen  = "snap-0b0b0b0b" // public, its volume gone
	snapGiven = "snap-0c0c0c0c" // shared with the outsider, under ownKey
	snapSafe  = "snap-0d0d0d0d" // under awsKey
	snapBin   = "snap-0e0e0e0e"
	snapImage = "snap-0f0f0f0f" // behind imageOpen
	imageOwn  = "ami-0a0a0a0a"
	imageOpen = "ami-0b0b0b0b"
)

// goodAnswers is all that the fake answers. A file of another service adds its
// own function to this list.
func goodAnswers() map[string]answer {
	all := make(map[string]answer)
	for _, more := range []map[string]answer{globalAnswers(), guardAnswers(), computeAnswers(), snapshotAnswers(), kmsAnswers(), ebsAnswers(), managedAnswers()} {
		maps.Copy(all, more)
	}
	return all
}

// restRoutes names operations by method and path.
func restRoutes() []restRoute {
	return append([]restRoute{
		{"ebs", http.MethodGet, regexp.MustCompile(`^/snapshots/[^/]+/blocks$`), "ListSnapshotBlocks"},
		{"ebs", http.MethodGet, regexp.MustCompile(`^/snapshots/[^/]+/blocks/\d+$`), "GetSnapshotBlock"},
		{"ebs", http.MethodGet, regexp.MustCompile(`^/snapshots/[^/]+/changedblocks$`), "ListChangedBlocks"},
	}, managedRoutes()...)
}

// ec2Body wraps an answer of EC2, with the page token that the fault asks for.
func ec2Body(op, inner string) answer {
	return func(q *query) string {
		next := ""
		if q.next != "" {
			next = "<nextToken>" + q.next + "</nextToken>"
		}
		return fmt.Sprintf(`<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>%s%s</%sResponse>`, op, inner, next, op)
	}
}

// jsonBody adds the page token under its name to a JSON answer.
func jsonBody(body, token string) answer {
	return func(q *query) string {
		if q.next != "" && token != "" {
			return strings.TrimSuffix(body, "}") + `,"` + token + `":"` + q.next + `"}`
		}
		return body
	}
}

func globalAnswers() map[string]answer {
	return map[string]answer{
		"sts:GetCallerIdentity": func(*query) string {
			return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::` + self +
				`:user/u</Arn><UserId>AIDA</UserId><Account>` + self + `</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
		},
		"ec2:DescribeRegions": ec2Body("DescribeRegions", `<regionInfo>
			<item><regionName>us-east-1</regionName><optInStatus>opt-in-not-required</optInStatus></item>
			<item><regionName>af-south-1</regionName><optInStatus>not-opted-in</optInStatus></item></regionInfo>`),
		"organizations:DescribeOrganization": jsonBody(`{"Organization":{"Id":"o-a1","MasterAccountId":"`+self+`"}}`, ""),
		"organizations:ListAccounts":         jsonBody(`{"Accounts":[{"Id":"`+self+`","Name":"main","Status":"ACTIVE"},{"Id":"444455556666","Name":"old","Status":"SUSPENDED"}]}`, "NextToken"),
		"organizations:ListRoots":            jsonBody(`{"Roots":[{"Id":"r-b2"}]}`, "NextToken"),
		"organizations:ListOrganizationalUnitsForParent": func(q *query) string {
			if strings.Contains(q.text(), "r-b2") {
				return jsonBody(`{"OrganizationalUnits":[{"Id":"ou-b2-c3"}]}`, "NextToken")(q)
			}
			return jsonBody(`{"OrganizationalUnits":[]}`, "NextToken")(q)
		},
		"organizations:ListAccountsForParent": func(q *query) string {
			if strings.Contains(q.text(), "ou-b2-c3") {
				return jsonBody(`{"Accounts":[{"Id":"`+self+`"}]}`, "NextToken")(q)
			}
			return jsonBody(`{"Accounts":[{"Id":"444455556666"}]}`, "NextToken")(q)
		},
	}
}

// text reads the body of a request.
func (q *query) text() string {
	if q.body == "" {
		b, _ := io.ReadAll(io.LimitReader(q.Body, 1<<20))
		q.body = string(b)
	}
	return q.body
}

func guardAnswers() map[string]answer {
	return map[string]answer{
		"ec2:GetSnapshotBlockPublicAccessState": ec2Body("GetSnapshotBlockPublicAccessState", `<state>unblocked</state><managedBy>account</managedBy>`),
		"ec2:GetImageBlockPublicAccessState":    ec2Body("GetImageBlockPublicAccessState", `<imageBlockPublicAccessState>block-new-sharing</imageBlockPublicAccessState>`),
		"ec2:GetEbsEncryptionByDefault":         ec2Body("GetEbsEncryptionByDefault", `<ebsEncryptionByDefault>true</ebsEncryptionByDefault>`),
		"ec2:GetEbsDefaultKmsKeyId":             ec2Body("GetEbsDefaultKmsKeyId", `<kmsKeyId>alias/aws/ebs</kmsKeyId>`),
		"ec2:GetAllowedImagesSettings":          ec2Body("GetAllowedImagesSettings", `<state>disabled</state>`),
		"ec2:DescribeLockedSnapshots":           ec2Body("DescribeLockedSnapshots", `<snapshotSet><item><ownerId>`+self+`</ownerId><snapshotId>`+snapOwn+`</snapshotId><lockState>compliance</lockState></item></snapshotSet>`),
	}
}

func computeAnswers() map[string]answer {
	disk := func(snap string) string {
		return `<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>` + snap + `</snapshotId><volumeSize>8</volumeSize><encrypted>false</encrypted></ebs></item></blockDeviceMapping>`
	}
	return map[string]answer{
		"ec2:DescribeVolumes": ec2Body("DescribeVolumes", `<volumeSet><item><volumeId>vol-0a0a0a0a</volumeId><size>8</size><status>in-use</status><encrypted>false</encrypted>
			<attachmentSet><item><instanceId>i-0a0a0a0a</instanceId></item></attachmentSet></item></volumeSet>`),
		"ec2:DescribeInstances": ec2Body("DescribeInstances", `<reservationSet><item><instancesSet>
			<item><instanceId>i-0a0a0a0a</instanceId><imageId>`+imageOwn+`</imageId><instanceState><code>16</code><name>running</name></instanceState></item>
			<item><instanceId>i-0b0b0b0b</instanceId><imageId>`+imageOwn+`</imageId><instanceState><code>48</code><name>terminated</name></instanceState></item>
			</instancesSet></item></reservationSet>`),
		"ec2:DescribeImages": ec2Body("DescribeImages", `<imagesSet>
			<item><imageId>`+imageOwn+`</imageId><imageOwnerId>`+self+`</imageOwnerId><name>own</name><imageState>available</imageState><isPublic>false</isPublic><creationDate>2026-01-01T00:00:00.000Z</creationDate>`+disk("snap-00000001")+`</item>
			<item><imageId>`+imageOpen+`</imageId><imageOwnerId>`+self+`</imageOwnerId><name>open</name><imageState>available</imageState><isPublic>true</isPublic><creationDate>2026-01-01T00:00:00.000Z</creationDate><sourceInstanceId>i-0b0b0b0b</sourceInstanceId><rootDeviceName>/dev/xvda</rootDeviceName>`+disk(snapImage)+`</item>
			<item><imageId>ami-0f0f0f0f</imageId><imageOwnerId>`+outsider+`</imageOwnerId><isPublic>true</isPublic></item></imagesSet>`),
		"ec2:DescribeImageAttribute": func(q *query) string {
			perms := `<item><userId>` + outsider + `</userId></item><item><organizationArn>arn:aws:organizations::` + self + `:organization/o-a1</organizationArn></item>`
			if q.Form.Get("ImageId") == imageOpen {
				perms = `<item><group>all</group></item>`
			}
			return ec2Body("DescribeImageAttribute", `<imageId>`+q.Form.Get("ImageId")+`</imageId><launchPermission>`+perms+`</launchPermission>`)(q)
		},
		"ec2:ListImagesInRecycleBin":     ec2Body("ListImagesInRecycleBin", `<imageSet><item><imageId>ami-0e0e0e0e</imageId></item></imageSet>`),
		"ec2:DescribeFpgaImages":         ec2Body("DescribeFpgaImages", `<fpgaImageSet><item><fpgaImageId>afi-0a0a0a0a</fpgaImageId><ownerId>`+self+`</ownerId><public>false</public></item></fpgaImageSet>`),
		"ec2:DescribeFpgaImageAttribute": ec2Body("DescribeFpgaImageAttribute", `<fpgaImageAttribute><fpgaImageId>afi-0a0a0a0a</fpgaImageId><loadPermissions><item><userId>`+outsider+`</userId></item></loadPermissions></fpgaImageAttribute>`),
		"ec2:ListSnapshotsInRecycleBin":  ec2Body("ListSnapshotsInRecycleBin", `<snapshotSet><item><snapshotId>`+snapBin+`</snapshotId><volumeId>vol-0b0b0b0b</volumeId></item></snapshotSet>`),
	}
}

func snapshotItem(id, volume, more string) string {
	return `<item><snapshotId>` + id + `</snapshotId><ownerId>` + self + `</ownerId><status>completed</status><volumeSize>8</volumeSize><volumeId>` +
		volume + `</volumeId><startTime>2026-01-01T00:00:00.000Z</startTime>` + more + `</item>`
}

func snapshotAnswers() map[string]answer {
	clear := `<encrypted>false</encrypted>`
	return map[string]answer{
		"ec2:DescribeSnapshots": ec2Body("DescribeSnapshots", `<snapshotSet>`+
			snapshotItem(snapOwn, "vol-0a0a0a0a", clear+`<fullSnapshotSizeInBytes>1073741824</fullSnapshotSizeInBytes>`)+
			snapshotItem(snapOpen, "vol-0b0b0b0b", clear)+
			snapshotItem(snapGiven, "vol-ffffffff", `<encrypted>true</encrypted><kmsKeyId>`+ownKey+`</kmsKeyId><description>[Copied snap-01010101 from eu-west-1] x</description>`)+
			snapshotItem(snapSafe, "vol-0a0a0a0a", `<encrypted>true</encrypted><kmsKeyId>`+awsKey+`</kmsKeyId>`)+
			snapshotItem(snapImage, "vol-0b0b0b0b", `<encrypted>true</encrypted><kmsKeyId>`+strayKey+`</kmsKeyId><description>Created by CreateImage(i-0b0b0b0b) for `+imageOpen+`</description>`)+
			`</snapshotSet>`),
		"ec2:DescribeSnapshots#public": ec2Body("DescribeSnapshots", `<snapshotSet>`+snapshotItem(snapOpen, "vol-0b0b0b0b", clear)+
			`<item><snapshotId>snap-09090909</snapshotId><ownerId>`+outsider+`</ownerId></item></snapshotSet>`),
		"ec2:DescribeSnapshotAttribute": func(q *query) string {
			id, perms := q.Form.Get("SnapshotId"), ""
			switch id {
			case snapOpen:
				perms = `<item><group>all</group></item>`
			case snapGiven:
				perms = `<item><userId>` + outsider + `</userId></item>`
			}
			return ec2Body("DescribeSnapshotAttribute", `<snapshotId>`+id+`</snapshotId><createVolumePermission>`+perms+`</createVolumePermission>`)(q)
		},
	}
}

func kmsAnswers() map[string]answer {
	return map[string]answer{
		"kms:DescribeKey": func(q *query) string {
			id, manager, account := "own", "CUSTOMER", self
			switch body := q.text(); {
			case strings.Contains(body, "key/aws"):
				id, manager = "aws", "AWS"
			case strings.Contains(body, "key/stray"):
				id, account = "stray", outsider
			}
			return fmt.Sprintf(`{"KeyMetadata":{"KeyId":%q,"Arn":"arn:aws:kms:us-east-1:%s:key/%s","AWSAccountId":%q,"KeyManager":%q,"KeyState":"Enabled"}}`, id, account, id, account, manager)
		},
		"kms:GetKeyPolicy": jsonBody(`{"Policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::`+outsider+`:root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}]}"}`, ""),
		"kms:ListGrants": func(q *query) string {
			truncated := `"Truncated":false`
			if q.next != "" {
				truncated = `"Truncated":true,"NextMarker":"` + q.next + `"`
			}
			return `{"Grants":[{"GrantId":"g1","GranteePrincipal":"arn:aws:iam::` + outsider + `:role/reader","Operations":["Decrypt"]}],` + truncated + `}`
		},
	}
}
