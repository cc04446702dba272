package btrfs

// nameRef is a name that an inode has in a directory.
type nameRef struct {
	parent uint64 // known from the key in an INODE_REF
	index  uint64
	name   string
}

// nameRefs reads an INODE_REF. What is cut off is left out.
func nameRefs(b []byte) (out []nameRef) {
	for len(b) >= 10 {
		n := int(le.Uint16(b[8:]))
		if 10+n > len(b) {
			break
		}
		out = append(out, nameRef{index: le.Uint64(b), name: string(b[10 : 10+n])})
		b = b[10+n:]
	}
	return out
}

// nameExtrefs reads an INODE_EXTREF.
func nameExtrefs(b []byte) (out []nameRef) {
	for len(b) >= 18 {
		n := int(le.Uint16(b[16:]))
		if 18+n > len(b) {
			break
		}
		out = append(out, nameRef{le.Uint64(b), le.Uint64(b[8:]), string(b[18 : 18+n])})
		b = b[18+n:]
	}
	return out
}
