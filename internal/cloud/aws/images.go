package aws

import (
	"context"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/lenscap/lenscap"
)

const (
	callImages     = "ec2:DescribeImages"
	callImagePerms = "ec2:DescribeImageAttribute"
)

// imagesPart lists own AMIs, deprecated, disabled and recycled ones too.
func imagesPart() part {
	return part{name: "EC2 images", kinds: []lenscap.Kind{lenscap.KindMachineImage}, collect: func(ctx context.Context, r *region) error {
		client := ec2.NewFromConfig(r.cfg)
		n, read := 0, false
		err := pages(ctx, func(token *string) (*string, error) {
			out, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{
				Owners: []string{"self"}, IncludeDeprecated: awssdk.Bool(true), IncludeDisabled: awssdk.Bool(true),
				MaxResults: awssdk.Int32(1000), NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			read = true
			return out.NextToken, each(ctx, out.Images, &n, func(ctx context.Context, img *ec2types.Image) (bool, error) {
				return r.image(ctx, client, img)
			}, r.imageSeen)
		})
		if err := asSink(err); err != nil {
			return err
		}
		r.images.complete = err == nil
		if err := r.listed(ctx, callImages, err, lenscap.KindMachineImage); err != nil {
			return err
		}
		binErr := r.imageBin(ctx, client, &n)
		if err := asSink(binErr); err != nil {
			return err
		}
		if err := r.listed(ctx, "ec2:ListImagesInRecycleBin", binErr, lenscap.KindMachineImage); err != nil {
			return err
		}
		return r.covered(lenscap.KindMachineImage, n, stateOf(read, err, binErr))
	}}
}

// listed makes a gap of a listing that failed.
func (r *region) listed(ctx context.Context, call string, err error, kind lenscap.Kind) error {
	if err == nil {
		return nil
	}
	return r.gap(ctx, call, err, lenscap.AspectAssets, kind)
}

// stateOf is the coverage that several listings of one kind add up to; read
// tells whether any page was read.
func stateOf(read bool, errs ...error) lenscap.CoverageState {
	if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return lenscap.CoverageComplete
	}
	if read {
		return lenscap.CoveragePartial
	}
	return lenscap.CoverageFailed
}

// imageSeen takes what later parts need of an image; it runs for each image of
// a page before any call is made for one.
func (r *region) imageSeen(img *ec2types.Image) {
	id := awssdk.ToString(img.ImageId)
	if id == "" || r.foreign(img.OwnerId) {
		return
	}
	r.images.add(id)
	for i := range img.BlockDeviceMappings {
		ebs := img.BlockDeviceMappings[i].Ebs
		if ebs == nil || awssdk.ToString(ebs.SnapshotId) == "" {
			continue
		}
		if r.backing == nil {
			r.backing = make(map[string][]string)
		}
		snap := *ebs.SnapshotId
		r.backing[snap] = append(r.backing[snap], id)
	}
}

// foreign tells whether an answer names another owner: emulators and compatible
// clouds may leave the owner filter out.
func (r *region) foreign(owner *string) bool {
	return awssdk.ToString(owner) != "" && *owner != r.account
}

// image gives one AMI with who may launch it. given is false for what is not
// the account's own.
func (r *region) image(ctx context.Context, client *ec2.Client, img *ec2types.Image) (given bool, err error) {
	id := awssdk.ToString(img.ImageId)
	if id == "" || r.foreign(img.OwnerId) {
		return false, nil
	}
	a := r.imageAsset(img)
	public := awssdk.ToBool(img.Public)
	if img.State == ec2types.ImageStateDisabled && !public || img.State == ec2types.ImageStateFailed || img.State == ec2types.ImageStateInvalid {
		// Disabling takes every launch permission away (EC2 user guide, "Disable
		// an Amazon EC2 AMI"); a failed image can't be launched.
		a.Attrs = addAttr(a.Attrs, "unshareable", string(img.State))
		return true, r.give1(a)
	}
	fresh, err := r.shares(ctx, &a, shareReader{call: callImagePerms, must: public, read: func(ctx context.Context) ([]lenscap.Grant, error) {
		return r.launchPermissions(ctx, client, id)
	}})
	if err != nil {
		return false, err
	}
	if public && !fresh && !slices.ContainsFunc(a.Grants, func(g lenscap.Grant) bool { return g.Principal.Public() }) {
		a.Grants = append(a.Grants, imageGrant(lenscap.Principal{Type: lenscap.AnyCustomer}, r.proof(callImages, "Images[].Public", "true")))
	}
	return true, r.give1(a)
}

func (r *region) give1(a lenscap.Asset) error {
	if err := r.sink.Asset(a); err != nil {
		return sinkError{err}
	}
	return nil
}

func (r *region) imageAsset(img *ec2types.Image) lenscap.Asset {
	id := awssdk.ToString(img.ImageId)
	a := lenscap.Asset{
		Ref: r.ref(lenscap.KindMachineImage, id), Name: awssdk.ToString(img.Name),
		State: string(img.State), Created: parseTime(img.CreationDate), LastUsed: parseTime(img.LastLaunchedTime),
		Tags: tagMap(img.Tags),
		Attrs: attrs("description", bounded(awssdk.ToString(img.Description), maxMessage),
			"platform", awssdk.ToString(img.PlatformDetails), "deprecated_at", awssdk.ToString(img.DeprecationTime),
			"root_device", awssdk.ToString(img.RootDeviceName)),
	}
	if d := parseTime(img.DeprecationTime); a.State == string(ec2types.ImageStateAvailable) && !d.IsZero() && d.Before(r.now) {
		a.State = "deprecated"
	}
	r.imageDisks(img, &a)
	r.imageOrigin(img, &a)
	for _, instance := range r.users[id] {
		a.Lineage.UsedBy = append(a.Lineage.UsedBy, r.ref(lenscap.KindInstance, instance))
	}
	a.Lineage.NeverUsed = r.neverUsed(&a)
	a.Lineage.Owner = r.ownerOf(id, a.Tags)
	return a
}

// imageDisks adds the backing snapshots, the root's first, and what they say of
// size and encryption.
func (r *region) imageDisks(img *ec2types.Image, a *lenscap.Asset) {
	sealed, open := false, false
	for i := range img.BlockDeviceMappings {
		m := &img.BlockDeviceMappings[i]
		if m.Ebs == nil {
			continue
		}
		a.Size += int64(awssdk.ToInt32(m.Ebs.VolumeSize)) * gib
		if e := m.Ebs.Encrypted; e != nil {
			sealed, open = sealed || *e, open || !*e
		}
		r.meetKey(awssdk.ToString(m.Ebs.KmsKeyId))
		snap := awssdk.ToString(m.Ebs.SnapshotId)
		if snap == "" {
			continue
		}
		ref := r.ref(lenscap.KindDiskSnapshot, snap)
		if awssdk.ToString(m.DeviceName) == awssdk.ToString(img.RootDeviceName) {
			a.Lineage.Parts = slices.Insert(a.Lineage.Parts, 0, ref)
		} else {
			a.Lineage.Parts = append(a.Lineage.Parts, ref)
		}
	}
	switch {
	case open: // one disk in the clear is readable
		a.Encryption.Encrypted = lenscap.No
	case sealed:
		a.Encryption.Encrypted = lenscap.Yes
	}
}

// imageOrigin adds the instance it was made from, or the image it is a copy of.
func (r *region) imageOrigin(img *ec2types.Image, a *lenscap.Asset) {
	if instance := awssdk.ToString(img.SourceInstanceId); instance != "" {
		a.Lineage.Instance = r.link(lenscap.KindInstance, instance, &r.instances, "ec2:DescribeInstances")
	}
	source := awssdk.ToString(img.SourceImageId)
	if source == "" {
		return
	}
	// Whose image it was is not told; what is not the account's own shows up
	// nowhere else and stays unknown.
	ref := r.ref(lenscap.KindMachineImage, source)
	if from := awssdk.ToString(img.SourceImageRegion); from != "" {
		ref.Region = from
	}
	link := &lenscap.Link{Ref: ref, State: lenscap.LinkUnknown}
	if a.Lineage.Instance != nil {
		a.Lineage.Image = link
	} else {
		a.Lineage.Copy = link
	}
}

// link is a step of lineage within the scope, with what shows its state.
func (r *region) link(kind lenscap.Kind, id string, k *known, call string) *lenscap.Link {
	l := &lenscap.Link{Ref: r.ref(kind, id), State: k.state(id)}
	switch l.State {
	case lenscap.LinkExists:
		p := r.proof(call, "", id)
		l.Proof = &p
	case lenscap.LinkGone:
		p := r.proof(call, "", id+" is not listed")
		if _, ended := k.gone[id]; ended {
			p.Value = id + " has ended"
		}
		l.Proof = &p
	}
	return l
}

// launchesSince is when EC2 began to report the last launch of an image.
var launchesSince = time.Date(2017, time.April, 1, 0, 0, 0, 0, time.UTC)

// launchDelay is more than the 24 hours by which that report lags.
const launchDelay = 48 * time.Hour

// neverUsed tells whether an image was never launched, as far as EC2 tells: not
// for images older than its record, nor for those younger than its delay.
func (r *region) neverUsed(a *lenscap.Asset) lenscap.Tri {
	switch {
	case !a.LastUsed.IsZero() || len(a.Lineage.UsedBy) > 0:
		return lenscap.No
	case a.Created.Before(launchesSince) || r.now.Sub(a.Created) < launchDelay || !r.instances.complete:
		return lenscap.Unknown
	}
	return lenscap.Yes
}

// launchPermissions reads who may launch an AMI.
func (r *region) launchPermissions(ctx context.Context, client *ec2.Client, id string) ([]lenscap.Grant, error) {
	out, err := client.DescribeImageAttribute(ctx, &ec2.DescribeImageAttributeInput{
		ImageId: &id, Attribute: ec2types.ImageAttributeNameLaunchPermission,
	})
	if err != nil {
		return nil, err
	}
	var grants []lenscap.Grant
	for i := range out.LaunchPermissions {
		p := &out.LaunchPermissions[i]
		var who lenscap.Principal
		var field, value string
		switch {
		case p.Group != "":
			who, field, value = lenscap.Principal{Type: lenscap.AnyCustomer}, "Group", string(p.Group)
		case awssdk.ToString(p.UserId) != "":
			who, field, value = lenscap.Principal{Type: lenscap.Account, ID: *p.UserId}, "UserId", *p.UserId
		case awssdk.ToString(p.OrganizationArn) != "":
			who, field, value = orgPrincipal(lenscap.Organization, *p.OrganizationArn), "OrganizationArn", *p.OrganizationArn
		case awssdk.ToString(p.OrganizationalUnitArn) != "":
			who, field, value = orgPrincipal(lenscap.OrgUnit, *p.OrganizationalUnitArn), "OrganizationalUnitArn", *p.OrganizationalUnitArn
		default:
			continue
		}
		grants = append(grants, imageGrant(who, r.proof(callImagePerms, "LaunchPermissions[]."+field, value)))
	}
	return grants, nil
}

func imageGrant(who lenscap.Principal, proof lenscap.Proof) lenscap.Grant {
	return lenscap.Grant{Principal: who, Allows: []lenscap.Access{lenscap.AccessLaunch}, Path: lenscap.PathACL, Proof: proof}
}

// orgPrincipal reads arn:aws:organizations::MANAGEMENT:organization/o-a1 and
// arn:aws:organizations::MANAGEMENT:ou/o-a1/ou-b2-c3: the id is the last step.
func orgPrincipal(kind lenscap.PrincipalType, arn string) lenscap.Principal {
	p := lenscap.Principal{Type: kind, ID: arn[strings.LastIndex(arn, "/")+1:]}
	if part := strings.SplitN(arn, ":", 6); len(part) == 6 && isAccountID(part[4]) {
		p.Account = part[4]
	}
	return p
}

// parseTime reads an ISO 8601 time; what is not one is not told.
func parseTime(s *string) time.Time {
	t, err := time.Parse(time.RFC3339, awssdk.ToString(s))
	if err != nil {
		return time.Time{}
	}
	return t
}

func addAttr(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = make(map[string]string)
	}
	m[key] = value
	return m
}

// imageBin lists the images in the recycle bin: nobody can launch them until
// they are restored.
func (r *region) imageBin(ctx context.Context, client *ec2.Client, n *int) error {
	return pages(ctx, func(token *string) (*string, error) {
		out, err := client.ListImagesInRecycleBin(ctx, &ec2.ListImagesInRecycleBinInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range out.Images {
			b := &out.Images[i]
			id := awssdk.ToString(b.ImageId)
			if id == "" {
				continue
			}
			err := r.give(lenscap.Asset{
				Ref: r.ref(lenscap.KindMachineImage, id), Name: awssdk.ToString(b.Name), State: stateRecycled,
				Attrs: attrs("description", bounded(awssdk.ToString(b.Description), maxMessage),
					"recycled_at", stamp(b.RecycleBinEnterTime), "deleted_at", stamp(b.RecycleBinExitTime)),
			}, n)
			if err != nil {
				return nil, err
			}
		}
		return out.NextToken, nil
	})
}
