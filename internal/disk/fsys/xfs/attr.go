package xfs

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// Flags of an attribute.
const (
	attrLocal      = 0x1
	attrRoot       = 0x2
	attrSecure     = 0x4
	attrParent     = 0x8 // not an attribute but a parent pointer
	attrIncomplete = 0x80
)

const (
	// maxValue is the longest value of an attribute in bytes.
	maxValue = 64 << 10
	// maxAttributes bounds what all attributes of a node take together.
	maxAttributes = 32 << 20
)

// attributes gathers what is found.
type attributes struct {
	all  map[string][]byte
	size int
}

// Attributes implements [fsys.Attributer].
func (t *tree) Attributes(id fsys.ID) (map[string][]byte, error) {
	in, err := t.inode(id)
	if err != nil {
		return nil, err
	}
	a := attributes{all: map[string][]byte{}}
	f, ok, err := in.attrFork()
	switch {
	case err != nil || !ok:
	case f.format == formatLocal:
		err = a.short(f.raw)
	case f.format == formatExtents && f.count == 0:
	default:
		err = t.treeAttributes(f, &a)
	}
	if err != nil {
		err = fmt.Errorf("inode %d: attributes: %w", in.num, err)
	}
	return a.all, err
}

// short reads attributes within the inode (xfs_attr_shortform).
func (a *attributes) short(b []byte) error {
	if len(b) < 4 || int(be.Uint16(b)) > len(b) {
		return block.Damaged("list of more than %d bytes", len(b))
	}
	count := int(b[2])
	b = b[4:max(4, int(be.Uint16(b)))]
	for i := range count {
		if len(b) < 3 || 3+int(b[0])+int(b[1]) > len(b) {
			return block.Damaged("entry %d of %d is cut off", i, count)
		}
		name, value := b[3:3+int(b[0])], b[3+int(b[0]):3+int(b[0])+int(b[1])]
		if err := a.add(b[2], name, value); err != nil {
			return err
		}
		b = b[3+len(name)+len(value):]
	}
	return nil
}

// hidden tells whether an entry is not to be shown: half made, or no attribute.
func hidden(flags byte) bool { return flags&(attrIncomplete|attrParent) != 0 }

// add takes a copy of an attribute under its full name. Access control lists
// are given in the form of system calls, too.
func (a *attributes) add(flags byte, name, value []byte) error {
	if hidden(flags) {
		return nil
	}
	if a.size += len(name) + len(value); a.size > maxAttributes {
		return block.Unsupported("more than %d bytes", maxAttributes)
	}
	prefix := "user."
	switch flags & (attrRoot | attrSecure) {
	case attrRoot:
		prefix = "trusted."
		a.addACL(string(name), value)
	case attrSecure:
		prefix = "security."
	case attrRoot | attrSecure:
		return block.Damaged("attribute %q is in two namespaces", name)
	}
	a.all[prefix+string(name)] = append([]byte{}, value...)
	return nil
}

// addACL adds an access control list (xfs_acl) as the kernel gives it to
// programs (posix_acl_xattr.h, version 2).
func (a *attributes) addACL(name string, value []byte) {
	full := map[string]string{"SGI_ACL_FILE": "system.posix_acl_access", "SGI_ACL_DEFAULT": "system.posix_acl_default"}[name]
	if full == "" || len(value) < 4 || int64(be.Uint32(value)) != int64(len(value)-4)/12 || len(value)%12 != 4 {
		return
	}
	out := []byte{2, 0, 0, 0}
	for e := value[4:]; len(e) > 0; e = e[12:] {
		tag, id := be.Uint32(e), be.Uint32(e[4:])
		if tag != 0x02 && tag != 0x08 { // only named users and groups have an ID
			id = 1<<32 - 1
		}
		out = le.AppendUint16(out, uint16(tag))
		out = le.AppendUint16(out, be.Uint16(e[8:]))
		out = le.AppendUint32(out, id)
	}
	a.all[full] = out
}
