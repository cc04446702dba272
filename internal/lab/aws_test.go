package lab_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

const (
	publicSnapshot = "snap-0bad5eed00000001" // web's disk, public
	sharedSnapshot = "snap-0bad5eed00000002" // data's disk, shared with Outsider
)

func as(l *aws.Lab, account, region string) awssdk.Config {
	id, secret := l.Keys(account)
	return awssdk.Config{
		Region: region, BaseEndpoint: awssdk.String(l.Endpoint()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	}
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func TestSnapshotsArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	l, story := start(t, 1)
	client := ec2.NewFromConfig(as(l, lab.Production, lab.EastRegion))
	var got, want []string
	pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, MaxResults: awssdk.Int32(100)})
	n := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n++
		for i := range page.Snapshots {
			got = append(got, *page.Snapshots[i].SnapshotId)
		}
	}
	recycled := 0
	for _, e := range story.Expected() {
		if e.Ref.Account == lab.Production && e.Ref.Region == lab.EastRegion && e.Ref.Kind == lenscap.KindDiskSnapshot {
			if e.Why == "in the recycle bin" {
				recycled++
				continue
			}
			want = append(want, e.Ref.ID)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || n < 2 {
		t.Errorf("%d snapshots on %d pages, want %d on several", len(got), n, len(want))
	}
	bin, err := client.ListSnapshotsInRecycleBin(t.Context(), nil)
	if err != nil || len(bin.Snapshots) != recycled {
		t.Errorf("recycle bin: %v, %v; want %d", bin, err, recycled)
	}
	if _, err := client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{MaxResults: awssdk.Int32(100), NextToken: awssdk.String("Zm9yZ2Vk")}); code(err) != "InvalidNextToken" {
		t.Errorf("forged token: %v", err)
	}
	out, err := client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{"self"}, Filters: []types.Filter{{Name: awssdk.String("tag:Name"), Values: []string{"web-1-*"}}},
	})
	if err != nil || len(out.Snapshots) != 2 {
		t.Errorf("by tag: %d snapshots, %v; want 2", len(out.Snapshots), err)
	}
}

// TestPublicBulkCall holds the cheap proof against the story in every region.
func TestPublicBulkCall(t *testing.T) {
	t.Parallel()
	l, story := start(t, 1)
	for _, account := range []string{lab.Production, lab.Staging, lab.Acquired} {
		for _, region := range []string{lab.EastRegion, lab.WestRegion} {
			client := ec2.NewFromConfig(as(l, account, region))
			out, err := client.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, RestorableByUserIds: []string{"all"}})
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for i := range out.Snapshots {
				got = append(got, *out.Snapshots[i].SnapshotId)
				attr, err := client.DescribeSnapshotAttribute(t.Context(), &ec2.DescribeSnapshotAttributeInput{
					SnapshotId: out.Snapshots[i].SnapshotId, Attribute: types.SnapshotAttributeNameCreateVolumePermission,
				})
				if err != nil || len(attr.CreateVolumePermissions) != 1 || attr.CreateVolumePermissions[0].Group != types.PermissionGroupAll {
					t.Errorf("attribute of %s: %+v, %v", *out.Snapshots[i].SnapshotId, attr, err)
				}
			}
			want := []string{}
			for _, e := range story.Expected() {
				ownPublic := e.Verdict == lenscap.VerdictLatentPublic || e.Verdict == lenscap.VerdictLivePublic && !behindImage(e)
				if e.Ref.Account == account && e.Ref.Region == region && e.Ref.Kind == lenscap.KindDiskSnapshot && ownPublic {
					want = append(want, e.Ref.ID)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: public %v, want %v", account, region, got, want)
			}
		}
	}
}

func behindImage(e lab.Truth) bool { return strings.HasSuffix(e.Why, "(the disk behind it)") }

func TestWhatAStrangerSees(t *testing.T) {
	t.Parallel()
	l, story := start(t, 1)
	east := ec2.NewFromConfig(as(l, lab.Outsider, lab.EastRegion))
	var private, latent string
	for _, e := range story.Expected() {
		if e.Ref.Kind != lenscap.KindDiskSnapshot || e.Ref.Account != lab.Production {
			continue
		}
		if e.Verdict == lenscap.VerdictPrivate && e.Ref.Region == lab.EastRegion {
			private = e.Ref.ID
		}
		if e.Verdict == lenscap.VerdictLatentPublic {
			latent = e.Ref.ID
		}
	}
	for id, want := range map[string]string{publicSnapshot: "", sharedSnapshot: "", private: "InvalidSnapshot.NotFound"} {
		if _, err := east.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}); code(err) != want {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	west := ec2.NewFromConfig(as(l, lab.Outsider, lab.WestRegion))
	if _, err := west.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{latent}}); code(err) != "InvalidSnapshot.NotFound" {
		t.Errorf("latent public: %v, want InvalidSnapshot.NotFound", err)
	}
	// Lifting the block opens it again at once.
	owner := ec2.NewFromConfig(as(l, lab.Production, lab.WestRegion))
	if _, err := owner.DisableSnapshotBlockPublicAccess(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := west.DescribeSnapshots(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{latent}}); err != nil {
		t.Errorf("after lifting the block: %v", err)
	}
	if _, err := east.ModifySnapshotAttribute(t.Context(), &ec2.ModifySnapshotAttributeInput{
		SnapshotId: awssdk.String(publicSnapshot), OperationType: types.OperationTypeAdd, GroupNames: []string{"all"},
	}); code(err) != "AuthFailure" {
		t.Errorf("a stranger changes a public snapshot: %v, want AuthFailure", err)
	}
}

func TestSharingRules(t *testing.T) {
	t.Parallel()
	l, story := start(t, 1)
	client := ec2.NewFromConfig(as(l, lab.Production, lab.EastRegion))
	find := func(why string) string {
		for _, e := range story.Expected() {
			if e.Why == why && e.Ref.Account == lab.Production && e.Ref.Region == lab.EastRegion {
				return e.Ref.ID
			}
		}
		t.Fatalf("no asset of the story is %q", why)
		return ""
	}
	share := func(id string, who types.CreateVolumePermission) error {
		_, err := client.ModifySnapshotAttribute(t.Context(), &ec2.ModifySnapshotAttributeInput{
			SnapshotId: &id, CreateVolumePermission: &types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{who}},
		})
		return err
	}
	all, stranger := types.CreateVolumePermission{Group: types.PermissionGroupAll}, types.CreateVolumePermission{UserId: awssdk.String(lab.Outsider)}
	if err := share(find("private under a key that is shared"), all); code(err) != "OperationNotPermitted" {
		t.Errorf("encrypted to all: %v", err)
	}
	if err := share(find("private under a key that is shared"), stranger); err != nil {
		t.Errorf("encrypted to one: %v", err)
	}
	if err := share(find("under the default key, which can't be shared"), stranger); code(err) != "OperationNotPermitted" {
		t.Errorf("default key: %v", err)
	}
	if _, err := client.EnableSnapshotBlockPublicAccess(t.Context(), &ec2.EnableSnapshotBlockPublicAccessInput{State: types.SnapshotBlockPublicAccessStateBlockNewSharing}); err != nil {
		t.Fatal(err)
	}
	if err := share(sharedSnapshot, all); code(err) != "OperationNotPermitted" {
		t.Errorf("under block-new-sharing: %v", err)
	}
	locked := find("locked")
	if _, err := client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: &locked}); code(err) != "OperationNotPermitted" {
		t.Errorf("delete a locked one: %v", err)
	}
	if _, err := client.DeleteSnapshot(t.Context(), &ec2.DeleteSnapshotInput{SnapshotId: awssdk.String("snap-0bad5eed00000003")}); code(err) != "InvalidSnapshot.InUse" {
		t.Errorf("delete an image's: %v", err)
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	l, _ := start(t, 1)
	owner := ebs.NewFromConfig(as(l, lab.Production, lab.EastRegion))
	list := func(c *ebs.Client, id string) error {
		_, err := c.ListSnapshotBlocks(t.Context(), &ebs.ListSnapshotBlocksInput{SnapshotId: &id})
		return err
	}
	if err := list(owner, publicSnapshot); code(err) != "ValidationException" {
		t.Errorf("a public snapshot's blocks: %v, want ValidationException", err)
	}
	if _, err := ec2.NewFromConfig(as(l, lab.Production, lab.EastRegion)).ResetSnapshotAttribute(t.Context(), &ec2.ResetSnapshotAttributeInput{
		SnapshotId: awssdk.String(publicSnapshot), Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	}); err != nil {
		t.Fatal(err)
	}
	if err := list(owner, publicSnapshot); err != nil {
		t.Errorf("after closing it: %v", err)
	}
	if err := list(ebs.NewFromConfig(as(l, lab.Outsider, lab.EastRegion)), publicSnapshot); code(err) != "ResourceNotFoundException" {
		t.Errorf("after closing it, a stranger: %v", err)
	}
	stranger := ebs.NewFromConfig(as(l, lab.Outsider, lab.EastRegion))
	out, err := stranger.ListSnapshotBlocks(t.Context(), &ebs.ListSnapshotBlocksInput{SnapshotId: awssdk.String(sharedSnapshot)})
	if err != nil || len(out.Blocks) == 0 || *out.BlockSize != 512<<10 {
		t.Fatalf("blocks for whom it is shared with: %+v, %v", out, err)
	}
	b := out.Blocks[0]
	got, err := stranger.GetSnapshotBlock(t.Context(), &ebs.GetSnapshotBlockInput{SnapshotId: awssdk.String(sharedSnapshot), BlockIndex: b.BlockIndex, BlockToken: b.BlockToken})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(got.BlockData)
	if err != nil || len(data) != 512<<10 {
		t.Fatalf("block of %d bytes, %v", len(data), err)
	}
	if sum := sha256.Sum256(data); base64.StdEncoding.EncodeToString(sum[:]) != *got.Checksum {
		t.Error("the checksum is not that of the block")
	}
	if data[1080] != 0x53 || data[1081] != 0xef {
		t.Error("the first block holds no ext4 superblock")
	}
	_, err = stranger.GetSnapshotBlock(t.Context(), &ebs.GetSnapshotBlockInput{SnapshotId: awssdk.String(sharedSnapshot), BlockIndex: out.Blocks[1].BlockIndex, BlockToken: b.BlockToken})
	if code(err) != "ValidationException" {
		t.Errorf("another block's token: %v", err)
	}
	changed, err := owner.ListChangedBlocks(t.Context(), &ebs.ListChangedBlocksInput{SecondSnapshotId: awssdk.String(sharedSnapshot)})
	if err != nil || len(changed.ChangedBlocks) != len(out.Blocks) {
		t.Errorf("changed since nothing: %+v, %v; want %d blocks", changed, err, len(out.Blocks))
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	l, story := start(t, 1)
	client := ec2.NewFromConfig(as(l, lab.Production, lab.EastRegion))
	count := func(in *ec2.DescribeImagesInput) (n, open int) {
		pages := ec2.NewDescribeImagesPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range page.Images {
				n++
				if *page.Images[i].Public {
					open++
				}
			}
		}
		return n, open
	}
	want, wantOpen := 0, 0
	for _, e := range story.Expected() {
		if e.Ref.Kind == lenscap.KindMachineImage && e.Ref.Account == lab.Production && e.Ref.Region == lab.EastRegion {
			want++
			if e.Verdict == lenscap.VerdictLivePublic {
				wantOpen++
			}
		}
	}
	n, open := count(&ec2.DescribeImagesInput{Owners: []string{"self"}, IncludeDisabled: awssdk.Bool(true), MaxResults: awssdk.Int32(10)})
	if n != want || open != wantOpen {
		t.Errorf("%d images, %d public; want %d, %d", n, open, want, wantOpen)
	}
	if n, _ := count(&ec2.DescribeImagesInput{Owners: []string{"self"}}); n != want-1 {
		t.Errorf("without disabled ones: %d, want %d", n, want-1)
	}
	if n, _ := count(&ec2.DescribeImagesInput{Owners: []string{"self"}, ExecutableUsers: []string{"all"}}); n != wantOpen {
		t.Errorf("executable by all: %d, want %d", n, wantOpen)
	}
	orgs := map[string]bool{}
	pages, err := client.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"self"}, Filters: []types.Filter{{Name: awssdk.String("name"), Values: []string{"shop-*"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pages.Images {
		attr, err := client.DescribeImageAttribute(t.Context(), &ec2.DescribeImageAttributeInput{ImageId: pages.Images[i].ImageId, Attribute: types.ImageAttributeNameLaunchPermission})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range attr.LaunchPermissions {
			orgs["org"] = orgs["org"] || awssdk.ToString(p.OrganizationArn) != ""
			orgs["unit"] = orgs["unit"] || awssdk.ToString(p.OrganizationalUnitArn) != ""
			orgs["user"] = orgs["user"] || awssdk.ToString(p.UserId) != ""
			orgs["all"] = orgs["all"] || p.Group == types.PermissionGroupAll
		}
	}
	if len(orgs) != 4 || !orgs["org"] || !orgs["unit"] || !orgs["user"] || !orgs["all"] {
		t.Errorf("launch permissions met: %v, want every kind", orgs)
	}
}

func TestKeysAndOrganization(t *testing.T) {
	t.Parallel()
	l, _ := start(t, 1)
	keys := kms.NewFromConfig(as(l, lab.Production, lab.EastRegion))
	for alias, want := range map[string]struct {
		policy  string
		grants  int
		manager string
	}{
		"alias/vault": {"", 0, "CUSTOMER"}, "alias/partners": {lab.Outsider, 0, "CUSTOMER"},
		"alias/pipeline": {"", 1, "CUSTOMER"}, "alias/aws/ebs": {"kms:CallerAccount", 0, "AWS"},
	} {
		k, err := keys.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &alias})
		if err != nil || string(k.KeyMetadata.KeyManager) != want.manager {
			t.Errorf("%s: %+v, %v", alias, k, err)
			continue
		}
		p, err := keys.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: k.KeyMetadata.KeyId})
		if err != nil || !strings.Contains(*p.Policy, want.policy) {
			t.Errorf("policy of %s: %+v, %v", alias, p, err)
		}
		g, err := keys.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: k.KeyMetadata.KeyId})
		if err != nil || len(g.Grants) != want.grants {
			t.Errorf("grants of %s: %+v, %v", alias, g, err)
		}
	}
	org := organizations.NewFromConfig(as(l, lab.Production, lab.EastRegion))
	list, err := org.ListAccounts(t.Context(), nil)
	if err != nil || len(list.Accounts) != 3 {
		t.Fatalf("accounts: %+v, %v", list, err)
	}
	up, err := org.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: awssdk.String(lab.Staging)})
	if err != nil || *up.Parents[0].Id != "ou-shop-nonprod01" {
		t.Errorf("parent: %+v, %v", up, err)
	}
	if _, err := organizations.NewFromConfig(as(l, lab.Staging, lab.EastRegion)).ListAccounts(t.Context(), nil); code(err) != "AccessDeniedException" {
		t.Errorf("a member lists accounts: %v", err)
	}
	if _, err := organizations.NewFromConfig(as(l, lab.Outsider, lab.EastRegion)).DescribeOrganization(t.Context(), nil); code(err) != "AWSOrganizationsNotInUseException" {
		t.Errorf("no member describes: %v", err)
	}
}

// TestTrail: what is done to the lab is written down, in the owner's trail, too.
func TestTrail(t *testing.T) {
	t.Parallel()
	l, _ := start(t, 1)
	thief := ec2.NewFromConfig(as(l, lab.Outsider, lab.EastRegion))
	if _, err := thief.CopySnapshot(t.Context(), &ec2.CopySnapshotInput{SourceRegion: awssdk.String(lab.EastRegion), SourceSnapshotId: awssdk.String(publicSnapshot)}); err != nil {
		t.Fatal(err)
	}
	var own, told bool
	for _, e := range l.Trail() {
		own = own || e.EventName == "CopySnapshot" && e.RecipientAccount == lab.Outsider && !e.ReadOnly && e.UserIdentity.AccountID == lab.Outsider
		told = told || e.EventName == "SharedSnapshotCopyInitiated" && e.RecipientAccount == lab.Production && e.RequestParameters["snapshotId"] == publicSnapshot
	}
	if !own || !told {
		t.Errorf("the copy in the thief's trail: %v, in the owner's: %v", own, told)
	}
}
