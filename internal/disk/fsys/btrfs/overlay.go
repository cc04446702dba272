package btrfs

import "slices"

// overlay holds the items of a tree that a replay put in, replaced or took
// away: ordered, in pages, so that putting one in moves few others.
type overlay struct {
	pages [][]change // none is empty
	bytes int
}

// change is an item in the place of the one on the disk.
type change struct {
	key  key
	data []byte
	gone bool
}

const (
	pageItems = 256
	// changeBytes is what an item needs in memory besides its data.
	changeBytes = 64
)

// page finds the page that k is in or would go to, and the index there.
func (o *overlay) page(k key) (page, index int, found bool) {
	page, _ = slices.BinarySearchFunc(o.pages, k, func(p []change, k key) int {
		if p[0].key.compare(k) <= 0 {
			return -1
		}
		return 1
	})
	if page > 0 {
		page--
	}
	if page == len(o.pages) {
		return page, 0, false
	}
	index, found = slices.BinarySearchFunc(o.pages[page], k, func(c change, k key) int { return c.key.compare(k) })
	return page, index, found
}

// get gives the change of one key, nil when there is none.
func (o *overlay) get(k key) *change {
	if page, i, ok := o.page(k); ok {
		return &o.pages[page][i]
	}
	return nil
}

// set notes a change.
func (o *overlay) set(c change) {
	page, i, ok := o.page(c.key)
	switch {
	case page == len(o.pages):
		o.pages = append(o.pages, []change{c})
	case ok:
		o.bytes -= changeBytes + len(o.pages[page][i].data)
		o.pages[page][i] = c
	default:
		p := slices.Insert(o.pages[page], i, c)
		o.pages[page] = p
		if len(p) > pageItems {
			o.pages[page] = slices.Clip(p[:len(p)/2])
			o.pages = slices.Insert(o.pages, page+1, slices.Clone(p[len(p)/2:]))
		}
	}
	o.bytes += changeBytes + len(c.data)
}

// each gives the items put in from one key to another, both included, until fn
// says false.
func (o *overlay) each(from, to key, fn func(key, []byte) bool) bool {
	page, i, _ := o.page(from)
	for ; page < len(o.pages); page, i = page+1, 0 {
		for ; i < len(o.pages[page]); i++ {
			c := &o.pages[page][i]
			if c.key.compare(to) > 0 {
				return true
			}
			if !c.gone && !fn(c.key, c.data) {
				return false
			}
		}
	}
	return true
}

// floor gives the last item put in up to k, nil when there is none.
func (o *overlay) floor(k key) *change {
	page, i, ok := o.page(k)
	if !ok {
		i--
	}
	for ; page >= 0 && page < len(o.pages); page-- {
		for ; i >= 0; i-- {
			if c := &o.pages[page][i]; !c.gone {
				return c
			}
		}
		if page > 0 {
			i = len(o.pages[page-1]) - 1
		}
	}
	return nil
}
