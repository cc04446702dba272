package aws

import (
	"context"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/lenscap/lenscap"
)

const (
	callStoreTasks  = "ec2:DescribeStoreImageTasks"
	callImageExport = "ec2:DescribeExportImageTasks"
	callVMExport    = "ec2:DescribeExportTasks"
)

// export is one exported disk: where its task says it lies, and what it is of.
type export struct {
	bucket, key string
	// guess are the endings that the key may have: the object of an exported
	// image is the prefix, the task's id and its format, and the task does not
	// tell the format (VM Import/Export user guide, "Export a VM from an AMI").
	guess    []string
	image    string // AMI, or empty
	instance string // or empty
	task     string
	call     string
}

// exportsPart finds disks that were exported to object storage by the tasks
// that name them, and reads who may download each.
func exportsPart() part {
	return part{name: "exported disks", kinds: []lenscap.Kind{lenscap.KindDiskObject}, collect: func(ctx context.Context, r *region) error {
		exports, state, err := r.exports(ctx, ec2.NewFromConfig(r.cfg))
		if err != nil {
			return err
		}
		n, err := r.objects(ctx, exports)
		if err != nil {
			return err
		}
		return r.covered(lenscap.KindDiskObject, n, state)
	}}
}

// exports lists the tasks of every kind. state is that of the listings together.
func (r *region) exports(ctx context.Context, client *ec2.Client) ([]export, lenscap.CoverageState, error) {
	var out []export
	failed := 0
	lists := []struct {
		call string
		list func(token *string) (*string, error)
	}{
		{callStoreTasks, func(token *string) (*string, error) { return storeTasks(ctx, client, token, &out) }},
		{callImageExport, func(token *string) (*string, error) { return imageExports(ctx, client, token, &out) }},
		{callVMExport, func(*string) (*string, error) { return nil, vmExports(ctx, client, &out) }},
	}
	for _, l := range lists {
		if err := pages(ctx, l.list); err != nil {
			failed++
			if err := r.gap(ctx, l.call, err, lenscap.AspectAssets, lenscap.KindDiskObject); err != nil {
				return nil, "", err
			}
		}
	}
	switch failed {
	case 0:
		return out, lenscap.CoverageComplete, nil
	case len(lists):
		return out, lenscap.CoverageFailed, nil
	}
	return out, lenscap.CoveragePartial, nil
}

func storeTasks(ctx context.Context, client *ec2.Client, token *string, out *[]export) (*string, error) {
	page, err := client.DescribeStoreImageTasks(ctx, &ec2.DescribeStoreImageTasksInput{NextToken: token})
	if err != nil {
		return nil, err
	}
	for _, t := range page.StoreImageTaskResults {
		*out = append(*out, export{
			bucket: awssdk.ToString(t.Bucket), key: awssdk.ToString(t.S3objectKey), image: awssdk.ToString(t.AmiId), call: callStoreTasks,
		})
	}
	return page.NextToken, nil
}

func imageExports(ctx context.Context, client *ec2.Client, token *string, out *[]export) (*string, error) {
	page, err := client.DescribeExportImageTasks(ctx, &ec2.DescribeExportImageTasksInput{NextToken: token})
	if err != nil {
		return nil, err
	}
	for i := range page.ExportImageTasks {
		t := &page.ExportImageTasks[i]
		if t.S3ExportLocation == nil {
			continue
		}
		id := awssdk.ToString(t.ExportImageTaskId)
		*out = append(*out, export{
			bucket: awssdk.ToString(t.S3ExportLocation.S3Bucket), key: awssdk.ToString(t.S3ExportLocation.S3Prefix) + id,
			guess: []string{".vmdk", ".vhd", ".raw"}, image: awssdk.ToString(t.ImageId), task: id, call: callImageExport,
		})
	}
	return page.NextToken, nil
}

func vmExports(ctx context.Context, client *ec2.Client, out *[]export) error {
	page, err := client.DescribeExportTasks(ctx, &ec2.DescribeExportTasksInput{})
	if err != nil {
		return err
	}
	for i := range page.ExportTasks {
		t := &page.ExportTasks[i]
		if t.ExportToS3Task == nil {
			continue
		}
		e := export{bucket: awssdk.ToString(t.ExportToS3Task.S3Bucket), key: awssdk.ToString(t.ExportToS3Task.S3Key), task: awssdk.ToString(t.ExportTaskId), call: callVMExport}
		if t.InstanceExportDetails != nil {
			e.instance = awssdk.ToString(t.InstanceExportDetails.InstanceId)
		}
		*out = append(*out, e)
	}
	return nil
}

// exported is the object that an export's task names.
func (r *region) exported(e export) lenscap.Asset {
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindDiskObject, e.bucket+"/"+e.key), Name: e.key[strings.LastIndexByte(e.key, '/')+1:],
		Attrs: attrs("bucket", e.bucket, "key", e.key, "task", e.task),
	}
	if e.image != "" {
		a.Lineage.Image = &lenscap.Link{Ref: r.ref(lenscap.KindMachineImage, e.image), State: r.images.state(e.image)}
	}
	if e.instance != "" {
		a.Lineage.Instance = &lenscap.Link{Ref: r.ref(lenscap.KindInstance, e.instance), State: r.instances.state(e.instance)}
	}
	return a
}
