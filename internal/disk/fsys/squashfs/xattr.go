package squashfs

import (
	"bytes"
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/fsys"
)

// noAttributes is the number of attributes that are not there.
const noAttributes = 1<<32 - 1

// Bounds of the attributes of one node: the kernel lets a value have 64 KiB.
const (
	maxAttributes = 4096
	maxValue      = 64 << 10
	maxValues     = 4 << 20
)

// attributeSeparate is set in the type of an attribute whose value lies apart.
const attributeSeparate = 0x100

var attributePrefix = map[uint16]string{0: "user.", 1: "trusted.", 2: "security."}

// readAttributeTable reads where the attributes are.
func (t *tree) readAttributeTable() error {
	if t.sb.attrs > t.sb.used-16 {
		return block.Damaged("attribute table at byte %d of %d", t.sb.attrs, t.sb.used)
	}
	b := make([]byte, 16)
	if err := block.ReadFull(t.src, b, int64(t.sb.attrs)); err != nil {
		return err
	}
	at := le.Uint64(b)
	if at >= t.sb.used {
		return block.Damaged("attributes at byte %d of %d", at, t.sb.used)
	}
	t.attrsAt = int64(at)
	t.attrs = table{"attribute table", t.sb.attrs + 16, 16, uint64(le.Uint32(b[8:]))}
	return nil
}

// Attributes implements [fsys.Attributer].
func (t *tree) Attributes(id fsys.ID) (map[string][]byte, error) {
	in, err := t.inode(id)
	if err != nil {
		return nil, err
	}
	if in.attrs == noAttributes {
		return nil, nil
	}
	out, err := t.attributes(uint64(in.attrs))
	if err != nil {
		return out, fmt.Errorf("inode %#x: %w", uint64(id), err)
	}
	return out, nil
}

// attributes reads a set of attributes.
func (t *tree) attributes(index uint64) (map[string][]byte, error) {
	b, err := t.record(t.attrs, index)
	if err != nil {
		return nil, err
	}
	count := le.Uint32(b[8:])
	if count > maxAttributes {
		return nil, block.Damaged("%d attributes, want at most %d", count, maxAttributes)
	}
	c, err := t.attributeCursor(le.Uint64(b))
	if err != nil {
		return nil, err
	}
	out, total := map[string][]byte{}, 0
	for range count {
		name, value, err := t.attribute(&c)
		if err != nil {
			return out, err
		}
		if total += len(value); total > maxValues {
			return out, block.Damaged("attributes of more than %d bytes", maxValues)
		}
		out[name] = value
	}
	return out, nil
}

// attributeCursor begins at a reference into the attributes.
func (t *tree) attributeCursor(ref uint64) (cursor, error) {
	if ref>>16 >= t.sb.used {
		return cursor{}, block.Damaged("attributes at %#x", ref)
	}
	return t.cursor(t.attrsAt+int64(ref>>16), int(ref&0xFFFF))
}

// attribute reads one attribute.
func (t *tree) attribute(c *cursor) (name string, value []byte, err error) {
	b, err := c.take(4)
	if err != nil {
		return "", nil, err
	}
	kind := le.Uint16(b)
	if b, err = c.take(int(le.Uint16(b[2:]))); err != nil {
		return "", nil, err
	}
	prefix, ok := attributePrefix[kind&0xFF]
	if !ok {
		prefix = fmt.Sprintf("namespace%d.", kind&0xFF)
	}
	name = prefix + string(b)
	if value, err = attributeValue(c); err != nil || kind&attributeSeparate == 0 {
		return name, value, err
	}
	if len(value) != 8 {
		return name, nil, block.Damaged("attribute %q: a reference of %d bytes", name, len(value))
	}
	apart, err := t.attributeCursor(le.Uint64(value))
	if err == nil {
		value, err = attributeValue(&apart)
	}
	return name, value, err
}

func attributeValue(c *cursor) ([]byte, error) {
	b, err := c.take(4)
	if err != nil {
		return nil, err
	}
	size := le.Uint32(b)
	if size > maxValue {
		return nil, block.Damaged("an attribute's value of %d bytes", size)
	}
	if b, err = c.take(int(size)); err != nil {
		return nil, err
	}
	return bytes.Clone(b), nil
}
