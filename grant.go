package lenscap

import "time"

// PrincipalType orders who may be meant by a grant, from everybody to one.
type PrincipalType string

// The principals a grant can name.
const (
	Anyone       PrincipalType = "anyone"        // the whole Internet, no credentials
	AnyCustomer  PrincipalType = "any_customer"  // any signed-in customer of the cloud
	Organization PrincipalType = "organization"  //
	OrgUnit      PrincipalType = "org_unit"      //
	Account      PrincipalType = "account"       // account, subscription, project, tenant
	Identity     PrincipalType = "identity"      // a user, role or service account of an account
	Service      PrincipalType = "cloud_service" // a service of the cloud acting for the owner
	LinkHolder   PrincipalType = "link_holder"   // whoever holds a link
)

// Principal is somebody. ID is the cloud's name for it (account number, ARN,
// organization id), empty for [Anyone], [AnyCustomer] and [LinkHolder]. Account is the account an
// [Identity] belongs to, or an organization's management account, when told.
type Principal struct {
	Type    PrincipalType `json:"type"`
	ID      string        `json:"id,omitempty"`
	Account string        `json:"account,omitempty"`
}

// Public tells whether the principal is everybody: the Internet or any customer.
func (p Principal) Public() bool { return p.Type == Anyone || p.Type == AnyCustomer }

// Access is what a grant allows.
type Access string

// What a grant can allow.
const (
	AccessRead     Access = "read"     // read blocks or rows, restore, create a volume
	AccessCopy     Access = "copy"     // make an own copy
	AccessLaunch   Access = "launch"   // boot it
	AccessDownload Access = "download" // fetch the bytes over HTTP
	AccessManage   Access = "manage"   // change, share or delete it
	AccessDecrypt  Access = "decrypt"  // use a key
)

// Path is the way a grant takes.
type Path string

// The ways.
const (
	PathACL      Path = "acl"        // the asset's own permission list
	PathPolicy   Path = "policy"     // a resource policy
	PathLink     Path = "link"       // a pre-signed or share link
	PathShare    Path = "share"      // a resource share
	PathKey      Path = "key"        // a key policy or key grant
	PathRole     Path = "role"       // an identity's permission
	PathImage    Path = "image"      // a shared image exposes the disks behind it
	PathVault    Path = "vault"      // the vault's policy
	PathSchedule Path = "schedule"   // a standing policy that shares new copies
	PathNetwork  Path = "net_access" // a network setting
)

// Grant is one statement by which a principal may reach an asset or use a key.
type Grant struct {
	Principal Principal `json:"principal"`
	Allows    []Access  `json:"allows"`
	Path      Path      `json:"path"`
	Via       *Ref      `json:"via,omitempty"` // the image, vault or policy it comes through
	// Conditions narrow the grant and were not resolved to a principal. A grant
	// with conditions that may exclude everybody outside has Narrowed = Unknown;
	// conditions that surely do are not emitted as grants.
	Conditions []Condition `json:"conditions,omitempty"`
	Since      time.Time   `json:"since,omitzero"`
	Expires    time.Time   `json:"expires,omitzero"`
	Proof      Proof       `json:"proof"`
}

// Condition is one unresolved condition of a policy statement, as written.
type Condition struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Values   []string `json:"values"`
}

// Proof is the answer that shows a fact: which call, which field, which value, when.
type Proof struct {
	Call  string    `json:"call"`            // service:Operation
	Field string    `json:"field,omitempty"` // path in the answer
	Value string    `json:"value,omitempty"` // as the cloud said it, never a secret
	At    time.Time `json:"at,omitzero"`
}

// GuardEffect is what a guard does to the grants in its scope.
type GuardEffect string

// The effects.
const (
	GuardOff     GuardEffect = "off"        // allows everything
	GuardNewOnly GuardEffect = "blocks_new" // stops new grants, those that stand stay live
	GuardAll     GuardEffect = "blocks_all" // holds back those that stand, too
	GuardUnknown GuardEffect = "unknown"    // could not be read: neither on nor off
)

// Guard is a setting that limits grants for the assets in its scope. An empty
// Region or Account covers all of them; an empty Asset covers the scope.
type Guard struct {
	Name     string `json:"name"` // snapshot_block_public_access, image_block_public_access, encryption_by_default …
	Provider string `json:"provider"`
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	Asset    string `json:"asset,omitempty"` // an asset ID: a lock, a bucket's block
	Kinds    []Kind `json:"kinds,omitempty"` // the kinds it limits; empty: informative only
	// Limits are the principals it holds back when Effect says so.
	Limits    []PrincipalType `json:"limits,omitempty"`
	Paths     []Path          `json:"paths,omitempty"` // the ways it holds back; empty: every way
	Effect    GuardEffect     `json:"effect"`
	State     string          `json:"state,omitempty"` // the cloud's own word
	ManagedBy string          `json:"managed_by,omitempty"`
	Proof     Proof           `json:"proof"`
	Gap       *Gap            `json:"gap,omitempty"` // set when Effect is GuardUnknown
}

// Key is an encryption key, with who may decrypt with it.
type Key struct {
	Ref     Ref      `json:"ref"`
	Aliases []string `json:"aliases,omitempty"` // other names by which [Encryption.Key] may refer to it
	Manager string   `json:"manager,omitempty"` // provider, customer
	State   string   `json:"state,omitempty"`   // enabled, disabled, pending_deletion …
	Grants  []Grant  `json:"grants,omitempty"`
	Gaps    []Gap    `json:"gaps,omitempty"` // any gap makes "cannot decrypt" unprovable
}
