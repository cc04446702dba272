package aws

import (
	"context"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
)

const gib = 1 << 30

// listing runs a paged listing of one kind and closes the kind: a failure is a
// gap, and what the earlier pages gave stands. one gives its assets itself,
// adds them to *n and marks errors of the sink with [sinkError].
func (r *region) listing(ctx context.Context, kind lenscap.Kind, call string, one func(token *string, n *int) (*string, error)) (complete bool, err error) {
	n, read := 0, false
	err = pages(ctx, func(token *string) (*string, error) {
		next, err := one(token, &n)
		read = read || err == nil
		return next, err
	})
	state := lenscap.CoverageComplete
	if err != nil && !r.notOffered(err) {
		if err := asSink(err); err != nil {
			return false, err
		}
		if err := r.gap(ctx, call, err, lenscap.AspectAssets, kind); err != nil {
			return false, err
		}
		state = lenscap.CoveragePartial
		if !read {
			state = lenscap.CoverageFailed
		}
	}
	return state == lenscap.CoverageComplete, r.covered(kind, n, state)
}

// give hands an asset to the sink and counts it.
func (r *region) give(a lenscap.Asset, n *int) error {
	if err := r.sink.Asset(a); err != nil {
		return sinkError{err}
	}
	*n++
	return nil
}

// volumesPart lists volumes: the origin of snapshots.
func volumesPart() part {
	return part{name: "EBS volumes", kinds: []lenscap.Kind{lenscap.KindVolume}, collect: func(ctx context.Context, r *region) error {
		client := ec2.NewFromConfig(r.cfg)
		complete, err := r.listing(ctx, lenscap.KindVolume, "ec2:DescribeVolumes", func(token *string, n *int) (*string, error) {
			out, err := client.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{
				MaxResults: awssdk.Int32(500), NextToken: token, IncludeManagedResources: awssdk.Bool(true),
			})
			if err != nil {
				return nil, err
			}
			for i := range out.Volumes {
				if err := r.volume(&out.Volumes[i], n); err != nil {
					return nil, err
				}
			}
			return out.NextToken, nil
		})
		r.volumes.complete = complete
		return err
	}}
}

func (r *region) volume(v *ec2types.Volume, n *int) error {
	id := awssdk.ToString(v.VolumeId)
	if id == "" {
		return nil
	}
	r.volumes.add(id)
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindVolume, id), State: string(v.State), Created: awssdk.ToTime(v.CreateTime),
		Size: int64(awssdk.ToInt32(v.Size)) * gib, Tags: tagMap(v.Tags),
		Encryption: r.encryption(v.Encrypted, v.KmsKeyId),
		Attrs:      attrs("type", string(v.VolumeType), "source_snapshot", awssdk.ToString(v.SnapshotId)),
	}
	a.Name = a.Tags["Name"]
	for i := range v.Attachments {
		if instance := awssdk.ToString(v.Attachments[i].InstanceId); instance != "" {
			a.Lineage.UsedBy = append(a.Lineage.UsedBy, r.ref(lenscap.KindInstance, instance))
			if r.attached == nil {
				r.attached = make(map[string]string)
			}
			r.attached[id] = instance
		}
	}
	return r.give(a, n)
}

// encryption reads what a service says of encryption and remembers the key.
func (r *region) encryption(encrypted *bool, key *string) lenscap.Encryption {
	e := lenscap.Encryption{Key: awssdk.ToString(key)}
	if encrypted != nil {
		e.Encrypted = lenscap.No
		if *encrypted {
			e.Encrypted = lenscap.Yes
		}
	}
	r.meetKey(e.Key)
	return e
}

func tagMap(tags []ec2types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for i := range tags {
		m[awssdk.ToString(tags[i].Key)] = awssdk.ToString(tags[i].Value)
	}
	return m
}

// attrs makes a map of key, value pairs, leaving out empty values.
func attrs(pairs ...string) map[string]string {
	var m map[string]string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// instancesPart lists instances: lineage, and which images are in use.
func instancesPart() part {
	return part{name: "EC2 instances", kinds: []lenscap.Kind{lenscap.KindInstance}, collect: func(ctx context.Context, r *region) error {
		client := ec2.NewFromConfig(r.cfg)
		complete, err := r.listing(ctx, lenscap.KindInstance, "ec2:DescribeInstances", func(token *string, n *int) (*string, error) {
			out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{
				MaxResults: awssdk.Int32(1000), NextToken: token, IncludeManagedResources: awssdk.Bool(true),
			})
			if err != nil {
				return nil, err
			}
			for i := range out.Reservations {
				for j := range out.Reservations[i].Instances {
					if err := r.instance(&out.Reservations[i].Instances[j], n); err != nil {
						return nil, err
					}
				}
			}
			return out.NextToken, nil
		})
		r.instances.complete = complete
		return err
	}}
}

// maxUsers bounds how many users of an image are named.
const maxUsers = 20

func (r *region) instance(in *ec2types.Instance, n *int) error {
	id := awssdk.ToString(in.InstanceId)
	if id == "" {
		return nil
	}
	state := ""
	if in.State != nil {
		state = strings.ToLower(string(in.State.Name))
	}
	image := awssdk.ToString(in.ImageId)
	if state == string(ec2types.InstanceStateNameTerminated) {
		r.instances.drop(id)
	} else {
		r.instances.add(id)
		r.use(image, id)
	}
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindInstance, id), State: state, Created: awssdk.ToTime(in.LaunchTime),
		Tags: tagMap(in.Tags), Attrs: attrs("image", image, "type", string(in.InstanceType)),
	}
	a.Name = a.Tags["Name"]
	return r.give(a, n)
}

// use remembers that an instance was launched from an image.
func (r *region) use(image, instance string) {
	if image == "" || len(r.users[image]) >= maxUsers {
		return
	}
	if r.users == nil {
		r.users = make(map[string][]string)
	}
	r.users[image] = append(r.users[image], instance)
}
