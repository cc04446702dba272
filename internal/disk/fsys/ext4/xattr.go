package ext4

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// xattrMagic starts extended attributes, in the inode and in their block.
const xattrMagic = 0xEA020000

// maxXattr bounds one value kept in an inode of its own (the kernel's limit).
const maxXattr = 64 << 10

// xattrPrefix names the namespaces by e_name_index.
var xattrPrefix = map[byte]string{
	0: "", 1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default",
	4: "trusted.", 6: "security.", 7: "system.", 8: "system.richacl", 9: "encryption.", 10: "gnu.",
}

// attribute is one entry; its value lies in data or in an inode of its own.
type attribute struct {
	name  string
	value []byte
	inode uint32
	size  uint32
}

// parseAttributes reads the entries in list; values are offsets into base.
func parseAttributes(list, base []byte, yield func(attribute) bool) error {
	for pos := 0; pos+4 <= len(list) && le.Uint32(list[pos:]) != 0; {
		if pos+16 > len(list) {
			return damaged("extended attribute at byte %d is cut off", pos)
		}
		nameLen := int(list[pos])
		if pos+16+nameLen > len(list) {
			return damaged("extended attribute at byte %d has a name of %d bytes", pos, nameLen)
		}
		prefix, ok := xattrPrefix[list[pos+1]]
		if !ok {
			prefix = fmt.Sprintf("namespace%d.", list[pos+1])
		}
		a := attribute{
			name:  prefix + string(list[pos+16:pos+16+nameLen]),
			inode: le.Uint32(list[pos+4:]), size: le.Uint32(list[pos+8:]),
		}
		if a.inode == 0 {
			off := int(le.Uint16(list[pos+2:]))
			if off > len(base) || int64(a.size) > int64(len(base)-off) {
				return damaged("extended attribute %q: %d bytes at %d of %d", a.name, a.size, off, len(base))
			}
			a.value = base[off : off+int(a.size)]
		}
		if !yield(a) {
			return nil
		}
		pos += (16 + nameLen + 3) &^ 3
	}
	return nil
}

// bodyAttributes gives the attributes within the inode.
func (in inode) bodyAttributes(yield func(attribute) bool) error {
	start := 128 + in.extra()
	if in.extra() == 0 || start+4 > len(in.raw) || le.Uint32(in.raw[start:]) != xattrMagic {
		return nil
	}
	list := in.raw[start+4:]
	if err := parseAttributes(list, list, yield); err != nil {
		return fmt.Errorf("inode %d: %w", in.num, err)
	}
	return nil
}

// blockAttributes gives the attributes in the inode's attribute block.
func (t *tree) blockAttributes(in inode, yield func(attribute) bool) error {
	at := uint64(le.Uint32(in.raw[0x68:]))
	if t.sb.incompat&incompat64bit != 0 {
		at |= uint64(le.Uint16(in.raw[0x76:])) << 32
	}
	if at == 0 {
		return nil
	}
	b := make([]byte, t.sb.blockSize)
	err := t.readBlock(b, at)
	if err == nil && le.Uint32(b) != xattrMagic {
		err = damaged("attribute block %d has magic %#x", at, le.Uint32(b))
	}
	if err == nil {
		err = parseAttributes(b[32:], b, yield)
	}
	if err != nil {
		return fmt.Errorf("inode %d: read attribute block: %w", in.num, err)
	}
	return nil
}

// Attributes implements [fsys.Attributer].
func (t *tree) Attributes(id fsys.ID) (map[string][]byte, error) {
	in, err := t.inode(id)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	var failed error
	take := func(a attribute) bool {
		if a.name == "system.data" {
			return true // inline data, no attribute
		}
		var v []byte
		if v, failed = t.attributeValue(a); failed == nil {
			out[a.name] = v
		}
		return failed == nil
	}
	err = in.bodyAttributes(take)
	if err == nil && failed == nil {
		err = t.blockAttributes(in, take)
	}
	if err == nil {
		err = failed
	}
	return out, err
}

// attributeValue reads a value, from its own inode when it has one.
func (t *tree) attributeValue(a attribute) ([]byte, error) {
	if a.inode == 0 {
		return append([]byte{}, a.value...), nil
	}
	in, err := t.inode(fsys.ID(a.inode))
	if err == nil && !in.has(flagEAInode) {
		err = damaged("inode %d holds no attribute", a.inode)
	}
	if err == nil && a.size > maxXattr {
		err = damaged("value of %d bytes", a.size)
	}
	if err != nil {
		return nil, fmt.Errorf("attribute %q: %w", a.name, err)
	}
	v := make([]byte, a.size)
	if err := block.ReadFull(&mapped{t, in, int64(a.size)}, v, 0); err != nil {
		return nil, fmt.Errorf("attribute %q: %w", a.name, err)
	}
	return v, nil
}

// inlineTail gives the part of inline data that did not fit into i_block: the
// attribute system.data within the inode. found tells whether it is there.
func (t *tree) inlineTail(in inode) (tail []byte, found bool, err error) {
	err = in.bodyAttributes(func(a attribute) bool {
		if a.name == "system.data" {
			tail, found = a.value, true
		}
		return !found
	})
	return tail, found, err
}

// inlineData gives what the inode holds of its inline data; a size beyond it
// is a hole, as the kernel reads it.
func (t *tree) inlineData(in inode) ([]byte, error) {
	tail, found, err := t.inlineTail(in)
	if err != nil {
		return nil, err
	}
	size := in.size(&t.sb)
	if !found && size > uint64(len(in.iblock())) {
		return nil, damaged("inode %d: %d bytes of inline data, but no attribute that holds them", in.num, size)
	}
	all := append(append([]byte{}, in.iblock()...), tail...)
	return all[:min(size, uint64(len(all)))], nil
}
