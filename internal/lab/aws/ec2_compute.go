package aws

import (
	"strconv"
	"time"
)

var computeOps = map[string]operation{
	"DescribeVolumes":                describeVolumes,
	"DescribeInstances":              describeInstances,
	"DescribeLaunchTemplates":        describeTemplates,
	"DescribeLaunchTemplateVersions": describeTemplateVersions,
}

type attachmentXML struct {
	Volume   string `xml:"volumeId"`
	Instance string `xml:"instanceId"`
	Device   string `xml:"device"`
	Status   string `xml:"status"`
}

type volumeXML struct {
	ID        string          `xml:"volumeId"`
	Size      int             `xml:"size"`
	Snapshot  string          `xml:"snapshotId"`
	Zone      string          `xml:"availabilityZone"`
	Status    string          `xml:"status"`
	Created   string          `xml:"createTime"`
	Type      string          `xml:"volumeType"`
	Encrypted bool            `xml:"encrypted"`
	Key       string          `xml:"kmsKeyId,omitempty"`
	Attached  []attachmentXML `xml:"attachmentSet>item,omitempty"`
	Tags      []tagXML        `xml:"tagSet>item,omitempty"`
}

func (v *Volume) xml(region string) volumeXML {
	x := volumeXML{
		ID: v.ID, Size: v.Size, Snapshot: v.Snapshot, Zone: region + "a", Status: "available",
		Created: stamp(v.Created), Type: "gp3", Encrypted: v.Encrypted, Key: v.Key, Tags: tagsXML(v.Tags),
	}
	if v.AttachedTo != "" {
		x.Status = "in-use"
		x.Attached = []attachmentXML{{v.ID, v.AttachedTo, or(v.Device, "/dev/xvda"), "attached"}}
	}
	return x
}

func describeVolumes(q *Request) (any, error) {
	st, ids, filters := ec2Of(q.Region), q.Form.List("VolumeId"), q.Form.Filters()
	for _, id := range ids {
		if st.volumes[id] == nil {
			return nil, bad("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
		}
	}
	var found []volumeXML
	for _, v := range sorted(st.volumes) {
		if len(ids) > 0 && !contains(ids, v.ID) {
			continue
		}
		x := v.xml(q.Call.Region)
		ok, err := matchAll(filters, func(name string) ([]string, bool) {
			switch name {
			case "volume-id":
				return []string{v.ID}, true
			case "status":
				return []string{x.Status}, true
			case "snapshot-id":
				return []string{v.Snapshot}, true
			case "encrypted":
				return []string{strconv.FormatBool(v.Encrypted)}, true
			case "attachment.instance-id":
				return []string{v.AttachedTo}, true
			case "size":
				return []string{strconv.Itoa(v.Size)}, true
			}
			return tagFields(name, v.Tags)
		})
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, x)
		}
	}
	part, next, err := page(q, found, 5)
	return struct {
		Volumes []volumeXML `xml:"volumeSet>item"`
		Next    string      `xml:"nextToken,omitempty"`
	}{part, next}, err
}

type stateXML struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

type deviceXML struct {
	Device string `xml:"deviceName"`
	Volume string `xml:"ebs>volumeId"`
	Status string `xml:"ebs>status"`
	Delete bool   `xml:"ebs>deleteOnTermination"`
}

type instanceXML struct {
	ID       string      `xml:"instanceId"`
	Image    string      `xml:"imageId"`
	State    stateXML    `xml:"instanceState"`
	Type     string      `xml:"instanceType"`
	Launched string      `xml:"launchTime"`
	Zone     string      `xml:"placement>availabilityZone"`
	Root     string      `xml:"rootDeviceName"`
	RootType string      `xml:"rootDeviceType"`
	Devices  []deviceXML `xml:"blockDeviceMapping>item,omitempty"`
	Tags     []tagXML    `xml:"tagSet>item,omitempty"`
}

type reservationXML struct {
	ID        string        `xml:"reservationId"`
	Owner     string        `xml:"ownerId"`
	Instances []instanceXML `xml:"instancesSet>item"`
}

var stateCodes = map[string]int{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

func (i *Instance) xml(q *Request) reservationXML {
	x := instanceXML{
		ID: i.ID, Image: i.Image, State: stateXML{stateCodes[i.State], i.State}, Type: or(i.Type, "t3.small"),
		Launched: stamp(i.Launched), Zone: q.Call.Region + "a", Root: "/dev/xvda", RootType: "ebs", Tags: tagsXML(i.Tags),
	}
	for n, v := range i.Volumes {
		if i.State != "terminated" {
			x.Devices = append(x.Devices, deviceXML{"/dev/xvd" + string(rune('a'+n)), v, "attached", n == 0})
		}
	}
	return reservationXML{"r" + i.ID[1:], q.Call.Account, []instanceXML{x}}
}

func describeInstances(q *Request) (any, error) {
	st, ids, filters := ec2Of(q.Region), q.Form.List("InstanceId"), q.Form.Filters()
	for _, id := range ids {
		if st.instances[id] == nil {
			return nil, bad("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
	}
	var found []reservationXML
	for _, i := range sorted(st.instances) {
		if len(ids) > 0 && !contains(ids, i.ID) {
			continue
		}
		ok, err := matchAll(filters, func(name string) ([]string, bool) {
			switch name {
			case "instance-id":
				return []string{i.ID}, true
			case "image-id":
				return []string{i.Image}, true
			case "instance-state-name":
				return []string{i.State}, true
			case "block-device-mapping.volume-id":
				return i.Volumes, true
			}
			return tagFields(name, i.Tags)
		})
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, i.xml(q))
		}
	}
	part, next, err := page(q, found, 5)
	return struct {
		Reservations []reservationXML `xml:"reservationSet>item"`
		Next         string           `xml:"nextToken,omitempty"`
	}{part, next}, err
}

type templateXML struct {
	ID      string `xml:"launchTemplateId"`
	Name    string `xml:"launchTemplateName"`
	Created string `xml:"createTime"`
	By      string `xml:"createdBy"`
	Default int    `xml:"defaultVersionNumber"`
	Latest  int    `xml:"latestVersionNumber"`
}

func describeTemplates(q *Request) (any, error) {
	ids := q.Form.List("LaunchTemplateId")
	var found []templateXML
	for _, t := range sorted(ec2Of(q.Region).templates) {
		if len(ids) == 0 || contains(ids, t.ID) {
			found = append(found, templateXML{t.ID, t.Name, stamp(t.Created), "arn:aws:iam::" + q.Call.Account + ":user/admin", len(t.Images), len(t.Images)})
		}
	}
	part, next, err := page(q, found, 1)
	return struct {
		Templates []templateXML `xml:"launchTemplates>item"`
		Next      string        `xml:"nextToken,omitempty"`
	}{part, next}, err
}

type versionXML struct {
	ID      string `xml:"launchTemplateId"`
	Name    string `xml:"launchTemplateName"`
	Version int    `xml:"versionNumber"`
	Default bool   `xml:"defaultVersion"`
	Created string `xml:"createTime"`
	Image   string `xml:"launchTemplateData>imageId"`
}

// describeTemplateVersions gives every version of one template, or of all
// templates those that $Latest and $Default name.
func describeTemplateVersions(q *Request) (any, error) {
	id, name, want := q.Form.Get("LaunchTemplateId"), q.Form.Get("LaunchTemplateName"), q.Form.List("LaunchTemplateVersion")
	all := id == "" && name == ""
	if all && len(want) == 0 {
		return nil, bad("MissingParameter", "Either a launch template ID or a launch template name must be specified")
	}
	var found []versionXML
	seen := false
	for _, t := range sorted(ec2Of(q.Region).templates) {
		if !all && t.ID != id && t.Name != name {
			continue
		}
		seen = true
		for n, image := range t.Images {
			latest := n == len(t.Images)-1
			if len(want) == 0 || contains(want, strconv.Itoa(n+1)) || latest && (contains(want, "$Latest") || contains(want, "$Default")) {
				found = append(found, versionXML{t.ID, t.Name, n + 1, latest, stamp(t.Created.Add(time.Duration(n) * time.Hour)), image})
			}
		}
	}
	if !all && !seen {
		return nil, bad("InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID %s, does not exist.", id+name)
	}
	part, next, err := page(q, found, 1)
	return struct {
		Versions []versionXML `xml:"launchTemplateVersionSet>item"`
		Next     string       `xml:"nextToken,omitempty"`
	}{part, next}, err
}
