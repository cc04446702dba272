// Package fatcore holds what FAT and exFAT share: the heap of clusters, chains
// of clusters, the bytes of files, what is left of deleted ones, and names in
// UTF-16.
package fatcore

import "github.com/lenscap/lenscap/internal/disk/block"

// SlotSize is the length of one directory entry in bytes, in both.
const SlotSize = 32

// Heap is the range of a volume that the clusters lie in. They are numbered
// from 2.
type Heap struct {
	Src   block.Source
	Base  int64  // byte of cluster 2 on Src
	Size  int64  // bytes of a cluster
	Count uint32 // clusters
}

// Holds tells whether a number is a cluster's.
func (h *Heap) Holds(c uint32) bool { return c >= 2 && c-2 < h.Count }

// Offset gives the first byte of a cluster that the heap holds.
func (h *Heap) Offset(c uint32) int64 { return h.Base + int64(c-2)*h.Size }

// Clusters gives how many clusters n bytes take.
func (h *Heap) Clusters(n int64) uint64 {
	return (uint64(n) + uint64(h.Size) - 1) / uint64(h.Size)
}

// Rest gives how many clusters there are from c to the end of the heap.
func (h *Heap) Rest(c uint32) uint64 { return uint64(h.Count) - uint64(c-2) }
