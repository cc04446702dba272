// Package detect finds what makes a file worth stealing: secrets, personal
// data, databases, artefacts. It knows bytes and paths only, no disk and no
// cloud.
//
// A [Detector] says by its path and size whether it wants a file, then gets the
// bytes and gives a [Hit] for each thing it found. A Hit points at the value in
// the caller's buffer; it is the caller's duty to fingerprint it and forget it.
package detect

import "io/fs"

// Class is the reason why a hit matters.
type Class string

// The classes.
const (
	Secret   Class = "secret"
	Personal Class = "personal_data"
	Database Class = "database"
	Artefact Class = "artefact"
)

// Severity orders hits; the names are those of the program's severities.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

// File is what a detector is told before it sees any bytes. Path is absolute
// within its volume, with slashes; it may hold any byte but NUL.
type File struct {
	Path string
	Size int64
	Mode fs.FileMode
}

// Detector finds one family of things. It is stateless and safe for use by
// several goroutines.
type Detector interface {
	// Name is the detector's identity: lower case, with underscores.
	Name() string
	// Wants tells whether the file is worth reading for this detector, and how
	// many bytes from its start at most; 0 means no.
	Wants(f File) int64
	// Detect looks at the file's first bytes (as many as were wanted, or all
	// of it) and gives what it finds. It must not keep data.
	Detect(f File, data []byte) []Hit
}

// Hit is one thing found. Start and End bound the value in the data that
// Detect was given.
type Hit struct {
	Type     string // aws_access_key, private_key, password_hash …
	Class    Class
	Severity Severity
	TitleEn  string // what it is, for people, without the value
	TitleZh  string
	Start    int
	End      int
	// Public is a part that is no secret and tells hits apart: a key id, a user
	// name, a host. Empty when there is none.
	Public string
	// ValuePublic is set when the value itself is no secret: a key id without
	// its secret. Otherwise Public may not hold the value.
	ValuePublic bool
	// Checked is "yes" when an offline check of the format held, "no" when it
	// failed, empty when there is none.
	Checked string
	Detail  string // further facts, no secret: "encrypted with a passphrase"
}
