package aws

import (
	"slices"
	"strconv"
	"strings"
)

var snapshotOps = map[string]operation{
	"DescribeSnapshots":         describeSnapshots,
	"DescribeSnapshotAttribute": describeSnapshotAttribute,
	"ModifySnapshotAttribute":   modifySnapshotAttribute,
	"ResetSnapshotAttribute":    resetSnapshotAttribute,
	"ListSnapshotsInRecycleBin": listRecycledSnapshots,
}

// live tells whether the public entry of the share list is in force: under
// block-all-sharing it stays in the list and is held back.
func (s *Snapshot) live() bool {
	return public(s.Shares) && s.region.Settings().SnapshotBlock != "block-all-sharing"
}

func (s *Snapshot) owner() string { return s.region.Account.ID }

// visible tells whether an account sees the snapshot at all.
func (s *Snapshot) visible(w *World, account string) bool {
	return s.owner() == account || s.live() || w.namesAccount(s.Shares, account)
}

// ownedBy tells whether one of DescribeSnapshots' Owner values means this one.
func ownedBy(owners []string, owner, caller string) bool {
	return len(owners) == 0 || contains(owners, owner) || owner == caller && contains(owners, "self")
}

// restorableBy follows the parameter of that name: "all" means public ones,
// "self" and an account mean their own and those shared with them by name. An
// owner asking for "all" gets what the share list says, block or no block.
func (s *Snapshot) restorableBy(w *World, who []string, caller string) bool {
	if len(who) == 0 {
		return true
	}
	return slices.ContainsFunc(who, func(v string) bool {
		switch v {
		case "all":
			return public(s.Shares)
		case "self":
			v = caller
		}
		return s.owner() == v || w.namesAccount(s.Shares, v)
	})
}

func (s *Snapshot) field(name string) ([]string, bool) {
	switch name {
	case "snapshot-id":
		return []string{s.ID}, true
	case "volume-id":
		return []string{s.Volume}, true
	case "volume-size":
		return []string{strconv.Itoa(s.Size)}, true
	case "description":
		return []string{s.Description}, true
	case "encrypted":
		return []string{strconv.FormatBool(s.Encrypted)}, true
	case "owner-id":
		return []string{s.owner()}, true
	case "owner-alias":
		return nil, true
	case "status":
		return []string{s.State}, true
	case "progress":
		return []string{"100%"}, true
	case "storage-tier":
		return []string{s.Tier}, true
	case "start-time":
		return []string{stamp(s.Start)}, true
	}
	return tagFields(name, s.Tags)
}

type snapshotXML struct {
	ID        string   `xml:"snapshotId"`
	Volume    string   `xml:"volumeId"`
	Status    string   `xml:"status"`
	Start     string   `xml:"startTime"`
	Done      string   `xml:"completionTime,omitempty"`
	Progress  string   `xml:"progress"`
	Owner     string   `xml:"ownerId"`
	Size      int      `xml:"volumeSize"`
	Desc      string   `xml:"description"`
	Encrypted bool     `xml:"encrypted"`
	Key       string   `xml:"kmsKeyId,omitempty"`
	Tier      string   `xml:"storageTier"`
	FullBytes int64    `xml:"fullSnapshotSizeInBytes,omitempty"`
	Tags      []tagXML `xml:"tagSet>item,omitempty"`
}

// xml writes the snapshot as the caller sees it: tags and the stored size are
// the owner's.
func (s *Snapshot) xml(caller string) snapshotXML {
	x := snapshotXML{
		ID: s.ID, Volume: s.Volume, Status: s.State, Start: stamp(s.Start), Progress: "100%", Owner: s.owner(),
		Size: s.Size, Desc: s.Description, Encrypted: s.Encrypted, Key: s.Key, Tier: s.Tier,
	}
	if s.State == "completed" {
		x.Done = stamp(s.Start.Add(90e9))
	} else {
		x.Progress = "0%"
	}
	if caller == s.owner() {
		x.Tags, x.FullBytes = tagsXML(s.Tags), s.FullBytes
	}
	return x
}

func describeSnapshots(q *Request) (any, error) {
	ids, owners, who := q.Form.List("SnapshotId"), q.Form.List("Owner"), q.Form.List("RestorableBy")
	if len(ids) > 0 && q.Form.Get("MaxResults") != "" {
		return nil, bad("InvalidParameterCombination", "The parameter snapshotSet cannot be used with the parameter maxResults")
	}
	for _, id := range ids {
		if !strings.HasPrefix(id, "snap-") {
			return nil, bad("InvalidSnapshotID.Malformed", "Invalid id: %q (expecting \"snap-...\")", id)
		}
		if s := q.World.snapshot(q.Call.Region, id); s == nil || !s.visible(q.World, q.Call.Account) {
			return nil, noSnapshot(id)
		}
	}
	filters := q.Form.Filters()
	var found []*Snapshot
	var err error
	q.World.everyRegion(q.Call.Region, func(r *Region) {
		if !ownedBy(owners, r.Account.ID, q.Call.Account) || err != nil {
			return
		}
		for _, s := range sorted(ec2Of(r).snapshots) {
			if !s.Recycled.IsZero() || len(ids) > 0 && !contains(ids, s.ID) ||
				!s.visible(q.World, q.Call.Account) || !s.restorableBy(q.World, who, q.Call.Account) {
				continue
			}
			ok, ferr := matchAll(filters, s.field)
			if ferr != nil {
				err = ferr
				return
			}
			if ok {
				found = append(found, s)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	part, next, err := page(q, found, 5)
	if err != nil {
		return nil, err
	}
	out := struct {
		Snapshots []snapshotXML `xml:"snapshotSet>item"`
		Next      string        `xml:"nextToken,omitempty"`
	}{Next: next}
	for _, s := range part {
		out.Snapshots = append(out.Snapshots, s.xml(q.Call.Account))
	}
	return out, nil
}

// snapshot finds a snapshot of any account in a region.
func (w *World) snapshot(region, id string) (found *Snapshot) {
	w.everyRegion(region, func(r *Region) {
		if s := ec2Of(r).snapshots[id]; s != nil && s.Recycled.IsZero() {
			found = s
		}
	})
	return found
}

func noSnapshot(id string) *apiError {
	return bad("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
}

// ownSnapshot gives the caller's own snapshot that the call names. Another's
// private one does not exist, another's visible one may not be touched.
func ownSnapshot(q *Request) (*Snapshot, error) {
	id := q.Form.Get("SnapshotId")
	s := q.World.snapshot(q.Call.Region, id)
	if s == nil || !s.visible(q.World, q.Call.Account) {
		return nil, noSnapshot(id)
	}
	if s.owner() != q.Call.Account {
		return nil, bad("AuthFailure", "Not authorized for snapshot:%s", id)
	}
	return s, nil
}

func describeSnapshotAttribute(q *Request) (any, error) {
	s, err := ownSnapshot(q)
	if err != nil {
		return nil, err
	}
	type permissions struct {
		Items []Permission `xml:"item"`
	}
	out := struct {
		ID     string       `xml:"snapshotId"`
		Shares *permissions `xml:"createVolumePermission"`
		Codes  *struct{}    `xml:"productCodes"`
	}{ID: s.ID}
	switch a := q.Form.Get("Attribute"); a {
	case "createVolumePermission":
		out.Shares = &permissions{s.Shares}
	case "productCodes":
		out.Codes = &struct{}{}
	default:
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", a)
	}
	return out, nil
}

func modifySnapshotAttribute(q *Request) (any, error) {
	s, err := ownSnapshot(q)
	if err != nil {
		return nil, err
	}
	add, remove := readPermissions(q.Form, "CreateVolumePermission")
	if err := checkPermissions(slices.Concat(add, remove)); err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(add, remove) {
		if p.OrgARN != "" || p.UnitARN != "" {
			return nil, bad("UnknownParameter", "The parameter organization is not recognized")
		}
	}
	if err := s.mayShare(q.World, add); err != nil {
		return nil, err
	}
	s.Shares = changeShares(s.Shares, add, remove)
	return nil, nil
}

// mayShare holds AWS's rules for sharing a snapshot.
func (s *Snapshot) mayShare(w *World, add []Permission) error {
	switch {
	case len(add) == 0:
		return nil
	case s.Encrypted && w.awsManaged(s.Key):
		return bad("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
	case public(add) && s.Encrypted:
		return bad("OperationNotPermitted", "Encrypted snapshots cannot be made public")
	case public(add) && s.region.Settings().SnapshotBlock != "unblocked":
		return bad("OperationNotPermitted", "Snapshot %s cannot be publicly shared: block public access is enabled (%s)", s.ID, s.region.Settings().SnapshotBlock)
	}
	return nil
}

func resetSnapshotAttribute(q *Request) (any, error) {
	s, err := ownSnapshot(q)
	if err != nil {
		return nil, err
	}
	if a := q.Form.Get("Attribute"); a != "createVolumePermission" {
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", a)
	}
	s.Shares = nil
	return nil, nil
}

type recycledXML struct {
	Snapshot string `xml:"snapshotId,omitempty"`
	Image    string `xml:"imageId,omitempty"`
	Name     string `xml:"name,omitempty"`
	Volume   string `xml:"volumeId,omitempty"`
	Desc     string `xml:"description"`
	Enter    string `xml:"recycleBinEnterTime"`
	Exit     string `xml:"recycleBinExitTime"`
}

func listRecycledSnapshots(q *Request) (any, error) {
	var found []recycledXML
	ids := q.Form.List("SnapshotId")
	for _, s := range sorted(ec2Of(q.Region).snapshots) {
		if !s.Recycled.IsZero() && (len(ids) == 0 || contains(ids, s.ID)) {
			found = append(found, recycledXML{Snapshot: s.ID, Volume: s.Volume, Desc: s.Description, Enter: stamp(s.Recycled), Exit: stamp(s.RecycledTo)})
		}
	}
	part, next, err := page(q, found, 5)
	return struct {
		Snapshots []recycledXML `xml:"snapshotSet>item"`
		Next      string        `xml:"nextToken,omitempty"`
	}{part, next}, err
}
