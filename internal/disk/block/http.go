package block

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// httpChunk is how much a small read fetches, httpStore how much of that is
	// kept, in bytes.
	httpChunk = 512 << 10
	httpStore = 64 << 20
)

// HTTPOptions say how a disk is read over HTTP.
type HTTPOptions struct {
	// Transport makes the requests; nil means one of its own. It is no
	// http.Client, which would put a redirect's URL into its errors.
	Transport http.RoundTripper
	// Header is sent with every request to the host of the URL, and to no other:
	// an Authorization.
	Header http.Header
	// Parallel is how many requests are in flight at once; 0 means 8.
	Parallel int
	// Tries is how often one range is asked for until it is an error; 0 means 5.
	Tries int
	// Idle is how long a server may stay silent; 0 means 30 seconds.
	Idle time.Duration
	// BytesPerSecond and RequestsPerSecond bound reads; 0 means no bound.
	BytesPerSecond, RequestsPerSecond float64

	backoff time.Duration // the first pause between tries
}

// ErrChanged says that a disk is not any more what it was when it was opened.
var ErrChanged = errors.New("it changed while it was read")

// HTTP is a [Source] that reads ranges of an object over HTTP or HTTPS: one
// behind a pre-signed URL, a blob of Azure with a SAS token. What the object was
// when it was opened, by its strong ETag, else its date and size, it must be at
// every read: otherwise the read is [ErrChanged].
//
// A page blob of Azure tells which of its pages hold data. No error holds the
// URL's query or user, which are secrets.
type HTTP struct {
	*Cache
	remote *remote
	stop   context.CancelFunc
	pages  []Extent // nil: all holds data
}

// OpenHTTP opens the object at url. It costs one request, and more for the pages
// of a page blob. Reads end with ctx.
func OpenHTTP(ctx context.Context, url string, opts HTTPOptions) (*HTTP, error) {
	ctx, stop := context.WithCancel(ctx)
	r, err := newRemote(ctx, url, opts)
	if err == nil {
		err = r.open()
	}
	if err != nil {
		stop()
		return nil, err
	}
	h := &HTTP{remote: r, stop: stop}
	var src Source = NewLimit(ctx, r, opts.BytesPerSecond, opts.RequestsPerSecond)
	if r.pageBlob {
		if h.pages, err = r.pageList(); err == nil {
			src, err = NewSparse(src, coarse(h.pages, r.size))
		}
		if err != nil {
			if ctx.Err() != nil {
				stop()
				return nil, ctx.Err()
			}
			h.pages = nil // all of it counts as data: nothing is lost
			src = NewLimit(ctx, r, opts.BytesPerSecond, opts.RequestsPerSecond)
		}
	}
	if h.Cache, err = NewCache(src, httpChunk, httpStore); err != nil {
		stop()
		return nil, err
	}
	return h, nil
}

// coarse gives the chunks that pages lie in: holes between them are not worth a
// request of their own.
func coarse(pages []Extent, size int64) []Extent {
	var out []Extent
	for _, p := range pages {
		start := p.Offset / httpChunk * httpChunk
		end := min(size, (p.Offset+p.Length+httpChunk-1)/httpChunk*httpChunk)
		if n := len(out); n > 0 && start <= out[n-1].Offset+out[n-1].Length {
			out[n-1].Length = end - out[n-1].Offset
		} else {
			out = append(out, Extent{start, end - start})
		}
	}
	return out
}

// Close ends all requests.
func (h *HTTP) Close() error {
	h.stop()
	if t := h.remote.own; t != nil {
		t.CloseIdleConnections()
	}
	return nil
}

// Extents implements [Mapper].
func (h *HTTP) Extents(context.Context) ([]Extent, error) {
	if h.pages != nil {
		return append([]Extent{}, h.pages...), nil
	}
	if h.Size() == 0 {
		return nil, nil
	}
	return []Extent{{0, h.Size()}}, nil
}

// Locate implements [Locator]: it is the lowest source.
func (h *HTTP) Locate(off int64) int64 { return off }

// Prefetch implements [Prefetcher]: it fetches chunks, several at once, in the
// order given, as far as they fit into half of the store.
func (h *HTTP) Prefetch(ctx context.Context, ranges []Extent) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(h.remote.parallel())
	done := make(chan error, 1)
	go func() {
		seen := make(map[int64]bool)
		room := httpStore / httpChunk / 2
		for _, e := range ranges {
			first, last := max(0, e.Offset)/httpChunk, (min(e.Offset+e.Length, h.Size())-1)/httpChunk
			for i := first; i <= last && room > 0 && gctx.Err() == nil; i++ {
				if seen[i] {
					continue
				}
				seen[i] = true
				room--
				g.Go(func() error {
					_, err := h.get(i)
					return err
				})
			}
		}
		done <- g.Wait()
	}()
	select { // what is in flight goes on: others may wait for it
	case err := <-done:
		return errors.Join(err, ctx.Err())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remote reads ranges of an object, one request each.
type remote struct {
	ctx    context.Context // io.ReaderAt takes none
	opts   HTTPOptions
	via    http.RoundTripper
	own    *http.Transport // nil: it is the caller's
	slot   chan struct{}   // one for each request in flight
	origin address
	shown  string // the URL without secrets

	size           int64
	etag, modified string // what must stay
	pageBlob       bool

	mu   sync.Mutex
	last address // where redirects led
}

// httpPiece is the most that one request reads, in bytes.
const httpPiece = 8 << 20

// ReadAt implements [io.ReaderAt].
func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	n, end := Clip(len(p), off, r.size)
	for done := 0; done < n; {
		piece := p[done:min(n, done+httpPiece)]
		had, err := r.fetch(piece, off+int64(done))
		done += had
		if err != nil {
			return done, fmt.Errorf("read %d bytes at offset %d of %s: %w", len(piece), off+int64(done-had), r.shown, err)
		}
	}
	return n, end
}

// Size implements [Source].
func (r *remote) Size() int64 { return r.size }

// Close implements [Source]; it does nothing.
func (r *remote) Close() error { return nil }

// fetch reads one range. What a try got before it broke off is kept.
func (r *remote) fetch(p []byte, off int64) (had int, err error) {
	err = r.retry(func(ctx context.Context, touch func()) error {
		n, err := r.once(ctx, touch, p[had:], off+int64(had))
		had += n
		return err
	})
	return had, err
}

// once asks for a range and reads what comes of it.
func (r *remote) once(ctx context.Context, touch func(), p []byte, off int64) (int, error) {
	resp, err := r.get(ctx, "", fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1))
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := r.check(resp, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n := 0
	for n < int(got) {
		touch()
		k, err := resp.Body.Read(p[n:got])
		if n += k; err != nil && n < int(got) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return n, again{fmt.Errorf("%d of %d bytes came: %w", n, got, clean(err)), 0}
		}
	}
	if n < len(p) {
		return n, again{fmt.Errorf("%d bytes came: %w", n, io.ErrUnexpectedEOF), 0}
	}
	return n, nil
}
