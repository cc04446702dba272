// Package tar finds the disks in tar archives: those of an OVA (DSP0243, "Open
// Virtualization Format"), the disk.raw of an export of Google Cloud, and any
// other disk among an archive's members.
//
// It reads the formats ustar and pax (POSIX.1-2017, "pax"), that of the seventh
// edition, and that of GNU tar, with the sparse formats of GNU tar: the old one,
// and 0.0, 0.1 and 1.0 in pax headers ("Basic Tar Format" and "Sparse Formats"
// in GNU tar's manual).
//
// Headers alone are read, and what tells a disk. A disk's bytes are those of the
// archive, where they lie; holes of sparse members are holes.
package tar
