// Package detect finds what makes a file worth stealing: secrets, personal
// data, databases, artefacts. It knows bytes and paths only, no disk and no
// cloud.
//
// There are three ways to find something, and an [Engine] runs them all over a
// file in one pass:
//   - a [Rule] is a record of rules/detect: words, an expression, a check; or
//     places and a format
//   - a [Matcher] is what a rule of the first kind becomes, or Go code where an
//     expression is not enough: it sees a window around one of its words
//   - a [Detector] knows a file by its place and reads its format
//
// Personal data is counted by package personal, databases are read by package
// database, and what packages brought is known to package packages.
//
// A [Hit] points at the value in the caller's buffer; it is the caller's duty to
// fingerprint it and forget it.
package detect

import (
	"io"
	"io/fs"
	"time"
)

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
	Path     string
	Size     int64
	Mode     fs.FileMode
	Modified time.Time
}

// Reader is the bytes of one file, at random.
type Reader interface {
	io.ReaderAt
	Size() int64
}

// Files is a tree of files, for readers that need several of them: a volume of
// a disk, a folder, what is in an archive. Paths are absolute with slashes.
// Symbolic links are followed within the tree.
type Files interface {
	// Open opens a regular file. Without one there, the error is [fs.ErrNotExist].
	Open(path string) (Reader, error)
	// List gives what is in a directory, each with its absolute path, in any
	// order, until yield says false.
	List(dir string, yield func(File) bool) error
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

// Matcher finds one family of things anywhere in a file, by words that are
// never missing where one is. It is stateless and safe for use by several
// goroutines.
type Matcher interface {
	// Name is the matcher's identity: lower case, with underscores.
	Name() string
	// Keywords are what the engine looks for, without regard to case, each of at
	// least three bytes; letters of ASCII are compared without regard to case.
	Keywords() []string
	// Window is how many bytes before and after a keyword Match wants to see, at
	// most.
	Window() (before, after int)
	// Match looks around one keyword and gives what it finds. It must not keep
	// the window's data.
	Match(w Window) []Hit
}

// Window is a part of a file around one keyword.
type Window struct {
	File File
	Data []byte // ends at the file's ends or where the matcher's window does
	// Start and End bound the keyword in Data.
	Start, End int
	// First and Last tell that Data starts at the file's start, ends at its end.
	First, Last bool
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
	// Count is how many values there are, where one hit stands for many: personal
	// data in one file. 0 means one.
	Count int
	// ValuePublic is set when the value itself is no secret: a key id without
	// its secret. Otherwise Public may not hold the value.
	ValuePublic bool
	// Checked is "yes" when an offline check of the format held, "no" when it
	// failed, empty when there is none.
	Checked string
	Detail  string // further facts, no secret: "encrypted with a passphrase"
}
