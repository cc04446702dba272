// Package raid is the arithmetic of arrays: which byte lies on which member,
// and how to compute what a missing member held. It reads no metadata: software
// RAID and LVM both stand on it.
//
// An array is a [block.Source]. It reads from the first copy that can be had,
// computes what has none, and turns a long read into one read of each member.
//
// The places follow drivers/md/raid0.c, raid5.c and raid10.c of Linux; the
// second parity is H. Peter Anvin's "The mathematics of RAID-6".
package raid
