package aws

import (
	"regexp"
	"strconv"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
)

// asset writes down what the listing says of a snapshot.
func (s *snapshotReader) asset(snap *ec2types.Snapshot) lenscap.Asset {
	id := awssdk.ToString(snap.SnapshotId)
	a := lenscap.Asset{
		Ref: s.ref(lenscap.KindDiskSnapshot, id), State: string(snap.State), Created: awssdk.ToTime(snap.StartTime),
		Size: int64(awssdk.ToInt32(snap.VolumeSize)) * gib, StoredBytes: max(0, awssdk.ToInt64(snap.FullSnapshotSizeInBytes)),
		Encryption: s.encryption(snap.Encrypted, snap.KmsKeyId), Tags: tagMap(snap.Tags),
		Attrs: attrs("description", bounded(awssdk.ToString(snap.Description), maxMessage),
			"state_message", bounded(awssdk.ToString(snap.StateMessage), maxMessage),
			"storage_tier", string(snap.StorageTier), "outpost", awssdk.ToString(snap.OutpostArn)),
	}
	a.Name = a.Tags["Name"]
	if snap.State == ec2types.SnapshotStateCompleted {
		a.State = "available"
	}
	archived := snap.StorageTier == ec2types.StorageTierArchive
	if archived && a.State == "available" {
		a.State = "archived"
	}
	a.Cost = storageCost(s.name, archived, a.StoredBytes, a.Size)
	s.origin(&a, awssdk.ToString(snap.VolumeId), awssdk.ToString(snap.Description))
	a.Lineage.Owner = s.ownerOf(id, a.Tags)
	return a
}

// What AWS writes into descriptions: CreateImage, CopyImage and the console's
// copy dialogue. Users may write the same, so what is read here is only ever a
// step of lineage, never a grant.
var (
	byCreateImage = regexp.MustCompile(`^Created by CreateImage\((i-[0-9a-f]{8,17})\) for (ami-[0-9a-f]{8,17})`)
	byCopyImage   = regexp.MustCompile(`^Copied for DestinationAmi (ami-[0-9a-f]{8,17}) from SourceAmi ami-[0-9a-f]{8,17} for SourceSnapshot (snap-[0-9a-f]{8,17})`)
	byCopy        = regexp.MustCompile(`^\[Copied (snap-[0-9a-f]{8,17}) from ([a-z]{2}(?:-[a-z]+)+-\d+)\]`)
)

// noVolume is the volume that EC2 names for copies.
const noVolume = "vol-ffffffff"

// origin adds where a snapshot came from.
func (s *snapshotReader) origin(a *lenscap.Asset, volume, description string) {
	l := &a.Lineage
	if volume != "" && volume != noVolume {
		l.Volume = s.link(lenscap.KindVolume, volume, &s.volumes, "ec2:DescribeVolumes")
		if a.Created.After(s.now) && l.Volume.State == lenscap.LinkGone {
			// Made after the volumes were listed, perhaps its volume as well.
			l.Volume.State, l.Volume.Proof = lenscap.LinkUnknown, nil
		}
		if instance := s.attached[volume]; instance != "" {
			l.Instance = s.link(lenscap.KindInstance, instance, &s.instances, "ec2:DescribeInstances")
		}
	}
	if m := byCreateImage.FindStringSubmatch(description); m != nil {
		l.Instance = s.link(lenscap.KindInstance, m[1], &s.instances, "ec2:DescribeInstances")
		l.Image = s.link(lenscap.KindMachineImage, m[2], &s.images, callImages)
	}
	if m := byCopyImage.FindStringSubmatch(description); m != nil {
		l.Image = s.link(lenscap.KindMachineImage, m[1], &s.images, callImages)
		from := s.ref(lenscap.KindDiskSnapshot, m[2])
		from.Region = "" // not told
		l.Copy = &lenscap.Link{Ref: from, State: lenscap.LinkUnknown}
	}
	if m := byCopy.FindStringSubmatch(description); m != nil {
		from := s.ref(lenscap.KindDiskSnapshot, m[1])
		from.Region = m[2]
		l.Copy = &lenscap.Link{Ref: from, State: lenscap.LinkUnknown}
	}
	for _, image := range s.backing[a.Ref.ID] {
		ref := s.ref(lenscap.KindMachineImage, image)
		l.UsedBy = append(l.UsedBy, ref)
		if l.Image == nil || l.Image.State != lenscap.LinkExists {
			p := s.proof(callImages, "Images[].BlockDeviceMappings[].Ebs.SnapshotId", a.Ref.ID)
			l.Image = &lenscap.Link{Ref: ref, State: lenscap.LinkExists, Proof: &p}
		}
	}
}

// price is the list price of EBS snapshots in a region, in USD per GB and month
// (Amazon EBS pricing page).
type price struct{ standard, archive float64 }

// prices holds the regions whose list price is known for certain.
var prices = map[string]price{
	"us-east-1": {0.05, 0.0125}, "us-east-2": {0.05, 0.0125},
	"us-west-2": {0.05, 0.0125}, "eu-west-1": {0.05, 0.0125},
}

// storageCost is what a snapshot costs at most a month: snapshots share blocks,
// so that the last of several costs less than its full size. It is nil where
// the price or the size is not known.
func storageCost(region string, archived bool, stored, logical int64) *lenscap.Cost {
	p, ok := prices[region]
	if !ok {
		return nil
	}
	per, tier := p.standard, "standard"
	if archived {
		per, tier = p.archive, "archive"
	}
	bytes, what := stored, "full snapshot size"
	if bytes == 0 {
		bytes, what = logical, "volume size"
	}
	if bytes <= 0 {
		return nil
	}
	gb := float64(bytes) / gib
	return &lenscap.Cost{
		Monthly: gb * per, Currency: "USD",
		Basis: "upper bound: " + what + " " + strconv.FormatFloat(gb, 'f', 2, 64) + " GiB at " +
			strconv.FormatFloat(per, 'f', -1, 64) + " USD/GB-month, " + tier + " tier, " + region,
	}
}
