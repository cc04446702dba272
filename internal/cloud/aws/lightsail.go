package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lightsail"
	lightsailtypes "github.com/aws/aws-sdk-go-v2/service/lightsail/types"

	"github.com/lenscap/lenscap"
)

const (
	callLightInstances = "lightsail:GetInstanceSnapshots"
	callLightDisks     = "lightsail:GetDiskSnapshots"
	callLightDatabases = "lightsail:GetRelationalDatabaseSnapshots"
	callLightMachines  = "lightsail:GetInstances"
	callLightVolumes   = "lightsail:GetDisks"
	callLightEngines   = "lightsail:GetRelationalDatabases"
)

// lightsailPart reads Lightsail snapshots. They can't be shared (Lightsail user
// guide, "Snapshots"), but they outlive what they were taken of.
func lightsailPart() part {
	kinds := []lenscap.Kind{lenscap.KindDiskSnapshot, lenscap.KindDiskSnapshot, lenscap.KindDatabaseSnapshot}
	return part{name: "Lightsail snapshots", kinds: kinds, collect: func(ctx context.Context, r *region) error {
		client := lightsail.NewFromConfig(r.cfg)
		o, err := r.lightsailOrigins(ctx, client)
		if err != nil {
			return err
		}
		_, err = r.listing(ctx, lenscap.KindDiskSnapshot, callLightInstances, func(token *string, n *int) (*string, error) {
			out, err := client.GetInstanceSnapshots(ctx, &lightsail.GetInstanceSnapshotsInput{PageToken: token})
			if err != nil {
				return nil, err
			}
			for i := range out.InstanceSnapshots {
				s := &out.InstanceSnapshots[i]
				a := r.lightsail(lenscap.KindDiskSnapshot, s.Name, s.Arn, string(s.State), s.SizeInGb)
				a.Created, a.Tags = awssdk.ToTime(s.CreatedAt), lightsailTags(s.Tags)
				a.Lineage.Instance = r.lightsailOrigin(lenscap.KindInstance, s.FromInstanceName, &o.instances, callLightMachines)
				if err := r.give(a, n); err != nil {
					return nil, err
				}
			}
			return out.NextPageToken, nil
		})
		if err != nil {
			return err
		}
		if err := r.lightsailDisks(ctx, client, &o); err != nil {
			return err
		}
		return r.lightsailDatabases(ctx, client, &o)
	}}
}

func (r *region) lightsailDisks(ctx context.Context, client *lightsail.Client, o *origins) error {
	_, err := r.listing(ctx, lenscap.KindDiskSnapshot, callLightDisks, func(token *string, n *int) (*string, error) {
		out, err := client.GetDiskSnapshots(ctx, &lightsail.GetDiskSnapshotsInput{PageToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.DiskSnapshots {
			s := &out.DiskSnapshots[i]
			a := r.lightsail(lenscap.KindDiskSnapshot, s.Name, s.Arn, string(s.State), s.SizeInGb)
			a.Created, a.Tags = awssdk.ToTime(s.CreatedAt), lightsailTags(s.Tags)
			a.Lineage.Volume = r.lightsailOrigin(lenscap.KindVolume, s.FromDiskName, &o.disks, callLightVolumes)
			a.Lineage.Instance = r.lightsailOrigin(lenscap.KindInstance, s.FromInstanceName, &o.instances, callLightMachines)
			if err := r.give(a, n); err != nil {
				return nil, err
			}
		}
		return out.NextPageToken, nil
	})
	return err
}

func (r *region) lightsailDatabases(ctx context.Context, client *lightsail.Client, o *origins) error {
	_, err := r.listing(ctx, lenscap.KindDatabaseSnapshot, callLightDatabases, func(token *string, n *int) (*string, error) {
		out, err := client.GetRelationalDatabaseSnapshots(ctx, &lightsail.GetRelationalDatabaseSnapshotsInput{PageToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.RelationalDatabaseSnapshots {
			s := &out.RelationalDatabaseSnapshots[i]
			a := r.lightsail(lenscap.KindDatabaseSnapshot, s.Name, s.Arn, awssdk.ToString(s.State), s.SizeInGb)
			a.Created, a.Tags = awssdk.ToTime(s.CreatedAt), lightsailTags(s.Tags)
			a.Attrs["engine"] = awssdk.ToString(s.Engine)
			a.Lineage.Instance = r.lightsailOrigin(lenscap.KindInstance, s.FromRelationalDatabaseName, &o.databases, callLightEngines)
			if err := r.give(a, n); err != nil {
				return nil, err
			}
		}
		return out.NextPageToken, nil
	})
	return err
}

// lightsail is a snapshot by its ARN, since names of two kinds may be the same.
func (r *region) lightsail(kind lenscap.Kind, name, arn *string, state string, size *int32) lenscap.Asset {
	id := awssdk.ToString(arn)
	if id == "" {
		id = awssdk.ToString(name)
	}
	return lenscap.Asset{
		Ref: r.ref(kind, id), Name: awssdk.ToString(name), State: state, Size: gibs(size),
		Attrs: map[string]string{"service": "lightsail"},
	}
}

// origins are what Lightsail snapshots may have been taken of, by name.
type origins struct{ instances, disks, databases known }

// lightsailOrigins lists what exists. A failure hides lineage only.
func (r *region) lightsailOrigins(ctx context.Context, client *lightsail.Client) (o origins, err error) {
	for _, l := range []struct {
		call string
		k    *known
		list func(token *string) (*string, error)
	}{
		{callLightMachines, &o.instances, func(token *string) (*string, error) {
			out, err := client.GetInstances(ctx, &lightsail.GetInstancesInput{PageToken: token})
			if err != nil {
				return nil, err
			}
			for i := range out.Instances {
				o.instances.add(awssdk.ToString(out.Instances[i].Name))
			}
			return out.NextPageToken, nil
		}},
		{callLightVolumes, &o.disks, func(token *string) (*string, error) {
			out, err := client.GetDisks(ctx, &lightsail.GetDisksInput{PageToken: token})
			if err != nil {
				return nil, err
			}
			for i := range out.Disks {
				o.disks.add(awssdk.ToString(out.Disks[i].Name))
			}
			return out.NextPageToken, nil
		}},
		{callLightEngines, &o.databases, func(token *string) (*string, error) {
			out, err := client.GetRelationalDatabases(ctx, &lightsail.GetRelationalDatabasesInput{PageToken: token})
			if err != nil {
				return nil, err
			}
			for i := range out.RelationalDatabases {
				o.databases.add(awssdk.ToString(out.RelationalDatabases[i].Name))
			}
			return out.NextPageToken, nil
		}},
	} {
		if err := pages(ctx, l.list); err != nil {
			if err := r.gap(ctx, l.call, err, lenscap.AspectLineage, lenscap.KindDiskSnapshot, lenscap.KindDatabaseSnapshot); err != nil {
				return o, err
			}
			continue
		}
		l.k.complete = true
	}
	return o, nil
}

// lightsailOrigin links to what a snapshot was taken of, by name.
func (r *region) lightsailOrigin(kind lenscap.Kind, name *string, k *known, call string) *lenscap.Link {
	id := awssdk.ToString(name)
	if id == "" {
		return nil
	}
	proof := r.proof(call, "name", id)
	return &lenscap.Link{Ref: r.ref(kind, id), State: k.state(id), Proof: &proof}
}

func lightsailTags(tags []lightsailtypes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
	}
	return m
}
