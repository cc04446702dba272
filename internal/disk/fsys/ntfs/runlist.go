package ntfs

import (
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// hole is the place of a run that has no clusters.
const hole = ^uint64(0)

// maxVCN bounds the clusters of one stream: 2^63 bytes in clusters of 512.
const maxVCN = 1 << 54

// run is a stretch of a stream's clusters: n of them from cluster vcn of the
// stream, at cluster lcn of the volume or a hole.
type run struct{ vcn, lcn, n uint64 }

// decodeRuns reads mapping pairs that begin at cluster vcn of a stream on a
// volume of the given clusters. With an error it gives the runs before it.
func decodeRuns(pairs []byte, vcn, clusters uint64) ([]run, error) {
	if vcn > maxVCN {
		return nil, block.Damaged("run list starts at cluster %d", vcn)
	}
	runs := make([]run, 0, len(pairs)/4+1)
	lcn := int64(0)
	for pos := 0; pos < len(pairs) && pairs[pos] != 0; {
		nLen, nOff := int(pairs[pos]&15), int(pairs[pos]>>4)
		if nLen == 0 || nLen > 8 || nOff > 8 || nLen+nOff >= len(pairs)-pos {
			return runs, block.Damaged("run list: header %#02x at byte %d of %d", pairs[pos], pos, len(pairs))
		}
		n := uint64(signed(pairs[pos+1 : pos+1+nLen]))
		if n == 0 || n > maxVCN-vcn {
			return runs, block.Damaged("run list: %d clusters at byte %d", n, pos)
		}
		r := run{vcn, hole, n}
		if nOff > 0 {
			lcn += signed(pairs[pos+1+nLen : pos+1+nLen+nOff])
			r.lcn = uint64(lcn)
		}
		// NTFS 1.2 writes a hole as cluster -1.
		if r.lcn != hole && (r.lcn >= clusters || n > clusters-r.lcn) {
			return runs, block.Damaged("run list: %d clusters at cluster %d of %d", n, lcn, clusters)
		}
		runs = join(runs, r)
		vcn += n
		pos += 1 + nLen + nOff
	}
	return runs, nil
}

// signed reads a little-endian number of 1 to 8 bytes.
func signed(b []byte) int64 {
	v := int64(int8(b[len(b)-1]))
	for i := len(b) - 2; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	return v
}

// join adds a run, to the one before when that goes on in it.
func join(runs []run, r run) []run {
	if k := len(runs) - 1; k >= 0 {
		last := &runs[k]
		if last.lcn == hole && r.lcn == hole || last.lcn != hole && last.lcn+last.n == r.lcn {
			last.n += r.n
			return runs
		}
	}
	return append(runs, r)
}

// find gives the run that holds a cluster, from that cluster on; n is 0 when
// none does.
func find(runs []run, vcn uint64) run {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].vcn+runs[i].n > vcn })
	if i == len(runs) || runs[i].vcn > vcn {
		return run{vcn: vcn}
	}
	r := runs[i]
	skip := vcn - r.vcn
	r.vcn, r.n = vcn, r.n-skip
	if r.lcn != hole {
		r.lcn += skip
	}
	return r
}
