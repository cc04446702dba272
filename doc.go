// Package lenscap holds the words that every stage of the program speaks. It
// imports the standard library only and knows no cloud, no store and no disk.
//
// Data moves one way:
//
//	source → inventory → exposure → evidence → finding → response
//
// An [Asset] is anything whose bytes are a disk, identified by a [Ref]. A
// [Grant] is one statement by which a [Principal] may reach an asset. A [Guard]
// limits grants, a [Key] decides who can make sense of encrypted bytes. Grants,
// guards and keys resolved give an [Exposure] with one [Verdict]. [Evidence] is
// what is on the disk. A [Finding] is one rule, one asset, its exposure and
// evidence, with a [Severity] and its reasons.
//
// No false clear: whatever could not be read is a [Gap] with a [Cause]. A gap
// that may hide a grant makes the verdict [VerdictUnknown], never
// [VerdictPrivate], and a finding is closed only by a complete observation.
package lenscap
