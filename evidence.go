package lenscap

import "time"

// Evidence is what one look at a disk found. It never holds a secret's value.
type Evidence struct {
	Asset     Ref       `json:"asset"`
	At        time.Time `json:"at"`
	Version   string    `json:"version,omitempty"`   // of the inspector: another one may find more
	ReadFrom  *Ref      `json:"read_from,omitempty"` // a copy with the same bytes, when the asset's own can't be read
	Complete  bool      `json:"complete"`            // everything that was to be looked at was read
	Gaps      []Gap     `json:"gaps,omitempty"`
	Profile   *Profile  `json:"profile,omitempty"`
	Volumes   []Volume  `json:"volumes,omitempty"`
	Items     []Item    `json:"items,omitempty"`
	Truncated int       `json:"truncated,omitempty"` // items beyond the limit, counted only
	Size      int64     `json:"size"`                // bytes of the disk
	BytesRead int64     `json:"bytes_read"`          // bytes fetched from its source
	Files     int       `json:"files"`               // files seen
	FilesRead int       `json:"files_read"`          // files looked into
}

// Profile says what kind of disk it is, with the facts that made it so.
type Profile struct {
	OS       string `json:"os,omitempty"` // as the system names itself
	Hostname string `json:"hostname,omitempty"`
	// Class is the mission's 3.2: os_image, application_image, data_snapshot;
	// several at once, none when nothing tells.
	Class []string `json:"class,omitempty"`
	Facts []string `json:"facts,omitempty"` // paths that made the class
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
	Line     int       `json:"line,omitempty"`   // from 1; 0 in binary files
	Offset   int64     `json:"offset"`           // bytes into the file
	Length   int       `json:"length,omitempty"` // bytes of the value
	Hint     string    `json:"hint,omitempty"`   // at most the first four characters, or a public part such as a key id
	// Fingerprint is an HMAC-SHA-256 of the value under the installation's key,
	// hex: the same value on two disks has the same fingerprint.
	Fingerprint string `json:"fingerprint,omitempty"`
	Valid       Tri    `json:"valid,omitempty"` // an offline check held, failed, or there is none
	Detail      string `json:"detail,omitempty"`
}
