// Package stream reads disks in compressed streams: gzip (RFC 1952, RFC 1951),
// xz (the .xz file format 1.2.1) and Zstandard (RFC 8878, and the seekable
// format of its contrib folder).
//
// What can be read at random is:
//
//   - xz by the index at its end and Zstandard by its seek table, or by frames
//     that state their sizes, are decompressed block by block as they are asked
//     for. Opening reads the index alone.
//   - gzip has no index and doesn't state its size, so opening decompresses it
//     once. Checkpoints are taken on the way, from which it can be resumed.
//
// When a temporary file is permitted and large enough, decompressed data goes
// there, zeros left out. Measured on an ext4 image of 1 GiB with 350 MiB of data
// in 125 MiB of gzip, CPU time: opening takes 1.4 s, and 1.7 s with the file; a
// random read of 64 KiB 2.0 ms from the checkpoints, 0.02 ms from the file; all of
// it 1.2 s and 0.5 s. So the file is used where it may be, and checkpoints are
// what is left without.
//
// Anything else is decompressed to the temporary file as a whole, or not read.
// A stream that ends early or is damaged is shown up to there, with a note.
package stream
