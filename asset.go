package lenscap

import (
	"fmt"
	"strings"
	"time"
)

// Kind says what an asset is, in words that every cloud shares.
type Kind string

// The kinds of asset.
const (
	KindVolume           Kind = "volume"            // a live block device
	KindDiskSnapshot     Kind = "disk_snapshot"     // a point-in-time copy of a volume
	KindMachineImage     Kind = "machine_image"     // what an instance boots from
	KindFPGAImage        Kind = "fpga_image"        // a hardware design, shared like a machine image
	KindDatabaseSnapshot Kind = "database_snapshot" // a copy of a managed database's storage
	KindBackup           Kind = "backup"            // a recovery point in a vault
	KindBackupVault      Kind = "backup_vault"      // the container whose policy covers its backups
	KindDiskObject       Kind = "disk_object"       // an exported disk in object storage
	KindSharePolicy      Kind = "share_policy"      // a standing policy that shares new copies by itself
	KindInstance         Kind = "instance"          // lineage only
	KindKey              Kind = "key"               // an encryption key
	KindAccount          Kind = "account"           // an account's settings in one region
)

// Kinds lists every kind in a fixed order.
func Kinds() []Kind {
	return []Kind{
		KindVolume, KindDiskSnapshot, KindMachineImage, KindFPGAImage, KindDatabaseSnapshot,
		KindBackup, KindBackupVault, KindDiskObject, KindSharePolicy, KindInstance, KindKey, KindAccount,
	}
}

// Ref identifies one asset. Account is the owner's account, subscription or
// project; Region is empty for what is global; ID is the cloud's own name and
// may contain any character.
type Ref struct {
	Provider string `json:"provider"`
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	Kind     Kind   `json:"kind"`
	ID       string `json:"id"`
}

// String gives provider:account:region:kind:id, which [ParseRef] reads back.
func (r Ref) String() string {
	return escape(r.Provider) + ":" + escape(r.Account) + ":" + escape(r.Region) + ":" + escape(string(r.Kind)) + ":" + r.ID
}

// escape keeps a colon in a name from being taken for a separator: a project
// may be called example.com:web. The ID comes last and needs no escaping.
func escape(s string) string {
	if !strings.ContainsAny(s, ":%") {
		return s
	}
	return strings.NewReplacer("%", "%25", ":", "%3A").Replace(s)
}

// IsZero tells whether the reference names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef reads what [Ref.String] wrote.
func ParseRef(s string) (Ref, error) {
	part := strings.SplitN(s, ":", 5)
	if len(part) != 5 || part[0] == "" || part[3] == "" || part[4] == "" {
		return Ref{}, fmt.Errorf("asset reference %q: want provider:account:region:kind:id", s)
	}
	for i := range part[:4] {
		part[i] = strings.NewReplacer("%25", "%", "%3A", ":").Replace(part[i])
	}
	return Ref{part[0], part[1], part[2], Kind(part[3]), part[4]}, nil
}

// Asset is one thing whose bytes are a disk, as a collector saw it: facts only,
// no judgement. Zero values mean "not told by the cloud".
type Asset struct {
	Ref  Ref    `json:"ref"`
	Name string `json:"name,omitempty"` // for people: the Name tag or the image's name
	// State is the cloud's own word, lower case: available, archived, recycled,
	// disabled, deprecated, pending, error …
	State   string    `json:"state,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// LastUsed is the last launch or restore the cloud reports.
	LastUsed    time.Time         `json:"last_used,omitzero"`
	Size        int64             `json:"size,omitempty"`         // bytes, logical
	StoredBytes int64             `json:"stored_bytes,omitempty"` // bytes held in the cloud
	Encryption  Encryption        `json:"encryption,omitzero"`
	Tags        map[string]string `json:"tags,omitempty"`
	Lineage     Lineage           `json:"lineage,omitzero"`
	Grants      []Grant           `json:"grants,omitempty"`
	// SharesReadAt is when the list of named shares was last read in full; zero
	// when it never was or when the kind needs no such sweep.
	SharesReadAt time.Time         `json:"shares_read_at,omitzero"`
	Gaps         []Gap             `json:"gaps,omitempty"` // what could not be read about this asset
	Cost         *Cost             `json:"cost,omitempty"`
	Attrs        map[string]string `json:"attrs,omitempty"` // further facts for people, snake_case keys
	Planned      bool              `json:"planned,omitempty"`
}

// Tri is an answer that may be "could not tell": [Yes], [No] or [Unknown].
// The zero value is [Unknown].
type Tri string

// The three answers.
const (
	Unknown Tri = ""
	Yes     Tri = "yes"
	No      Tri = "no"
)

// Encryption says whether an asset's bytes are encrypted and under which key.
type Encryption struct {
	Encrypted Tri    `json:"encrypted,omitempty"`
	Key       string `json:"key,omitempty"` // the key's ID as the cloud names it; matches [Key.Ref].ID or an alias of it
	// Manager is who manages the key: "provider" (a default key, which can't be
	// shared), "customer", "service" ([KeyOfService]), or empty when not known.
	Manager string `json:"manager,omitempty"`
}

// KeyOfService is the manager of a key that the service itself uses for whoever
// it lets in: such encryption keeps nobody out.
const KeyOfService = "service"

// Link is one step of lineage: another asset, and whether it still exists.
type Link struct {
	Ref   Ref       `json:"ref"`
	State LinkState `json:"state"`
	Proof *Proof    `json:"proof,omitempty"` // what showed the state
}

// LinkState says whether the other end of a [Link] exists.
type LinkState string

// The states of a link.
const (
	LinkExists  LinkState = "exists"
	LinkGone    LinkState = "gone"
	LinkUnknown LinkState = "unknown" // could not tell: denied, foreign, not collected
)

// Lineage says where an asset came from and what holds on to it.
type Lineage struct {
	Volume   *Link  `json:"volume,omitempty"`   // the volume or disk it was taken from
	Instance *Link  `json:"instance,omitempty"` // the machine or database it was taken from
	Image    *Link  `json:"image,omitempty"`    // the image it was made from or for
	Copy     *Link  `json:"copy,omitempty"`     // the snapshot or image it is a copy of
	Parts    []Ref  `json:"parts,omitempty"`    // an image's backing snapshots, an export's object
	Vault    *Ref   `json:"vault,omitempty"`    // the container whose policy covers it
	Owner    *Owner `json:"owner,omitempty"`    // the backup plan or lifecycle policy that still manages it
	UsedBy   []Ref  `json:"used_by,omitempty"`  // instances, templates that use it now
	// NeverUsed is Yes when the cloud reports last use and there was none.
	NeverUsed Tri `json:"never_used,omitempty"`
}

// Owner is a plan or policy that manages an asset's life.
type Owner struct {
	Type  string    `json:"type"` // backup_plan, lifecycle_policy, image_pipeline, service
	ID    string    `json:"id"`
	State LinkState `json:"state"`
}

// Cost is a monthly price at list price.
type Cost struct {
	Monthly  float64 `json:"monthly"`
	Currency string  `json:"currency"`
	Basis    string  `json:"basis"` // the price and the quantity it was reckoned from
}

// Membership says where an account stands in an organization: OUs from the
// root down. Empty Organization means it belongs to none.
type Membership struct {
	Provider     string   `json:"provider"`
	Account      string   `json:"account"`
	Name         string   `json:"name,omitempty"`
	Organization string   `json:"organization,omitempty"`
	OUs          []string `json:"ous,omitempty"`
}
