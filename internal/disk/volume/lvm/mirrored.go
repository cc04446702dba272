package lvm

import (
	"fmt"

	"github.com/lenscap/lenscap/internal/disk/block"
	"github.com/lenscap/lenscap/internal/disk/volume/raid"
)

// mirror makes a segment of the old dm-mirror. Its first image is the primary:
// what the log has as out of sync is true only there.
func (b *builder) mirror(s *segment, size int64, v *built) (block.Source, error) {
	list, err := s.areas("mirrors")
	if err != nil {
		return nil, err
	}
	images, gone, err := b.images(list, size, v)
	if err != nil {
		return nil, err
	}
	if gone > 0 {
		v.note(false, "degraded: %d of %d images are missing", gone, len(images))
	}
	if images[0] == nil {
		v.note(true, "the first image is missing: the others may lack the newest writes")
	}
	return raid.Mirror(images, size), nil
}

// images gives the images of a mirror, nil for those that can't be had.
func (b *builder) images(list []area, size int64, v *built) (images []block.Source, gone int, err error) {
	images = make([]block.Source, len(list))
	var failed error
	var lost []string
	for i, a := range list {
		src, o := b.source(a, size)
		v.on(o, true)
		lost = append(lost, o.lost...)
		if o.err == nil && len(o.stale) > 0 {
			o = &built{err: block.Damaged("it was away and may be out of date"), lost: o.stale}
		}
		if o.err != nil {
			failed = fmt.Errorf("image %d: %w", i, o.err)
			gone++
			continue
		}
		images[i] = src
	}
	if gone == len(list) {
		v.lose(lost...)
		return nil, gone, failed
	}
	return images, gone, nil
}

// integrity makes a segment with checksums beside its data. They are kept
// elsewhere: the data lies plain on the origin, but for what a journal holds.
func (b *builder) integrity(s *segment, v *built) (block.Source, error) {
	if s.text("meta_dev") == "" {
		return nil, block.Unsupported("integrity with its checksums among the data")
	}
	o := b.volume(s.text("origin"))
	v.on(o, false)
	if o.err != nil {
		return nil, o.err
	}
	if s.text("mode") != "B" {
		v.note(true, "integrity by a journal, which is not replayed: the newest writes may be missing")
	}
	return o.src, nil
}
