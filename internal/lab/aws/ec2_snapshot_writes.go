package aws

import (
	"maps"
	"slices"
	"strings"
	"time"
)

var snapshotWrites = map[string]operation{
	"CreateSnapshot": createSnapshot,
	"CopySnapshot":   copySnapshot,
	"DeleteSnapshot": deleteSnapshot,
	"CreateVolume":   createVolume,
}

// specTags reads TagSpecification.1.ResourceType and its tags.
func specTags(f form, resource string) map[string]string {
	out := make(map[string]string)
	for _, spec := range f.Structs("TagSpecification") {
		if spec.Get("ResourceType") != resource {
			continue
		}
		for _, t := range spec.Structs("Tag") {
			out[t.Get("Key")] = t.Get("Value")
		}
	}
	return out
}

func createSnapshot(q *Request) (any, error) {
	st, id := ec2Of(q.Region), q.Form.Get("VolumeId")
	v := st.volumes[id]
	if v == nil {
		return nil, bad("InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
	}
	s := q.Region.AddSnapshot(Snapshot{
		ID: q.World.newID("snap"), Volume: id, Description: q.Form.Get("Description"), Size: v.Size, Start: q.World.Now(),
		Encrypted: v.Encrypted, Key: v.Key, Disk: v.Disk, Tags: specTags(q.Form, "snapshot"), FullBytes: v.Disk.Bytes(),
	})
	q.later = map[string]any{"snapshotId": s.ID, "volumeId": s.Volume, "ownerId": s.owner(), "encrypted": s.Encrypted}
	return s.xml(q.Call.Account), nil
}

func copySnapshot(q *Request) (any, error) {
	from, id := or(q.Form.Get("SourceRegion"), q.Call.Region), q.Form.Get("SourceSnapshotId")
	src := q.World.snapshot(from, id)
	if src == nil || !src.visible(q.World, q.Call.Account) {
		return nil, noSnapshot(id)
	}
	if src.Encrypted && !q.World.mayDecrypt(src.Key, q.Call.Account) {
		return nil, bad("InvalidKmsKey.InvalidState", "The source snapshot KMS key does not exist, is not enabled or you do not have permissions to access it")
	}
	set := q.Region.Settings()
	encrypted := src.Encrypted || q.Form.Bool("Encrypted") || q.Form.Get("KmsKeyId") != "" || set.EncryptByDefault
	dst := q.Region.AddSnapshot(Snapshot{
		ID: q.World.newID("snap"), Volume: "vol-ffffffff", Size: src.Size, Start: q.World.Now(), FullBytes: src.FullBytes,
		Description: or(q.Form.Get("Description"), "[Copied "+id+" from "+from+"] "+src.Description),
		Encrypted:   encrypted, Disk: src.Disk, Tags: specTags(q.Form, "snapshot"),
	})
	if encrypted {
		dst.Key = or(q.Form.Get("KmsKeyId"), q.World.defaultKey(q.Region))
	}
	q.later = map[string]any{"snapshotId": dst.ID}
	q.tellOwner(src, "SharedSnapshotCopyInitiated")
	return struct {
		ID   string   `xml:"snapshotId"`
		Tags []tagXML `xml:"tagSet>item,omitempty"`
	}{dst.ID, tagsXML(dst.Tags)}, nil
}

// tellOwner writes the event that a snapshot's owner sees in the own trail when
// another account copies it or makes a volume of it.
func (q *Request) tellOwner(s *Snapshot, event string) {
	if s.owner() == q.Call.Account {
		return
	}
	q.lab.trail.add(Event{
		EventTime: q.World.Now(), EventSource: "ec2.amazonaws.com", EventName: event, AWSRegion: s.region.Name,
		SourceIPAddress: "ec2.amazonaws.com", UserAgent: "ec2.amazonaws.com", EventType: "AwsServiceEvent", ManagementEvent: true,
		UserIdentity:      UserIdentity{Type: "AWSService", AccountID: q.Call.Account},
		RequestParameters: map[string]any{"snapshotId": s.ID, "userId": q.Call.Account},
		RequestID:         q.id, EventID: "s" + q.id[1:], RecipientAccount: s.owner(),
	})
}

func deleteSnapshot(q *Request) (any, error) {
	s, err := ownSnapshot(q)
	if err != nil {
		return nil, err
	}
	if s.Lock != nil && s.Lock.State != "expired" {
		return nil, bad("OperationNotPermitted", "Snapshot %s is locked (%s) and cannot be deleted", s.ID, s.Lock.State)
	}
	st := ec2Of(q.Region)
	for _, i := range sorted(st.images) {
		if i.Recycled.IsZero() && slices.Contains(i.Snapshots, s.ID) {
			return nil, bad("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", s.ID, i.ID)
		}
	}
	if st.RecycleDays > 0 {
		s.Recycled = q.World.Now()
		s.RecycledTo = s.Recycled.Add(time.Duration(st.RecycleDays) * 24 * time.Hour)
		return nil, nil
	}
	delete(st.snapshots, s.ID)
	return nil, nil
}

func createVolume(q *Request) (any, error) {
	v := Volume{ID: q.World.newID("vol"), Size: q.Form.Int("Size", 0), Created: q.World.Now(), Encrypted: q.Form.Bool("Encrypted"), Tags: specTags(q.Form, "volume")}
	if id := q.Form.Get("SnapshotId"); id != "" {
		s := q.World.snapshot(q.Call.Region, id)
		if s == nil || !s.visible(q.World, q.Call.Account) {
			return nil, noSnapshot(id)
		}
		if s.Encrypted && !q.World.mayDecrypt(s.Key, q.Call.Account) {
			return nil, bad("InvalidKmsKey.InvalidState", "You do not have permissions to access the KMS key of the snapshot")
		}
		v.Snapshot, v.Disk, v.Size, v.Encrypted = id, s.Disk, max(v.Size, s.Size), v.Encrypted || s.Encrypted
		q.tellOwner(s, "SharedSnapshotVolumeCreated")
	}
	if v.Size == 0 {
		return nil, bad("MissingParameter", "The request must contain the parameter size or snapshotId")
	}
	if v.Encrypted || q.Region.Settings().EncryptByDefault {
		v.Encrypted, v.Key = true, or(q.Form.Get("KmsKeyId"), q.World.defaultKey(q.Region))
	}
	added := q.Region.AddVolume(v)
	q.later = map[string]any{"volumeId": v.ID, "snapshotId": v.Snapshot}
	return added.xml(q.Call.Region), nil
}

var tagOps = map[string]operation{
	"CreateTags":   createTags,
	"DeleteTags":   deleteTags,
	"DescribeTags": describeTags,
}

// tagged is every object of a region that carries tags.
func (st *ec2State) tagged(visit func(id, kind string, tags *map[string]string)) {
	for id, v := range st.snapshots {
		visit(id, "snapshot", &v.Tags)
	}
	for id, v := range st.images {
		visit(id, "image", &v.Tags)
	}
	for id, v := range st.volumes {
		visit(id, "volume", &v.Tags)
	}
	for id, v := range st.instances {
		visit(id, "instance", &v.Tags)
	}
	for id, v := range st.fpga {
		visit(id, "fpga-image", &v.Tags)
	}
}

func eachResource(q *Request, change func(tags map[string]string)) error {
	for _, want := range q.Form.List("ResourceId") {
		found := false
		ec2Of(q.Region).tagged(func(id, _ string, tags *map[string]string) {
			if id != want {
				return
			}
			found = true
			next := maps.Clone(*tags)
			if next == nil {
				next = make(map[string]string)
			}
			change(next)
			*tags = next
		})
		if !found {
			return bad("InvalidID", "The ID '%s' is not valid", want)
		}
	}
	return nil
}

func createTags(q *Request) (any, error) {
	return nil, eachResource(q, func(tags map[string]string) {
		for _, t := range q.Form.Structs("Tag") {
			tags[t.Get("Key")] = t.Get("Value")
		}
	})
}

func deleteTags(q *Request) (any, error) {
	return nil, eachResource(q, func(tags map[string]string) {
		for _, t := range q.Form.Structs("Tag") {
			delete(tags, t.Get("Key"))
		}
	})
}

func describeTags(q *Request) (any, error) {
	type item struct {
		Resource string `xml:"resourceId"`
		Kind     string `xml:"resourceType"`
		Key      string `xml:"key"`
		Value    string `xml:"value"`
	}
	var found []item
	var err error
	filters := q.Form.Filters()
	ec2Of(q.Region).tagged(func(id, kind string, tags *map[string]string) {
		for k, v := range *tags {
			ok, ferr := matchAll(filters, func(name string) ([]string, bool) {
				switch name {
				case "resource-id":
					return []string{id}, true
				case "resource-type":
					return []string{kind}, true
				case "key":
					return []string{k}, true
				case "value":
					return []string{v}, true
				}
				return tagFields(name, *tags)
			})
			if ferr != nil {
				err = ferr
			}
			if ok {
				found = append(found, item{id, kind, k, v})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b item) int { return strings.Compare(a.Resource+"\x00"+a.Key, b.Resource+"\x00"+b.Key) })
	part, next, err := page(q, found, 5)
	return struct {
		Tags []item `xml:"tagSet>item"`
		Next string `xml:"nextToken,omitempty"`
	}{part, next}, err
}
