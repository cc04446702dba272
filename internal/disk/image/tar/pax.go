package tar

import (
	"bytes"
	"maps"
	"strconv"
	"strings"

	"github.com/lenscap/lenscap/internal/disk/block"
)

// paxRecords are the records of an extended header that matter here.
type paxRecords struct {
	values map[string]string
	name   string
	size   int64  // of the data in the archive, below zero when it does not say
	sparse string // 0.0, 0.1 or 1.0; unknown for others; empty when it is not
	real   int64
	pairs  []int64 // offset, length, … of the formats 0.0 and 0.1
}

// parsePax reads records "LENGTH KEY=VALUE\n"; base holds what global ones said.
func parsePax(raw []byte, base map[string]string) (*paxRecords, error) {
	p := &paxRecords{values: maps.Clone(base), size: -1}
	if p.values == nil {
		p.values = make(map[string]string)
	}
	for len(raw) > 0 {
		space := bytes.IndexByte(raw[:min(len(raw), 20)], ' ')
		if space < 0 {
			if len(bytes.Trim(raw, "\x00")) == 0 {
				break // some programs pad
			}
			return nil, block.Damaged("record without a length: %.20q", raw)
		}
		n, err := strconv.ParseUint(string(raw[:space]), 10, 31)
		if err != nil || n <= uint64(space)+1 || n > uint64(len(raw)) || raw[n-1] != '\n' {
			return nil, block.Damaged("record of the length %q, %d bytes are left", raw[:space], len(raw))
		}
		key, value, ok := strings.Cut(string(raw[space+1:n-1]), "=")
		if !ok {
			return nil, block.Damaged("record without a value: %.20q", key)
		}
		raw = raw[n:]
		if key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes" { // format 0.0: in turn
			v, err := decimal(value)
			if err != nil || (key == "GNU.sparse.offset") != (len(p.pairs)%2 == 0) {
				return nil, block.Damaged("%s %.20q after %d pairs", key, value, len(p.pairs)/2)
			}
			p.pairs = append(p.pairs, v)
			continue
		}
		p.values[key] = value
	}
	return p, p.read()
}

// read takes out what matters.
func (p *paxRecords) read() error {
	v := p.values
	p.name = v["path"]
	if s := v["size"]; s != "" {
		var err error
		if p.size, err = decimal(s); err != nil {
			return block.Damaged("size %.20q", s)
		}
	}
	size := v["GNU.sparse.size"]
	switch {
	case v["GNU.sparse.major"] != "":
		p.sparse = v["GNU.sparse.major"] + "." + v["GNU.sparse.minor"]
		size = v["GNU.sparse.realsize"]
	case v["GNU.sparse.map"] != "":
		p.sparse = "0.1"
		for s := range strings.SplitSeq(v["GNU.sparse.map"], ",") {
			n, err := decimal(s)
			if err != nil {
				return block.Damaged("GNU.sparse.map: %.20q", s)
			}
			p.pairs = append(p.pairs, n)
		}
	case v["GNU.sparse.numblocks"] != "" || size != "":
		p.sparse = "0.0"
	case v["SCHILY.realsize"] != "":
		p.sparse = "unknown"
		return nil
	default:
		return nil
	}
	if name := v["GNU.sparse.name"]; name != "" {
		p.name = name
	}
	var err error
	if p.real, err = decimal(size); err != nil {
		return block.Damaged("size of a sparse member %.20q", size)
	}
	return nil
}

// decimal reads a number from 0.
func decimal(s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 63)
	return int64(v), err
}
