package aws_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap/internal/lab/aws"
)

var born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// one of each kind.
func oneOfEach(w *aws.World) error {
	r := w.Account(prod).Region("us-east-1")
	k := r.AddKey(aws.Key{ID: "11111111-2222-4333-8444-555555555555", Alias: "alias/app"})
	r.AddVolume(aws.Volume{ID: "vol-01", Size: 8, Created: born, AttachedTo: "i-01", Encrypted: true, Key: k.ARN()})
	r.AddInstance(aws.Instance{ID: "i-01", Image: "ami-01", Launched: born, Volumes: []string{"vol-01"}})
	r.AddSnapshot(aws.Snapshot{ID: "snap-01", Volume: "vol-01", Size: 8, Start: born})
	r.AddImage(aws.Image{ID: "ami-01", Name: "base", Created: born, Snapshots: []string{"snap-01"}, SourceInstance: "i-01"})
	r.AddFPGAImage(aws.FPGAImage{ID: "afi-01", Name: "codec", Created: born, Shares: []aws.Permission{aws.Everyone}})
	r.AddLaunchTemplate(aws.LaunchTemplate{ID: "lt-01", Name: "web", Created: born, Images: []string{"ami-00", "ami-01"}})
	r.AddStoreTask(aws.ExportTask{Of: "ami-01", Bucket: "store", Key: "ami-01.bin", Started: born})
	r.AddImageExport(aws.ExportTask{ID: "export-ami-01", Of: "ami-01", Bucket: "exports", Key: "img/"})
	r.AddInstanceExport(aws.ExportTask{ID: "export-i-01", Of: "i-01", Bucket: "exports", Key: "vm.vmdk"})
	return nil
}

func TestDescribesWhatIsThere(t *testing.T) {
	t.Parallel()
	c, ctx := ec2.NewFromConfig(as(start(t, oneOfEach), prod, "us-east-1")), t.Context()

	volumes, err := c.DescribeVolumes(ctx, nil)
	if err != nil || len(volumes.Volumes) != 1 || *volumes.Volumes[0].Attachments[0].InstanceId != "i-01" || !strings.HasSuffix(*volumes.Volumes[0].KmsKeyId, "key/11111111-2222-4333-8444-555555555555") {
		t.Errorf("volumes: %+v, %v", volumes, err)
	}
	instances, err := c.DescribeInstances(ctx, nil)
	if err != nil || len(instances.Reservations) != 1 {
		t.Fatalf("instances: %+v, %v", instances, err)
	}
	if i := instances.Reservations[0].Instances[0]; *i.ImageId != "ami-01" || i.State.Name != types.InstanceStateNameRunning || *i.BlockDeviceMappings[0].Ebs.VolumeId != "vol-01" || !i.LaunchTime.Equal(born) {
		t.Errorf("instance: %+v", i)
	}
	images, err := c.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: []string{"self"}})
	if err != nil || len(images.Images) != 1 || *images.Images[0].BlockDeviceMappings[0].Ebs.SnapshotId != "snap-01" || *images.Images[0].SourceInstanceId != "i-01" {
		t.Errorf("images: %+v, %v", images, err)
	}
	fpga, err := c.DescribeFpgaImages(ctx, &ec2.DescribeFpgaImagesInput{Owners: []string{"self"}})
	if err != nil || len(fpga.FpgaImages) != 1 || !*fpga.FpgaImages[0].Public {
		t.Errorf("FPGA images: %+v, %v", fpga, err)
	}
	load, err := c.DescribeFpgaImageAttribute(ctx, &ec2.DescribeFpgaImageAttributeInput{FpgaImageId: awssdk.String("afi-01"), Attribute: types.FpgaImageAttributeNameLoadPermission})
	if err != nil || len(load.FpgaImageAttribute.LoadPermissions) != 1 {
		t.Errorf("load permission: %+v, %v", load, err)
	}
	versions, err := c.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{Versions: []string{"$Latest"}})
	if err != nil || len(versions.LaunchTemplateVersions) != 1 || *versions.LaunchTemplateVersions[0].LaunchTemplateData.ImageId != "ami-01" {
		t.Errorf("template versions: %+v, %v", versions, err)
	}
	stored, err := c.DescribeStoreImageTasks(ctx, nil)
	if err != nil || len(stored.StoreImageTaskResults) != 1 || *stored.StoreImageTaskResults[0].S3objectKey != "ami-01.bin" {
		t.Errorf("store tasks: %+v, %v", stored, err)
	}
	exported, err := c.DescribeExportImageTasks(ctx, nil)
	if err != nil || len(exported.ExportImageTasks) != 1 || *exported.ExportImageTasks[0].S3ExportLocation.S3Prefix != "img/" {
		t.Errorf("image exports: %+v, %v", exported, err)
	}
	tasks, err := c.DescribeExportTasks(ctx, nil)
	if err != nil || len(tasks.ExportTasks) != 1 || *tasks.ExportTasks[0].ExportToS3Task.S3Key != "vm.vmdk" {
		t.Errorf("instance exports: %+v, %v", tasks, err)
	}
	regions, err := c.DescribeRegions(ctx, nil)
	if err != nil || len(regions.Regions) != 2 {
		t.Errorf("regions: %+v, %v", regions, err)
	}
	allowed, err := c.GetAllowedImagesSettings(ctx, nil)
	if err != nil || *allowed.State != "disabled" {
		t.Errorf("allowed images: %+v, %v", allowed, err)
	}
	key, err := c.GetEbsDefaultKmsKeyId(ctx, nil)
	if err != nil || *key.KmsKeyId != "alias/aws/ebs" {
		t.Errorf("default key: %+v, %v", key, err)
	}
}

func TestSnapshotLife(t *testing.T) {
	t.Parallel()
	c, ctx := ec2.NewFromConfig(as(start(t, oneOfEach), prod, "us-east-1")), t.Context()
	made, err := c.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: awssdk.String("vol-01"), TagSpecifications: []types.TagSpecification{
		{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{{Key: awssdk.String("Name"), Value: awssdk.String("new")}}},
	}})
	if err != nil || !*made.Encrypted || *made.OwnerId != prod {
		t.Fatalf("create: %+v, %v", made, err)
	}
	if _, err := c.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*made.SnapshotId}, Tags: []types.Tag{{Key: awssdk.String("seen"), Value: awssdk.String("yes")}}}); err != nil {
		t.Error(err)
	}
	tags, err := c.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{{Name: awssdk.String("resource-id"), Values: []string{*made.SnapshotId}}}})
	if err != nil || len(tags.Tags) != 2 {
		t.Errorf("tags: %+v, %v", tags, err)
	}
	if _, err := c.LockSnapshot(ctx, &ec2.LockSnapshotInput{SnapshotId: made.SnapshotId, LockMode: types.LockModeGovernance, LockDuration: awssdk.Int32(3)}); err != nil {
		t.Error(err)
	}
	locked, err := c.DescribeLockedSnapshots(ctx, nil)
	if err != nil || len(locked.Snapshots) != 1 || locked.Snapshots[0].LockState != types.LockStateGovernance {
		t.Errorf("locked: %+v, %v", locked, err)
	}
	if _, err := c.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: made.SnapshotId}); code(err) != "OperationNotPermitted" {
		t.Errorf("delete while locked: %v", err)
	}
	if _, err := c.UnlockSnapshot(ctx, &ec2.UnlockSnapshotInput{SnapshotId: made.SnapshotId}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: made.SnapshotId}); err != nil {
		t.Error(err)
	}
	if _, err := c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*made.SnapshotId}}); code(err) != "InvalidSnapshot.NotFound" {
		t.Errorf("after deletion: %v", err)
	}
	if _, err := c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{DryRun: awssdk.Bool(true)}); code(err) != "DryRunOperation" {
		t.Errorf("dry run: %v", err)
	}
	if _, err := c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{Filters: []types.Filter{{Name: awssdk.String("public"), Values: []string{"true"}}}}); code(err) != "InvalidParameterValue" {
		t.Errorf("a filter that does not exist: %v", err)
	}
}

func TestImageGuards(t *testing.T) {
	t.Parallel()
	lab := start(t, oneOfEach)
	c, ctx := ec2.NewFromConfig(as(lab, prod, "us-east-1")), t.Context()
	share := func() error {
		_, err := c.ModifyImageAttribute(ctx, &ec2.ModifyImageAttributeInput{ImageId: awssdk.String("ami-01"), LaunchPermission: &types.LaunchPermissionModifications{Add: []types.LaunchPermission{{Group: types.PermissionGroupAll}}}})
		return err
	}
	if _, err := c.EnableImageBlockPublicAccess(ctx, &ec2.EnableImageBlockPublicAccessInput{ImageBlockPublicAccessState: types.ImageBlockPublicAccessEnabledStateBlockNewSharing}); err != nil {
		t.Fatal(err)
	}
	if err := share(); code(err) != "OperationNotPermitted" {
		t.Errorf("public under the block: %v", err)
	}
	if _, err := c.DisableImageBlockPublicAccess(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := share(); err != nil {
		t.Error(err)
	}
	stranger := ec2.NewFromConfig(as(lab, outside, "us-east-1"))
	out, err := stranger.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{"ami-01"}})
	if err != nil || len(out.Images) != 1 || out.Images[0].SourceInstanceId != nil {
		t.Errorf("a stranger sees %+v, %v; want the public image without its origin", out, err)
	}
}

// TestPresignedURL: a link works until its time is over or a byte is changed.
func TestPresignedURL(t *testing.T) {
	t.Parallel()
	lab := start(t, nil)
	id, secret := lab.Keys(prod)
	link := func(made time.Time) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, lab.Endpoint()+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		empty := sha256.Sum256(nil)
		out, _, err := v4.NewSigner().PresignHTTP(t.Context(), awssdk.Credentials{AccessKeyID: id, SecretAccessKey: secret}, req, hex.EncodeToString(empty[:]), "sts", "us-east-1", made)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	now := time.Now()
	for name, c := range map[string]struct {
		url  string
		want int
	}{
		"as signed":   {link(now), http.StatusOK},
		"too old":     {link(now.Add(-2 * time.Minute)), http.StatusForbidden},
		"longer life": {strings.Replace(link(now), "X-Amz-Expires=60", "X-Amz-Expires=6000", 1), http.StatusForbidden},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if res.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", name, res.StatusCode, c.want)
		}
	}
}
