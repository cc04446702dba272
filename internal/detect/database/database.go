// Package database reads databases offline: from the files that a server left,
// without starting one. A snapshot of a running server is what a crash leaves,
// so a reader sees what the server itself would after its recovery, in memory.
//
// An [Engine] recognises its files and opens a [Database]: tables with their
// columns, and rows, also deleted ones that are still there. Values are secrets
// of the disk's owner: a row is good until the call that brings it returns, and
// no error, note or name of a column may hold one.
package database

import (
	"context"
	"errors"

	"github.com/lenscap/lenscap/internal/detect"
)

// Errors of readers, wrapped with the file, offset and structure.
var (
	// ErrDamaged says that the bytes are not what the format demands.
	ErrDamaged = errors.New("damaged")
	// ErrUnsupported says that the format is known, but not this form of it.
	ErrUnsupported = errors.New("not supported")
	// ErrEncrypted says that a key is needed.
	ErrEncrypted = errors.New("encrypted")
)

// Engine reads the databases of one kind of server or library. It holds no
// state and is safe for use by several goroutines.
type Engine interface {
	// Name is the engine's: sqlite, mysql, postgresql, redis, …
	Name() string
	// Claims tells whether a file is a database of this engine or marks a
	// directory of one: root is the path to give to Open. head is the file's
	// first bytes, at most 4096, or nil when only the name is known yet; then an
	// engine that can't tell by the name says no.
	Claims(f detect.File, head []byte) (root string, ok bool)
	// Open reads what it must to list tables. What only looks like a database of
	// this engine is [ErrDamaged].
	Open(ctx context.Context, files detect.Files, root string) (Database, error)
}

// Database is one open database or data directory. It is read-only and safe for
// use by several goroutines. Whatever the bytes say, each call ends, panics
// never and keeps to bounded memory.
type Database interface {
	Info() Info
	// Tables lists tables, ordered by database, schema and name. Damage costs what
	// it hits: the tables that can be told come with the error.
	Tables(ctx context.Context) ([]Table, error)
	// Rows gives the rows of a table that Tables told, until yield says false:
	// those that the server would show after its recovery, and with
	// opts.Deleted also those that were deleted or overwritten and are still
	// there, marked so. Damage costs what it hits; the first such error comes at
	// the end. A database that is only recognised
	// ([Named]) tells tables by name and size at most; its rows are
	// [ErrUnsupported].
	Rows(ctx context.Context, t Table, opts RowOptions, yield func(Row) bool) error
}

// Info is what is known of a database as a whole.
type Info struct {
	Engine  string // as Engine.Name
	Version string // of the server or format, as its people write it: 16.4, 3.45.1
	// State is how it was left.
	State State
	// Encrypted is set when some or all of it can't be read without a key.
	Encrypted bool
	Size      int64 // bytes of its files
	Files     []string
	// Notes are facts that a reader of results must know, in plain words.
	Notes []string
	// Incomplete is set when the notes tell of data that is there but not shown.
	Incomplete bool
}

// State is how a database was left.
type State string

// The states.
const (
	Clean     State = "clean"     // shut down, or without a log
	Recovered State = "recovered" // left running; its log was replayed in memory
	Crashed   State = "crashed"   // left running; its log was not, or not wholly, replayed
	Named     State = "named"     // recognised, not read
)

// Table is one table, collection or keyspace.
type Table struct {
	Database string // empty where the engine has none
	Schema   string // empty where the engine has none
	Name     string
	Columns  []Column
	// Rows is how many rows there are where the engine's own count is exact and
	// cheap to read, else -1: Rows tells.
	Rows int64
	Size int64 // bytes of its pages, indexes left out where they can be told apart; 0 unknown
	// System is set for tables of the engine's own.
	System bool
	// Encrypted is set when its rows can't be read without a key.
	Encrypted bool
	Note      string
}

// Column is one column or field.
type Column struct {
	Name string
	Type string // as the engine writes it: varchar(40), integer
}

// RowOptions are which rows to give.
type RowOptions struct {
	// Deleted asks also for deleted rows that are still there.
	Deleted bool
	// Every reads only one page in Every, spread over the table; 0 and 1 read all.
	Every int
}

// Row is one row. Values has one for each of the table's columns; a row of an
// older shape is filled with Null or the column's default.
type Row struct {
	Deleted bool
	Values  []Value
	File    string // where it lies
	Offset  int64
}

// Kind tells what a value is.
type Kind uint8

// The kinds of value.
const (
	Null Kind = iota
	Number
	Text  // UTF-8, dates and the like as the engine's client prints them
	Bytes // as they are
	Lost  // there was one, but it can't be read
)

// Value is one value, as the engine's own client would print it in UTF-8; Bytes
// are raw. Data is good until the call that brought the row returns.
type Value struct {
	Kind Kind
	Data []byte
}
