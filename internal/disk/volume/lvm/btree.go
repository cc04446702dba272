package lvm

import (
	"sort"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// maxLevels bounds the height of a B+tree: with 126 and more children in each
// node, 2^64 keys need ten.
const maxLevels = 16

// node is a node of a persistent B+tree: keys, and after room for the most that
// it may hold, as many values.
type node struct {
	data  []byte
	n     int
	most  int
	value int // bytes of each
	leaf  bool
}

func (m *metadata) node(at uint64) (node, error) {
	b, err := m.block(at, nodeSalt, 8)
	if err != nil {
		return node{}, err
	}
	n, most, value := le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[24:])
	flags := le.Uint32(b[4:])
	if n > most || most > metaBlock/8 || value > metaBlock || 32+int(most)*(8+int(value)) > metaBlock || flags != 1 && flags != 2 ||
		flags == 1 && value != 8 {
		return node{}, block.Damaged("metadata block %d: node of %d of %d entries of %d bytes, flags %#x", at, n, most, value, flags)
	}
	return node{b, int(n), int(most), int(value), flags == 2}, nil
}

func (n node) key(i int) uint64 { return le.Uint64(n.data[32+8*i:]) }

func (n node) at(i int) []byte {
	at := 32 + 8*n.most + n.value*i
	return n.data[at : at+n.value]
}

// seek gives the index of the last key that is not above k, -1 when all are.
func (n node) seek(k uint64) int {
	return sort.Search(n.n, func(i int) bool { return n.key(i) > k }) - 1
}

// find goes down to the leaf that a key belongs to, and gives the index of the
// last key there that is not above it, and one past the keys that the leaf
// speaks of. The values are numbers of 64 bits.
func (m *metadata) find(root, key uint64) (leaf node, i int, end uint64, err error) {
	end = 1<<64 - 1
	for range maxLevels {
		n, err := m.node(root)
		if err != nil {
			return node{}, 0, 0, err
		}
		i := n.seek(key)
		if n.leaf {
			if n.value != 8 && n.n > 0 {
				return node{}, 0, 0, block.Damaged("metadata block %d: values of %d bytes, want 8", root, n.value)
			}
			return n, i, end, nil
		}
		if i+1 < n.n {
			end = min(end, n.key(i+1))
		}
		if i < 0 {
			return node{leaf: true}, -1, end, nil
		}
		root = le.Uint64(n.at(i))
	}
	return node{}, 0, 0, block.Damaged("metadata: a tree of more than %d levels", maxLevels)
}

// lookup gives the value of a key, nil when it is not in the tree.
func (m *metadata) lookup(root, key uint64) ([]byte, error) {
	leaf, i, _, err := m.find(root, key)
	if err != nil || i < 0 || leaf.key(i) != key {
		return nil, err
	}
	return leaf.at(i), nil
}
