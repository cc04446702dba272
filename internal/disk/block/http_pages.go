package block

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Bounds of the list of a page blob's pages.
const (
	maxPageAnswer = 32 << 20 // bytes of one answer
	maxPageList   = 1 << 20  // ranges: 16 MiB of memory
	maxPageCalls  = 1000
)

// pageRange is a range of pages in the answer to Get Page Ranges of Azure's blob
// service.
type pageRange struct {
	Start, End int64
}

// pageList gives the ranges of a page blob that hold data.
func (r *remote) pageList() ([]Extent, error) {
	list, marker := []Extent{}, ""
	for range maxPageCalls {
		query := "comp=pagelist"
		if marker != "" {
			query += "&marker=" + url.QueryEscape(marker)
		}
		var next string
		var page []Extent
		err := r.retry(func(ctx context.Context, touch func()) (err error) {
			page, next, err = r.pagesOf(ctx, query, touch)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if n := len(list); n > 0 {
				switch last := &list[n-1]; {
				case e.Offset < last.Offset+last.Length:
					return nil, Damaged("pages at %d after those at %d", e.Offset, last.Offset)
				case e.Offset == last.Offset+last.Length:
					last.Length += e.Length
					continue
				}
			}
			if list = append(list, e); len(list) > maxPageList {
				return nil, Unsupported("more than %d ranges of pages", maxPageList)
			}
		}
		if next == "" {
			return list, nil
		}
		marker = next
	}
	return nil, Unsupported("a list of pages in more than %d answers", maxPageCalls)
}

// pagesOf asks for one part of the list; next continues it.
func (r *remote) pagesOf(ctx context.Context, query string, touch func()) (list []Extent, next string, err error) {
	resp, err := r.get(ctx, query, "")
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		if err := r.status(resp); err != nil {
			return nil, "", err
		}
		return nil, "", errors.New("a part where a list of pages should be")
	}
	if r.other(resp.Header) {
		return nil, "", ErrChanged
	}
	d := xml.NewDecoder(&touching{io.LimitReader(resp.Body, maxPageAnswer), touch})
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list, next, nil
		}
		if err != nil {
			return nil, "", again{fmt.Errorf("list of pages: %w", err), 0}
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "PageRange":
			var p pageRange
			if err := d.DecodeElement(&p, &start); err != nil {
				return nil, "", Damaged("list of pages: %v", err)
			}
			if p.Start < 0 || p.End < p.Start || p.End >= r.size {
				return nil, "", Damaged("pages %d to %d of a disk of %d bytes", p.Start, p.End, r.size)
			}
			list = append(list, Extent{p.Start, p.End - p.Start + 1})
		case "NextMarker":
			if err := d.DecodeElement(&next, &start); err != nil {
				return nil, "", Damaged("list of pages: %v", err)
			}
		}
	}
}

// touching tells of each read.
type touching struct {
	r     io.Reader
	touch func()
}

func (t *touching) Read(p []byte) (int, error) {
	t.touch()
	return t.r.Read(p)
}
