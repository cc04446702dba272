package lenscap

import "time"

// Evidence is what one look at a disk found. It never holds a secret's value.
type Evidence struct {
	Asset     Ref        `json:"asset"`
	At        time.Time  `json:"at"`
	Version   string     `json:"version,omitempty"`   // of the inspector: another one may find more
	ReadFrom  *Ref       `json:"read_from,omitempty"` // a copy with the same bytes, when the asset's own can't be read
	Complete  bool       `json:"complete"`            // everything that was to be looked at was read
	Gaps      []Gap      `json:"gaps,omitempty"`
	Profile   *Profile   `json:"profile,omitempty"`
	Volumes   []Volume   `json:"volumes,omitempty"`
	Databases []Database `json:"databases,omitempty"`
	// Usage is a tree of directories by volume and path, for a picture: the
	// largest, and those where something was found.
	Usage     []Directory `json:"usage,omitempty"`
	Items     []Item      `json:"items,omitempty"`
	Truncated int         `json:"truncated,omitempty"` // items beyond the limit, counted only
	Size      int64       `json:"size"`                // bytes of the disk
	BytesRead int64       `json:"bytes_read"`          // bytes fetched from its source
	Files     int         `json:"files"`               // files seen
	FilesRead int         `json:"files_read"`          // files looked into
	Cost      float64     `json:"cost_usd,omitempty"`  // what reading cost, where the provider has a price for it
}

// Profile says what kind of disk it is, with the facts that made it so.
type Profile struct {
	OS       string `json:"os,omitempty"`      // as the system names itself
	OSID     string `json:"os_id,omitempty"`   // debian, ubuntu, alpine, windows …
	Version  string `json:"version,omitempty"` // of the system
	Kernel   string `json:"kernel,omitempty"`  // the newest that is installed
	Hostname string `json:"hostname,omitempty"`
	// Class is the mission's 3.2: os_image, application_image, data_snapshot;
	// several at once, none when nothing tells.
	Class []string `json:"class,omitempty"`
	Facts []Fact   `json:"facts,omitempty"` // what made the class

	Traces       []Trace       `json:"traces,omitempty"` // of clouds and instances
	Users        []User        `json:"users,omitempty"`
	Packages     []Package     `json:"packages,omitempty"`
	Services     []Daemon      `json:"services,omitempty"` // that start with the system
	Applications []Application `json:"applications,omitempty"`
	// Directories are the ones that hold data, the largest first.
	Directories []Directory `json:"directories,omitempty"`
	// FileBytes and PackageBytes are bytes of files, and of those that package
	// managers brought.
	FileBytes    int64 `json:"file_bytes,omitempty"`
	PackageBytes int64 `json:"package_bytes,omitempty"`
}

// Fact is one thing that was seen and says what kind of disk it is.
type Fact struct {
	Class string `json:"class"`
	Path  string `json:"path"` // with its volume: p1:/etc/os-release
	Text  Text   `json:"text"`
}

// Trace is what a cloud left of itself: its agent, an instance's id, a region.
type Trace struct {
	Provider string `json:"provider"` // aws, azure, gcp, alibaba, …
	Name     string `json:"name"`     // agent, instance_id, region, image_id, account …
	Value    string `json:"value,omitempty"`
	Path     string `json:"path"`
}

// User is one account of the system.
type User struct {
	Name  string `json:"name"`
	ID    string `json:"id"` // uid, or SID
	Home  string `json:"home,omitempty"`
	Shell string `json:"shell,omitempty"`
	// Password is none, locked, or the kind of its hash: yescrypt, sha512 …
	Password string `json:"password,omitempty"`
	Keys     int    `json:"keys,omitempty"`  // authorized SSH keys
	Login    bool   `json:"login,omitempty"` // can log in: a shell, and a password or key
	Admin    bool   `json:"admin,omitempty"`
}

// Package is one installed package.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Manager string `json:"manager"` // dpkg, rpm, apk
	Vendor  string `json:"vendor,omitempty"`
}

// Daemon is one thing that starts with the system.
type Daemon struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Command string `json:"command,omitempty"` // its program, without arguments
	Base    bool   `json:"base,omitempty"`    // a part of the plain system
}

// Application is one program that the disk serves, with its configuration.
type Application struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Path    string   `json:"path"`
	Config  []string `json:"config,omitempty"`
}

// Directory is how much lies below a directory, and what was found there.
type Directory struct {
	Volume string `json:"volume"`
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Files  int    `json:"files"`
	What   string `json:"what,omitempty"` // postgresql, mysql, docker, logs, home, web …
	// Items is how many things were found below it, Severity the worst of them,
	// Classes their classes.
	Items    int         `json:"items,omitempty"`
	Severity Severity    `json:"severity,omitempty"`
	Classes  []ItemClass `json:"classes,omitempty"`
}

// Database is one database on a disk, read offline.
type Database struct {
	Engine     string   `json:"engine"`
	Version    string   `json:"version,omitempty"`
	State      string   `json:"state"` // clean, recovered, crashed, named
	Volume     string   `json:"volume"`
	Path       string   `json:"path"`
	Inside     string   `json:"inside,omitempty"` // within an archive or image at Path
	Size       int64    `json:"size"`
	Encrypted  bool     `json:"encrypted,omitempty"`
	Incomplete bool     `json:"incomplete,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	Tables     []Table  `json:"tables,omitempty"`
	Rows       int64    `json:"rows"` // of all tables that are not the engine's own
	Deleted    int64    `json:"deleted"`
}

// Table is one table of a database.
type Table struct {
	Database string   `json:"database,omitempty"`
	Schema   string   `json:"schema,omitempty"`
	Name     string   `json:"name"`
	Rows     int64    `json:"rows"`               // that the server would show
	Deleted  int64    `json:"deleted"`            // that were deleted and are still there
	AtLeast  bool     `json:"at_least,omitempty"` // it was not read to its end: Rows is what was seen
	Every    int      `json:"every,omitempty"`    // one page in so many was read
	Size     int64    `json:"size,omitempty"`
	System   bool     `json:"system,omitempty"`
	Columns  []Column `json:"columns,omitempty"`
	Note     string   `json:"note,omitempty"`
	// Sample is masked rows, only when asked for.
	Sample [][]string `json:"sample,omitempty"`
}

// Column is one column of a table and what its values are.
type Column struct {
	Name  string    `json:"name"`
	Type  string    `json:"type,omitempty"`
	Holds []Holding `json:"holds,omitempty"`
}

// Holding is one kind of personal data or secret in a column.
type Holding struct {
	Title Text      `json:"title"`
	Kind  string    `json:"kind"`
	Class ItemClass `json:"class"`
	// Count is how many values are of this kind, of those that were looked at.
	Count   int64 `json:"count"`
	Looked  int64 `json:"looked"`
	Deleted int64 `json:"deleted,omitempty"` // of Count, in deleted rows
}

// Volume is one file system or container on a disk.
type Volume struct {
	Name string `json:"name"` // p1, p5, vg/lv, subvol, whole
	Type string `json:"type"` // ext4, xfs, luks, …
	// Label is the file system's own.
	Label string `json:"label,omitempty"`
	Size  int64  `json:"size"`
	State string `json:"state"` // read, part, raw, unsupported, damaged, encrypted, missing
	Note  string `json:"note,omitempty"`
}

// ItemClass is the mission's reason why an item matters.
type ItemClass string

// The classes of item.
const (
	ItemSecret   ItemClass = "secret"
	ItemPersonal ItemClass = "personal_data"
	ItemDatabase ItemClass = "database"
	ItemArtefact ItemClass = "artefact"
)

// Item is one thing found on a disk.
type Item struct {
	Type     string    `json:"type"` // aws_access_key, private_key, password_hash …
	Class    ItemClass `json:"class"`
	Severity Severity  `json:"severity"`
	Title    Text      `json:"title"`
	Volume   string    `json:"volume"`
	Path     string    `json:"path"`
	// Inside is the place within the file at Path, where that is an archive, an
	// image or a database: a member's path, a table's name.
	Inside string `json:"inside,omitempty"`
	Line   int    `json:"line,omitempty"`   // from 1; 0 in binary files
	Offset int64  `json:"offset"`           // bytes into the file
	Length int    `json:"length,omitempty"` // bytes of the value
	Hint   string `json:"hint,omitempty"`   // at most the first four characters, or a public part such as a key id
	// Fingerprint is an HMAC-SHA-256 of the value under the installation's key,
	// hex: the same value on two disks has the same fingerprint.
	Fingerprint string    `json:"fingerprint,omitempty"`
	Valid       Tri       `json:"valid,omitempty"` // an offline check held, failed, or there is none
	Detail      string    `json:"detail,omitempty"`
	Count       int       `json:"count,omitempty"`     // how many values, where one item stands for many
	Package     string    `json:"package,omitempty"`   // the package that shipped the file unchanged
	FirstSeen   time.Time `json:"first_seen,omitzero"` // when a look at this disk first found it
	Deleted     bool      `json:"deleted,omitempty"`   // it is in a deleted file or row that is still there
	// Owner is whose key it is, where the scanned accounts tell.
	Owner *KeyOwner `json:"owner,omitempty"`
}

// KeyOwner is who a key on a disk belongs to, as the cloud says.
type KeyOwner struct {
	Account  string    `json:"account"`
	Name     string    `json:"name,omitempty"` // user, role or service account
	Active   Tri       `json:"active,omitempty"`
	LastUsed time.Time `json:"last_used,omitzero"`
}
