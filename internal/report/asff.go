package report

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lenscap/lenscap"
)

// asffFinding is the AWS Security Finding Format, schema 2018-10-08 (AWS
// Security Hub user guide, "Required top-level ASFF attributes").
type asffFinding struct {
	SchemaVersion string            `json:"SchemaVersion"`
	ID            string            `json:"Id"`
	ProductArn    string            `json:"ProductArn"`
	ProductName   string            `json:"ProductName"`
	CompanyName   string            `json:"CompanyName"`
	GeneratorID   string            `json:"GeneratorId"`
	AwsAccountID  string            `json:"AwsAccountId"`
	Region        string            `json:"Region,omitempty"`
	Types         []string          `json:"Types"`
	CreatedAt     string            `json:"CreatedAt"`
	UpdatedAt     string            `json:"UpdatedAt"`
	FirstObserved string            `json:"FirstObservedAt,omitempty"`
	LastObserved  string            `json:"LastObservedAt,omitempty"`
	Severity      asffSeverity      `json:"Severity"`
	Title         string            `json:"Title"`
	Description   string            `json:"Description"`
	Remediation   asffRemedy        `json:"Remediation"`
	Resources     []asffResource    `json:"Resources"`
	Compliance    asffCompliance    `json:"Compliance"`
	Workflow      asffWorkflow      `json:"Workflow"`
	RecordState   string            `json:"RecordState"`
	ProductFields map[string]string `json:"ProductFields,omitempty"`
}

type asffSeverity struct {
	Label    string `json:"Label"`
	Original string `json:"Original"`
}

type asffRemedy struct {
	Recommendation struct {
		Text string `json:"Text"`
	} `json:"Recommendation"`
}

type asffResource struct {
	Type      string      `json:"Type"`
	ID        string      `json:"Id"`
	Partition string      `json:"Partition"`
	Region    string      `json:"Region,omitempty"`
	Details   asffDetails `json:"Details"`
}

type asffDetails struct {
	Other map[string]string `json:"Other"`
}

type asffCompliance struct {
	Status string `json:"Status"`
}

type asffWorkflow struct {
	Status string `json:"Status"`
}

// asffTypes are the resource types of the format; a kind without one is "Other".
var asffTypes = map[lenscap.Kind]string{
	lenscap.KindVolume: "AwsEc2Volume", lenscap.KindDatabaseSnapshot: "AwsRdsDbSnapshot",
	lenscap.KindBackupVault: "AwsBackupBackupVault", lenscap.KindBackup: "AwsBackupRecoveryPoint",
	lenscap.KindDiskObject: "AwsS3Object", lenscap.KindAccount: "AwsAccount",
}

var asffLabels = map[lenscap.Severity]string{
	lenscap.SeverityCritical: "CRITICAL", lenscap.SeverityHigh: "HIGH", lenscap.SeverityMedium: "MEDIUM",
	lenscap.SeverityLow: "LOW", lenscap.SeverityInfo: "INFORMATIONAL", lenscap.SeverityNone: "INFORMATIONAL",
}

func writeASFF(w io.Writer, in Input) error {
	return writeList(w, each(in, func(in *Input, i int) asffFinding { return in.asff(in.Findings[i]) }))
}

func (in Input) asff(f lenscap.Finding) asffFinding {
	ref, r := f.Asset.Ref, in.rule(f)
	region := ref.Region
	if region == "" {
		region = "us-east-1" // the format's region of global resources
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			t = in.Now
		}
		return t.UTC().Format(time.RFC3339)
	}
	a := asffFinding{
		SchemaVersion: "2018-10-08", ID: "lenscap/" + f.ID,
		ProductArn:  "arn:" + partition(region) + ":securityhub:" + region + ":" + ref.Account + ":product/" + ref.Account + "/default",
		ProductName: "lenscap", CompanyName: "lenscap", GeneratorID: cut("lenscap/"+f.Rule, 512),
		AwsAccountID: ref.Account, Region: region, Types: []string{"Effects/Data Exposure"},
		CreatedAt: stamp(f.FirstSeen), UpdatedAt: stamp(f.LastSeen), FirstObserved: stamp(f.FirstSeen), LastObserved: stamp(f.LastSeen),
		Severity: asffSeverity{asffLabels[f.Severity], f.Severity.String()},
		Title:    cut(clean(in.say(r.Title)+": "+ref.ID), 256), Description: cut(in.say(r.Text), 1024),
		Compliance: asffCompliance{"FAILED"}, Workflow: asffWorkflow{"NEW"}, RecordState: "ACTIVE",
		ProductFields: map[string]string{"lenscap/verdict": string(f.Exposure.Verdict), "lenscap/kind": string(ref.Kind)},
	}
	if len(f.Unconfirmed) > 0 || f.Exposure.Verdict == lenscap.VerdictUnknown && len(f.Exposure.Residues) == 0 {
		a.Compliance.Status = "NOT_AVAILABLE"
	}
	switch f.Status {
	case lenscap.StatusMuted:
		a.Workflow.Status = "SUPPRESSED"
	case lenscap.StatusResolved:
		a.Workflow.Status, a.RecordState, a.Compliance.Status = "RESOLVED", "ARCHIVED", "PASSED"
	case lenscap.StatusOpen:
	}
	a.Remediation.Recommendation.Text = cut(in.say(r.Remedy), 512)
	a.Resources = []asffResource{in.asffResource(f, region)}
	return a
}

func (in Input) asffResource(f lenscap.Finding, region string) asffResource {
	ref := f.Asset.Ref
	typ := asffTypes[ref.Kind]
	if typ == "" {
		typ = "Other"
	}
	other := map[string]string{"Verdict": string(f.Exposure.Verdict), "Kind": string(ref.Kind)}
	var who []string
	for _, reach := range f.Exposure.Reaches {
		who = append(who, strings.TrimSpace(string(reach.Grant.Principal.Type)+" "+reach.Grant.Principal.ID))
	}
	if len(who) > 0 {
		other["SharedWith"] = cut(strings.Join(who, ", "), 1024)
	}
	return asffResource{Type: typ, ID: cut(clean(ref.String()), 512), Partition: partition(region), Region: region, Details: asffDetails{other}}
}

// partition names the part of AWS that a region belongs to: China and the
// government's have their own.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// cut shortens text to the format's limit in characters.
func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
