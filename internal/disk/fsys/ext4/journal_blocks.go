package ext4

// tagBytes is the length of a tag without its UUID (journal_tag_bytes).
func (j *journal) tagBytes() int {
	n := 12
	switch {
	case j.features&jbdCsumV3 != 0:
		return 16
	case j.features&jbdCsumV2 != 0:
		n += 2
	}
	if j.features&jbd64bit != 0 {
		return n
	}
	return n - 4
}

// usable is the part of a descriptor or revoke block before its checksum.
func (j *journal) usable(buf []byte) []byte {
	if j.features&(jbdCsumV2|jbdCsumV3) != 0 {
		return buf[:len(buf)-4]
	}
	return buf
}

// parseTags reads the tags of a descriptor block.
func (j *journal) parseTags(buf []byte, seq uint32) ([]tag, error) {
	size := j.tagBytes()
	buf = j.usable(buf)
	var out []tag
	for pos := 12; pos+size <= len(buf); {
		b := buf[pos:]
		g := tag{at: uint64(be.Uint32(b)), seq: seq}
		flags := uint32(be.Uint16(b[6:]))
		if j.features&jbdCsumV3 != 0 {
			flags, g.sum = be.Uint32(b[4:]), be.Uint32(b[12:])
		} else {
			g.sum = uint32(be.Uint16(b[4:]))
		}
		if j.features&jbd64bit != 0 {
			g.at |= uint64(be.Uint32(b[8:])) << 32
		}
		if g.at >= j.t.sb.blocks {
			return nil, damaged("names block %d of %d", g.at, j.t.sb.blocks)
		}
		g.escaped = flags&tagEscape != 0
		out = append(out, g)
		if pos += size; flags&tagSameUUID == 0 {
			pos += 16
		}
		if flags&tagLast != 0 {
			break
		}
	}
	return out, nil
}

// parseRevokes reads the block numbers of a revoke block.
func (j *journal) parseRevokes(buf []byte) ([]uint64, error) {
	used, width := int64(be.Uint32(buf[12:])), 4
	if j.features&jbd64bit != 0 {
		width = 8
	}
	buf = j.usable(buf)
	if used < 16 || used > int64(len(buf)) {
		return nil, damaged("revoke block uses %d of %d bytes", used, len(buf))
	}
	var out []uint64
	for pos := 16; pos+width <= int(used); pos += width {
		if width == 8 {
			out = append(out, be.Uint64(buf[pos:]))
		} else {
			out = append(out, uint64(be.Uint32(buf[pos:])))
		}
	}
	return out, nil
}

// sumHolds checks the checksum at the end of a descriptor or revoke block.
func (j *journal) sumHolds(buf []byte) bool {
	if j.features&(jbdCsumV2|jbdCsumV3) == 0 {
		return true
	}
	return crc(crc(j.seed, buf[:len(buf)-4]), make([]byte, 4)) == be.Uint32(buf[len(buf)-4:])
}

// commitHolds checks the checksum of a commit block, h_chksum[0] at byte 16.
func (j *journal) commitHolds(buf []byte) bool {
	if j.features&(jbdCsumV2|jbdCsumV3) == 0 {
		return true
	}
	sum := crc(j.seed, buf[:16])
	sum = crc(sum, make([]byte, 4))
	return crc(sum, buf[20:]) == be.Uint32(buf[16:])
}

// dataHolds checks the checksum of a block of the log: over the transaction's
// number and the block, as it stands in the log.
func (j *journal) dataHolds(g tag, data []byte) bool {
	if j.features&(jbdCsumV2|jbdCsumV3) == 0 {
		return true
	}
	seq := be.AppendUint32(nil, g.seq)
	sum := crc(crc(j.seed, seq), data)
	if j.features&jbdCsumV3 != 0 {
		return sum == g.sum
	}
	return sum&0xFFFF == g.sum
}
