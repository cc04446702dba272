package report

import (
	"io"
	"time"

	"github.com/lenscap/lenscap"
)

// The OCSF format is class 2003, Compliance Finding, of the Open Cybersecurity
// Schema Framework 1.3.0: a finding here is a standing state of a resource held
// against controls, not an event that was detected (that would be 2004).
const (
	ocsfVersion  = "1.3.0"
	ocsfCategory = 2
	ocsfClass    = 2003
)

type ocsfFinding struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	CategoryUID  int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	ClassUID     int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	TypeUID      int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	SeverityID   int            `json:"severity_id"`
	Severity     string         `json:"severity"`
	StatusID     int            `json:"status_id"`
	Status       string         `json:"status"`
	Time         int64          `json:"time"` // milliseconds since 1970
	Message      string         `json:"message"`
	Metadata     ocsfMetadata   `json:"metadata"`
	FindingInfo  ocsfInfo       `json:"finding_info"`
	Compliance   ocsfCompliance `json:"compliance"`
	Remediation  ocsfRemedy     `json:"remediation"`
	Resources    []ocsfResource `json:"resources"`
	Cloud        ocsfCloud      `json:"cloud"`
	Unmapped     ocsfUnmapped   `json:"unmapped"`
}

type ocsfMetadata struct {
	Version   string      `json:"version"`
	Product   ocsfProduct `json:"product"`
	Profiles  []string    `json:"profiles"`
	EventCode string      `json:"event_code"`
	UID       string      `json:"uid"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfInfo struct {
	UID       string   `json:"uid"`
	Title     string   `json:"title"`
	Desc      string   `json:"desc"`
	Types     []string `json:"types"`
	Created   int64    `json:"created_time"`
	FirstSeen int64    `json:"first_seen_time"`
	LastSeen  int64    `json:"last_seen_time"`
}

type ocsfCompliance struct {
	Standards    []string `json:"standards"`
	Requirements []string `json:"requirements,omitempty"`
	Control      string   `json:"control"`
	StatusID     int      `json:"status_id"`
	Status       string   `json:"status"`
}

type ocsfRemedy struct {
	Desc string `json:"desc"`
}

type ocsfResource struct {
	UID    string `json:"uid"`
	Name   string `json:"name,omitempty"`
	Type   string `json:"type"`
	Region string `json:"region,omitempty"`
}

type ocsfCloud struct {
	Provider string      `json:"provider"`
	Region   string      `json:"region,omitempty"`
	Account  ocsfAccount `json:"account"`
}

type ocsfAccount struct {
	UID string `json:"uid"`
}

type ocsfUnmapped struct {
	Verdict  lenscap.Verdict `json:"verdict"`
	Readable string          `json:"readable"`
	Items    int             `json:"items_on_disk"`
}

// ocsfSeverities are the ids of the dictionary's severity_id.
var ocsfSeverities = map[lenscap.Severity]struct {
	id   int
	name string
}{
	lenscap.SeverityInfo: {1, "Informational"}, lenscap.SeverityLow: {2, "Low"}, lenscap.SeverityMedium: {3, "Medium"},
	lenscap.SeverityHigh: {4, "High"}, lenscap.SeverityCritical: {5, "Critical"}, lenscap.SeverityNone: {0, "Unknown"},
}

func writeOCSF(w io.Writer, in Input) error {
	return writeList(w, each(in, func(in *Input, i int) ocsfFinding { return in.ocsf(in.Findings[i]) }))
}

func (in Input) ocsf(f lenscap.Finding) ocsfFinding {
	ref, r := f.Asset.Ref, in.rule(f)
	activity, name := 2, "Update"
	if f.FirstSeen.Equal(f.LastSeen) {
		activity, name = 1, "Create"
	}
	status, statusName, result, resultName := 1, "New", 3, "Fail"
	switch f.Status {
	case lenscap.StatusMuted:
		status, statusName = 3, "Suppressed"
	case lenscap.StatusResolved:
		status, statusName, result, resultName = 4, "Resolved", 1, "Pass"
		activity, name = 3, "Close"
	case lenscap.StatusOpen:
	}
	sev := ocsfSeverities[f.Severity]
	o := ocsfFinding{
		ActivityID: activity, ActivityName: name, CategoryUID: ocsfCategory, CategoryName: "Findings",
		ClassUID: ocsfClass, ClassName: "Compliance Finding", TypeUID: ocsfClass*100 + activity, TypeName: "Compliance Finding: " + name,
		SeverityID: sev.id, Severity: sev.name, StatusID: status, Status: statusName,
		Time: in.millis(f.LastSeen), Message: in.say(r.Title) + ": " + ref.ID,
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfProduct{"lenscap", "lenscap", in.Version},
			Profiles: []string{"cloud"}, EventCode: f.Rule, UID: f.ID,
		},
		FindingInfo: ocsfInfo{
			UID: f.ID, Title: in.say(r.Title), Desc: in.say(r.Text), Types: []string{f.Rule},
			Created: in.millis(f.FirstSeen), FirstSeen: in.millis(f.FirstSeen), LastSeen: in.millis(f.LastSeen),
		},
		Compliance:  ocsfCompliance{Control: f.Rule, StatusID: result, Status: resultName, Standards: []string{"lenscap"}},
		Remediation: ocsfRemedy{in.say(r.Remedy)},
		Resources:   []ocsfResource{{UID: ref.String(), Name: f.Asset.Name, Type: string(ref.Kind), Region: ref.Region}},
		Cloud:       ocsfCloud{Provider: ref.Provider, Region: ref.Region, Account: ocsfAccount{ref.Account}},
		Unmapped:    ocsfUnmapped{Verdict: f.Exposure.Verdict, Readable: in.plainTri(f.Exposure.Readable)},
	}
	if fs := frameworks(r.Mappings); len(fs) > 0 {
		o.Compliance.Standards = nil
		for _, fw := range fs {
			o.Compliance.Standards = append(o.Compliance.Standards, fw.name)
			for _, c := range fw.controls {
				o.Compliance.Requirements = append(o.Compliance.Requirements, fw.name+" "+c)
			}
		}
	}
	if f.Evidence != nil {
		o.Unmapped.Items = len(f.Evidence.Items) + f.Evidence.Truncated
	}
	return o
}

func (in Input) millis(t time.Time) int64 {
	if t.IsZero() {
		t = in.Now
	}
	return t.UnixMilli()
}

func (in Input) plainTri(t lenscap.Tri) string {
	if t == lenscap.Unknown {
		return "unknown"
	}
	return string(t)
}
