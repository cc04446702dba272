package aws

import (
	"time"

	"github.com/lenscap/lenscap/internal/lab/disks"
)

// Permission is one entry of a share list: exactly one field is set.
type Permission struct {
	Group   string `xml:"group,omitempty"` // "all"
	UserID  string `xml:"userId,omitempty"`
	OrgARN  string `xml:"organizationArn,omitempty"`
	UnitARN string `xml:"organizationalUnitArn,omitempty"`
}

// Everyone is the permission that makes an object public.
var Everyone = Permission{Group: "all"}

// Snapshot is one EBS snapshot.
type Snapshot struct {
	ID          string
	Volume      string // "vol-ffffffff" for a copy, as AWS says
	Description string
	Size        int // GiB
	FullBytes   int64
	Start       time.Time
	State       string // pending, completed, error; empty means completed
	Encrypted   bool
	Key         string // ARN of the KMS key
	Tier        string // standard, archive; empty means standard
	Tags        map[string]string
	Shares      []Permission
	Disk        *disks.Disk // the bytes; nil reads as a disk with no written block
	Lock        *Lock
	Recycled    time.Time // when it entered the recycle bin
	RecycledTo  time.Time // when it leaves it
	region      *Region
}

// Lock keeps a snapshot from being deleted.
type Lock struct {
	State    string // compliance, governance, compliance-cooloff, expired
	Created  time.Time
	Days     int
	Cooloff  int // hours
	Expires  time.Time
	CooledAt time.Time
}

// Image is one AMI.
type Image struct {
	ID, Name, Description string
	Created               time.Time
	Deprecated            time.Time
	LastLaunched          time.Time
	State                 string // available, disabled, pending; empty means available
	Snapshots             []string
	SourceInstance        string
	SourceImage           string
	SourceRegion          string
	Shares                []Permission
	Tags                  map[string]string
	Recycled, RecycledTo  time.Time
	region                *Region
}

// Volume is one EBS volume.
type Volume struct {
	ID         string
	Size       int // GiB
	Snapshot   string
	Created    time.Time
	Encrypted  bool
	Key        string
	AttachedTo string
	Device     string
	Tags       map[string]string
	Disk       *disks.Disk
}

// Instance is one EC2 instance.
type Instance struct {
	ID, Image, Type string
	State           string // running, stopped, terminated; empty means running
	Launched        time.Time
	Volumes         []string // the first one is the root
	Tags            map[string]string
}

// FPGAImage is one Amazon FPGA image.
type FPGAImage struct {
	ID, GlobalID, Name string
	Created            time.Time
	Shares             []Permission
	Tags               map[string]string
	region             *Region
}

// LaunchTemplate is a template with one version for each image it named.
type LaunchTemplate struct {
	ID, Name string
	Created  time.Time
	Images   []string // of version 1, 2 …; the last one is the latest and default
}

// ExportTask is a copy of an image or instance that was written to a bucket:
// by CreateStoreImageTask, ExportImage or CreateInstanceExportTask.
type ExportTask struct {
	ID, Of      string
	Bucket, Key string // for ExportImage, Key is the prefix before the task's ID
	Format      string // vmdk, vhd, raw; "bin" for a stored image
	State       string // completed, active, failed; empty means completed
	Started     time.Time
	Tags        map[string]string
}

// Settings are the region's guards.
type Settings struct {
	SnapshotBlock    string // unblocked, block-new-sharing, block-all-sharing
	ImageBlock       string // unblocked, block-new-sharing
	BlockManagedBy   string // account, declarative-policy
	EncryptByDefault bool
	DefaultKey       string // empty means the AWS managed key alias/aws/ebs
	AllowedImages    string // disabled, audit-mode, enabled
	RecycleDays      int    // how long deleted snapshots stay in the recycle bin; 0 means they don't
}

// ec2State is one account's EC2 in one region.
type ec2State struct {
	Settings
	snapshots map[string]*Snapshot
	images    map[string]*Image
	volumes   map[string]*Volume
	instances map[string]*Instance
	fpga      map[string]*FPGAImage
	templates map[string]*LaunchTemplate
	stored    []*ExportTask
	exported  []*ExportTask
	instTasks []*ExportTask
}

func (s *ec2State) init() {
	s.Settings = Settings{SnapshotBlock: "unblocked", ImageBlock: "unblocked", BlockManagedBy: "account", AllowedImages: "disabled"}
	s.snapshots = make(map[string]*Snapshot)
	s.images = make(map[string]*Image)
	s.volumes = make(map[string]*Volume)
	s.instances = make(map[string]*Instance)
	s.fpga = make(map[string]*FPGAImage)
	s.templates = make(map[string]*LaunchTemplate)
}

func ec2Of(r *Region) *ec2State { return stateOf[ec2State](r) }

// Settings gives the region's guards, to be read and changed.
func (r *Region) Settings() *Settings { return &ec2Of(r).Settings }

// AddSnapshot puts a snapshot into the region.
func (r *Region) AddSnapshot(s Snapshot) *Snapshot {
	s.region = r
	s.State, s.Tier = or(s.State, "completed"), or(s.Tier, "standard")
	ec2Of(r).snapshots[s.ID] = &s
	return &s
}

// Snapshot gives a snapshot of the region, nil when there is none.
func (r *Region) Snapshot(id string) *Snapshot { return ec2Of(r).snapshots[id] }

// AddImage puts an AMI into the region.
func (r *Region) AddImage(i Image) *Image {
	i.region, i.State = r, or(i.State, "available")
	ec2Of(r).images[i.ID] = &i
	return &i
}

// AddVolume puts a volume into the region.
func (r *Region) AddVolume(v Volume) *Volume {
	ec2Of(r).volumes[v.ID] = &v
	return &v
}

// AddInstance puts an instance into the region.
func (r *Region) AddInstance(i Instance) *Instance {
	i.State = or(i.State, "running")
	ec2Of(r).instances[i.ID] = &i
	return &i
}

// AddFPGAImage puts an FPGA image into the region.
func (r *Region) AddFPGAImage(f FPGAImage) *FPGAImage {
	f.region = r
	ec2Of(r).fpga[f.ID] = &f
	return &f
}

// AddLaunchTemplate puts a launch template into the region.
func (r *Region) AddLaunchTemplate(t LaunchTemplate) { ec2Of(r).templates[t.ID] = &t }

// AddStoreTask adds a task of CreateStoreImageTask.
func (r *Region) AddStoreTask(t ExportTask) { ec2Of(r).stored = append(ec2Of(r).stored, &t) }

// AddImageExport adds a task of ExportImage.
func (r *Region) AddImageExport(t ExportTask) { ec2Of(r).exported = append(ec2Of(r).exported, &t) }

// AddInstanceExport adds a task of CreateInstanceExportTask.
func (r *Region) AddInstanceExport(t ExportTask) { ec2Of(r).instTasks = append(ec2Of(r).instTasks, &t) }

// Counts gives the number of EC2 objects of each kind in every region of every
// account.
func (w *World) Counts() map[string]int {
	out := make(map[string]int)
	for _, a := range w.accounts {
		for _, r := range a.regions {
			st := ec2Of(r)
			out["snapshots"] += len(st.snapshots)
			out["images"] += len(st.images)
			out["volumes"] += len(st.volumes)
			out["instances"] += len(st.instances)
			out["fpga_images"] += len(st.fpga)
		}
	}
	return out
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
