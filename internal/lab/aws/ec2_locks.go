package aws

import "time"

var lockOps = map[string]operation{
	"LockSnapshot":            lockSnapshot,
	"UnlockSnapshot":          unlockSnapshot,
	"DescribeLockedSnapshots": describeLocked,
}

type lockXML struct {
	Owner    string `xml:"ownerId,omitempty"`
	ID       string `xml:"snapshotId"`
	State    string `xml:"lockState"`
	Days     int    `xml:"lockDuration,omitempty"`
	Cooloff  int    `xml:"coolOffPeriod,omitempty"`
	CooledAt string `xml:"coolOffPeriodExpiresOn,omitempty"`
	Created  string `xml:"lockCreatedOn"`
	Started  string `xml:"lockDurationStartTime"`
	Expires  string `xml:"lockExpiresOn,omitempty"`
}

func (s *Snapshot) lockXML() lockXML {
	l := s.Lock
	return lockXML{s.owner(), s.ID, l.State, l.Days, l.Cooloff, stamp(l.CooledAt), stamp(l.Created), stamp(l.Created), stamp(l.Expires)}
}

func lockSnapshot(q *Request) (any, error) {
	s, err := ownSnapshot(q)
	if err != nil {
		return nil, err
	}
	mode, days := q.Form.Get("LockMode"), q.Form.Int("LockDuration", 0)
	now := q.World.Now()
	expires, parseErr := time.Parse(time.RFC3339, q.Form.Get("ExpirationDate"))
	if days > 0 {
		expires = now.Add(time.Duration(days) * 24 * time.Hour)
	} else if parseErr != nil {
		return nil, bad("MissingParameter", "The request must contain the parameter LockDuration or ExpirationDate")
	}
	if s.Lock != nil && s.Lock.State == "compliance" && expires.Before(s.Lock.Expires) {
		return nil, bad("SnapshotLock.InvalidState", "A lock in compliance mode cannot be shortened")
	}
	lock := &Lock{Created: now, Days: days, Expires: expires}
	switch mode {
	case "governance":
		lock.State = mode
	case "compliance":
		lock.State, lock.Cooloff = mode, q.Form.Int("CoolOffPeriod", 0)
		if lock.Cooloff > 0 {
			lock.State, lock.CooledAt = "compliance-cooloff", now.Add(time.Duration(lock.Cooloff)*time.Hour)
		}
	default:
		return nil, bad("InvalidParameterValue", "Value (%s) for parameter lockMode is invalid.", mode)
	}
	s.Lock = lock
	x := s.lockXML()
	x.Owner = ""
	return x, nil
}

func unlockSnapshot(q *Request) (any, error) {
	s, err := ownSnapshot(q)
	if err != nil {
		return nil, err
	}
	if s.Lock == nil {
		return nil, bad("SnapshotLock.InvalidState", "The snapshot %s is not locked", s.ID)
	}
	if s.Lock.State == "compliance" {
		return nil, bad("SnapshotLock.InvalidState", "The snapshot %s is locked in compliance mode", s.ID)
	}
	s.Lock = nil
	return struct {
		ID string `xml:"snapshotId"`
	}{s.ID}, nil
}

func describeLocked(q *Request) (any, error) {
	ids, filters := q.Form.List("SnapshotId"), q.Form.Filters()
	var found []lockXML
	for _, s := range sorted(ec2Of(q.Region).snapshots) {
		if s.Lock == nil || len(ids) > 0 && !contains(ids, s.ID) {
			continue
		}
		ok, err := matchAll(filters, func(name string) ([]string, bool) { return []string{s.Lock.State}, name == "lock-state" })
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, s.lockXML())
		}
	}
	part, next, err := page(q, found, 5)
	return struct {
		Snapshots []lockXML `xml:"snapshotSet>item"`
		Next      string    `xml:"nextToken,omitempty"`
	}{part, next}, err
}
