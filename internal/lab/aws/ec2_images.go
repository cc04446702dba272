package aws

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

var imageOps = map[string]operation{
	"DescribeImages":           describeImages,
	"DescribeImageAttribute":   describeImageAttribute,
	"ModifyImageAttribute":     modifyImageAttribute,
	"ResetImageAttribute":      resetImageAttribute,
	"DeregisterImage":          deregisterImage,
	"ListImagesInRecycleBin":   listRecycledImages,
	"DescribeStoreImageTasks":  describeStoreTasks,
	"GetAllowedImagesSettings": getAllowedImages,
}

func (i *Image) owner() string { return i.region.Account.ID }

// live tells whether the image is public now. The image block only stops new
// sharing; a disabled image can be used by its owner alone.
func (i *Image) live() bool { return public(i.Shares) && i.State != "disabled" }

func (i *Image) visible(w *World, account string) bool {
	return i.owner() == account || i.live() || i.State != "disabled" && w.namesAccount(i.Shares, account)
}

func (i *Image) field(name string) ([]string, bool) {
	switch name {
	case "image-id":
		return []string{i.ID}, true
	case "name":
		return []string{i.Name}, true
	case "description":
		return []string{i.Description}, true
	case "is-public":
		return []string{strconv.FormatBool(public(i.Shares))}, true
	case "owner-id":
		return []string{i.owner()}, true
	case "state":
		return []string{i.State}, true
	case "block-device-mapping.snapshot-id":
		return i.Snapshots, true
	case "root-device-type":
		return []string{"ebs"}, true
	case "image-type":
		return []string{"machine"}, true
	case "source-instance-id":
		return []string{i.SourceInstance}, true
	case "source-image-id":
		return []string{i.SourceImage}, true
	}
	return tagFields(name, i.Tags)
}

type mappingXML struct {
	Device string `xml:"deviceName"`
	EBS    struct {
		Snapshot  string `xml:"snapshotId,omitempty"`
		Size      int    `xml:"volumeSize"`
		Type      string `xml:"volumeType"`
		Delete    bool   `xml:"deleteOnTermination"`
		Encrypted bool   `xml:"encrypted"`
		Key       string `xml:"kmsKeyId,omitempty"`
	} `xml:"ebs"`
}

type imageXML struct {
	ID             string       `xml:"imageId"`
	Name           string       `xml:"name"`
	Location       string       `xml:"imageLocation"`
	Owner          string       `xml:"imageOwnerId"`
	Public         bool         `xml:"isPublic"`
	State          string       `xml:"imageState"`
	Created        string       `xml:"creationDate"`
	Deprecated     string       `xml:"deprecationTime,omitempty"`
	LastLaunched   string       `xml:"lastLaunchedTime,omitempty"`
	Desc           string       `xml:"description,omitempty"`
	Arch           string       `xml:"architecture"`
	Type           string       `xml:"imageType"`
	Platform       string       `xml:"platformDetails"`
	Root           string       `xml:"rootDeviceName"`
	RootType       string       `xml:"rootDeviceType"`
	Virt           string       `xml:"virtualizationType"`
	SourceInstance string       `xml:"sourceInstanceId,omitempty"`
	SourceImage    string       `xml:"sourceImageId,omitempty"`
	SourceRegion   string       `xml:"sourceImageRegion,omitempty"`
	Mappings       []mappingXML `xml:"blockDeviceMapping>item,omitempty"`
	Tags           []tagXML     `xml:"tagSet>item,omitempty"`
}

func (i *Image) xml(caller string) imageXML {
	x := imageXML{
		ID: i.ID, Name: i.Name, Location: i.owner() + "/" + i.Name, Owner: i.owner(), Public: public(i.Shares), State: i.State,
		Created: stamp(i.Created), Deprecated: stamp(i.Deprecated), Desc: i.Description,
		Arch: "x86_64", Type: "machine", Platform: "Linux/UNIX", Root: "/dev/xvda", RootType: "ebs", Virt: "hvm",
	}
	for n, id := range i.Snapshots {
		var m mappingXML
		m.Device = "/dev/xvd" + string(rune('a'+n))
		m.EBS.Snapshot, m.EBS.Type, m.EBS.Delete = id, "gp3", n == 0
		if s := ec2Of(i.region).snapshots[id]; s != nil {
			m.EBS.Size, m.EBS.Encrypted, m.EBS.Key = s.Size, s.Encrypted, s.Key
		}
		x.Mappings = append(x.Mappings, m)
	}
	if caller == i.owner() {
		x.Tags, x.LastLaunched = tagsXML(i.Tags), stamp(i.LastLaunched)
		x.SourceInstance, x.SourceImage, x.SourceRegion = i.SourceInstance, i.SourceImage, i.SourceRegion
	}
	return x
}

// executableBy follows the parameter of that name: "all" means public ones,
// "self" and an account mean those shared with them by name.
func (i *Image) executableBy(w *World, who []string, caller string) bool {
	return len(who) == 0 || slices.ContainsFunc(who, func(v string) bool {
		if v == "all" {
			return public(i.Shares)
		}
		if v == "self" {
			v = caller
		}
		return w.namesAccount(i.Shares, v)
	})
}

func describeImages(q *Request) (any, error) {
	ids, owners, who, filters := q.Form.List("ImageId"), q.Form.List("Owner"), q.Form.List("ExecutableBy"), q.Form.Filters()
	for _, id := range ids {
		if i := q.World.image(q.Call.Region, id); i == nil || !i.visible(q.World, q.Call.Account) {
			return nil, noImage(id)
		}
	}
	now := q.World.Now()
	var found []*Image
	var err error
	q.World.everyRegion(q.Call.Region, func(r *Region) {
		if err != nil || !ownedBy(owners, r.Account.ID, q.Call.Account) {
			return
		}
		own := r.Account.ID == q.Call.Account
		for _, i := range sorted(ec2Of(r).images) {
			if !i.Recycled.IsZero() || len(ids) > 0 && !contains(ids, i.ID) || !i.visible(q.World, q.Call.Account) || !i.executableBy(q.World, who, q.Call.Account) {
				continue
			}
			// The owner's deprecated images are always listed, disabled ones on request.
			if i.deprecated(now) && !own && !q.Form.Bool("IncludeDeprecated") || i.State == "disabled" && !q.Form.Bool("IncludeDisabled") {
				continue
			}
			ok, ferr := matchAll(filters, i.field)
			if ferr != nil {
				err = ferr
				return
			}
			if ok {
				found = append(found, i)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(q, found, 1)
	if err != nil {
		return nil, err
	}
	out := struct {
		Images []imageXML `xml:"imagesSet>item"`
		Next   string     `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, i := range part {
		out.Images = append(out.Images, i.xml(q.Call.Account))
	}
	return out, nil
}

func (i *Image) deprecated(now time.Time) bool {
	return !i.Deprecated.IsZero() && i.Deprecated.Before(now)
}

func (w *World) image(region, id string) (found *Image) {
	w.everyRegion(region, func(r *Region) {
		if i := ec2Of(r).images[id]; i != nil && i.Recycled.IsZero() {
			found = i
		}
	})
	return found
}

func noImage(id string) *apiError {
	if !strings.HasPrefix(id, "ami-") {
		return bad("InvalidAMIID.Malformed", "Invalid id: %q (expecting \"ami-...\")", id)
	}
	return bad("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
}

func ownImage(q *Request) (*Image, error) {
	id := q.Form.Get("ImageId")
	i := q.World.image(q.Call.Region, id)
	if i == nil || !i.visible(q.World, q.Call.Account) {
		return nil, noImage(id)
	}
	if i.owner() != q.Call.Account {
		return nil, bad("AuthFailure", "Not authorized for image:%s", id)
	}
	return i, nil
}

func describeImageAttribute(q *Request) (any, error) {
	i, err := ownImage(q)
	if err != nil {
		return nil, err
	}
	type permissions struct {
		Items []Permission `xml:"item"`
	}
	type value struct {
		Value string `xml:"value"`
	}
	out := struct {
		ID       string       `xml:"imageId"`
		Shares   *permissions `xml:"launchPermission"`
		Desc     *value       `xml:"description"`
		Launched *value       `xml:"lastLaunchedTime"`
	}{ID: i.ID}
	switch a := q.Form.Get("Attribute"); a {
	case "launchPermission":
		out.Shares = &permissions{i.Shares}
	case "description":
		out.Desc = &value{i.Description}
	case "lastLaunchedTime":
		out.Launched = &value{stamp(i.LastLaunched)}
	default:
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", a)
	}
	return out, nil
}

func modifyImageAttribute(q *Request) (any, error) {
	i, err := ownImage(q)
	if err != nil {
		return nil, err
	}
	if text := q.Form.Get("Description.Value"); text != "" {
		i.Description = text
		return nil, nil
	}
	add, remove := readPermissions(q.Form, "LaunchPermission")
	if err := checkPermissions(slices.Concat(add, remove)); err != nil {
		return nil, err
	}
	st := ec2Of(q.Region)
	for _, id := range i.Snapshots {
		s := st.snapshots[id]
		switch {
		case s == nil || len(add) == 0 || !s.Encrypted:
		case q.World.awsManaged(s.Key):
			return nil, bad("OperationNotPermitted", "AMIs with snapshots encrypted under the EBS default key cannot be shared")
		case public(add):
			return nil, bad("OperationNotPermitted", "AMIs with encrypted snapshots cannot be made public")
		}
	}
	if public(add) && st.ImageBlock != "unblocked" {
		return nil, bad("OperationNotPermitted", "You can't publicly share this image because block public access for AMIs is enabled for this account.")
	}
	i.Shares = changeShares(i.Shares, add, remove)
	return nil, nil
}

func resetImageAttribute(q *Request) (any, error) {
	i, err := ownImage(q)
	if err != nil {
		return nil, err
	}
	i.Shares = nil
	return nil, nil
}

func deregisterImage(q *Request) (any, error) {
	i, err := ownImage(q)
	if err != nil {
		return nil, err
	}
	st := ec2Of(q.Region)
	if st.RecycleDays > 0 {
		i.Recycled = q.World.Now()
		i.RecycledTo = i.Recycled.Add(time.Duration(st.RecycleDays) * 24 * time.Hour)
		return nil, nil
	}
	delete(st.images, i.ID)
	return nil, nil
}

func listRecycledImages(q *Request) (any, error) {
	var found []recycledXML
	for _, i := range sorted(ec2Of(q.Region).images) {
		if !i.Recycled.IsZero() {
			found = append(found, recycledXML{Image: i.ID, Name: i.Name, Desc: i.Description, Enter: stamp(i.Recycled), Exit: stamp(i.RecycledTo)})
		}
	}
	part, next, err := page(q, found, 1)
	return struct {
		Images []recycledXML `xml:"imageSet>item"`
		Next   string        `xml:"nextToken,omitempty"`
	}{part, next}, err
}

func getAllowedImages(q *Request) (any, error) {
	set := q.Region.Settings()
	return struct {
		State string `xml:"state"`
		By    string `xml:"managedBy"`
	}{set.AllowedImages, set.BlockManagedBy}, nil
}
