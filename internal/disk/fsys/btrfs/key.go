package btrfs

import (
	"cmp"
	"fmt"
)

// Types of items.
const (
	typeInode       = 1
	typeInodeRef    = 12
	typeInodeExtref = 13
	typeXattr       = 24
	typeDirLogIndex = 72
	typeDirItem     = 84
	typeDirIndex    = 96
	typeExtentData  = 108
	typeExtentCsum  = 128
	typeRoot        = 132
	typeRootBackref = 144
	typeDevItem     = 216
	typeChunkItem   = 228
)

// Object ids. Those below zero in the specification count down from 2^64.
const (
	objTopLevel    = 5
	objRootTreeDir = 6
	objCsumTree    = 7
	objFirstFree   = 256
	objLastFree    = ^uint64(255)
	objCsums       = ^uint64(9)
	objTreeLog     = ^uint64(5)
)

const keySize = 17

// key orders the items of a tree.
type key struct {
	obj uint64
	typ uint8
	off uint64
}

var maxKey = key{^uint64(0), 255, ^uint64(0)}

func parseKey(b []byte) key { return key{le.Uint64(b), b[8], le.Uint64(b[9:])} }

func (k key) String() string { return fmt.Sprintf("(%d %d %d)", k.obj, k.typ, k.off) }

func (k key) compare(o key) int {
	if k.obj != o.obj {
		return cmp.Compare(k.obj, o.obj)
	}
	if k.typ != o.typ {
		return cmp.Compare(k.typ, o.typ)
	}
	return cmp.Compare(k.off, o.off)
}

// compareKey is compare with the key at the start of b.
func compareKey(b []byte, k key) int { return parseKey(b).compare(k) }

// next gives the key that follows; there is none after maxKey.
func (k key) next() key {
	k.off++
	if k.off == 0 {
		if k.typ++; k.typ == 0 {
			k.obj++
		}
	}
	return k
}

// prev gives the key before; there is none before the zero key.
func (k key) prev() key {
	k.off--
	if k.off == ^uint64(0) {
		if k.typ--; k.typ == 255 {
			k.obj--
		}
	}
	return k
}
