package block

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// object serves bytes as object stores do; spoil may answer a request first.
type object struct {
	*httptest.Server
	data     []byte
	etag     atomic.Value
	requests atomic.Int32
	ranges   sync.Map
	spoil    func(n int32, w http.ResponseWriter, q *http.Request) bool
}

func newObject(t *testing.T, size int, spoil func(n int32, w http.ResponseWriter, q *http.Request) bool) *object {
	t.Helper()
	o := &object{data: make([]byte, size), spoil: spoil}
	_, _ = rand.NewChaCha8([32]byte{7}).Read(o.data)
	o.etag.Store(`"one"`)
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *object) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	n := o.requests.Add(1)
	o.ranges.Store(n, q.Header.Get("Range"))
	if q.Method != http.MethodGet || q.URL.Query().Get("sig") != "s3cret" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>AccessDenied</Code><StringToSign>%s</StringToSign></Error>", q.URL)
		return
	}
	if o.spoil != nil && o.spoil(n, w, q) {
		return
	}
	w.Header().Set("ETag", o.etag.Load().(string))
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(o.data))
}

func (o *object) address() string {
	return strings.Replace(o.URL, "http://", "http://user:passw0rd@", 1) + "/disk.raw?X-Amz-Security-Token=t0ken&sig=s3cret#frag"
}

// quiet are options that don't wait long.
var quiet = HTTPOptions{backoff: time.Millisecond, Tries: 4, Idle: 2 * time.Second}

// discreet holds every error to keeping secrets.
func discreet(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v", e, e, e)
		if _, ok := errors.AsType[*url.Error](e); ok {
			t.Errorf("an error holds the URL: %v", e)
		}
		for _, secret := range []string{"s3cret", "t0ken", "passw0rd", "user:", "frag"} {
			if strings.Contains(text, secret) {
				t.Errorf("an error tells a secret: %v", text)
			}
		}
	}
}

func (o *object) open(t *testing.T, opts HTTPOptions) *HTTP {
	t.Helper()
	h, err := OpenHTTP(t.Context(), o.address(), opts)
	if err != nil {
		discreet(t, err)
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestHTTPReads(t *testing.T) {
	t.Parallel()
	o := newObject(t, 20<<20+333, nil)
	h := o.open(t, HTTPOptions{BytesPerSecond: 1 << 40, RequestsPerSecond: 1e6})
	if n := o.requests.Load(); n != 1 || h.Size() != int64(len(o.data)) {
		t.Errorf("%d requests to open, size %d", n, h.Size())
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		off := r.Int64N(h.Size() + 100)
		buf := make([]byte, r.IntN(1<<r.IntN(22)))
		n, err := h.ReadAt(buf, off)
		want := o.data[min(off, h.Size()):min(off+int64(len(buf)), h.Size())]
		if !bytes.Equal(buf[:n], want) || (n < len(buf)) != errors.Is(err, io.EOF) {
			t.Fatalf("read %d at %d: %d bytes, %v", len(buf), off, n, err)
		}
	}
	all, err := io.ReadAll(io.NewSectionReader(h, 0, h.Size()))
	if err != nil || !bytes.Equal(all, o.data) {
		t.Errorf("all: %d bytes, %v", len(all), err)
	}
	list, err := h.Extents(t.Context())
	if diff := cmp.Diff([]Extent{{0, h.Size()}}, list); diff != "" || err != nil {
		t.Errorf("extents: %s %v", diff, err)
	}
}

func TestHTTPFetchesOnce(t *testing.T) {
	t.Parallel()
	o := newObject(t, 8<<20, nil)
	h := o.open(t, quiet)
	if err := h.Prefetch(t.Context(), []Extent{{100, 10}, {3 << 20, 1 << 20}, {3<<20 + 5, 1}, {8<<20 - 1, 50}}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<20)
	for range 3 {
		if err := ReadFull(h, buf, 3<<20); err != nil || !bytes.Equal(buf, o.data[3<<20:4<<20]) {
			t.Fatal(err)
		}
		if err := ReadFull(h, buf[:50], 7); err != nil {
			t.Fatal(err)
		}
	}
	if n := o.requests.Load(); n != 5 {
		t.Errorf("%d requests, want one to open and one for each of 4 chunks", n)
	}
	before := o.requests.Load()
	if err := ReadFull(h, make([]byte, 2<<20), 1<<20); err != nil {
		t.Fatal(err)
	}
	if n := o.requests.Load() - before; n != 1 {
		t.Errorf("%d requests for a large read, want one", n)
	}
	small := o.open(t, quiet)
	if err := small.Prefetch(t.Context(), []Extent{{0, 1 << 62}}); err != nil {
		t.Error(err)
	}
}

// TestHTTPFaults spoils some answers: who tries again has the bytes.
func TestHTTPFaults(t *testing.T) {
	t.Parallel()
	cut := func(_ int32, w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Length", "1000")
		var a, b int
		_, _ = fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-%d", &a, &b)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/1000000", a, a+999))
		w.Header().Set("ETag", `"one"`)
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for name, c := range map[string]struct {
		spoil func(n int32, w http.ResponseWriter, q *http.Request)
		want  string // of the error when it stays so
	}{
		"500": {func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "500"},
		"503 waiting": {func(_ int32, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "503"},
		"429":   {func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, "429"},
		"reset": {func(int32, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"cut":   {nil, "of 1000 bytes came"},
		"range": {func(_ int32, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-9/1000000")
			w.Header().Set("ETag", `"one"`)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte("abcde"))
		}, "bytes 5 to 9 came"},
		"no range": {func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) }, "Content-Range"},
	} {
		spoil := c.spoil
		if spoil == nil {
			spoil = cut
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newObject(t, 1_000_000, func(n int32, w http.ResponseWriter, q *http.Request) bool {
				if n%3 != 1 && name != "cut" || name == "cut" && n == 3 {
					spoil(n, w, q)
					return true
				}
				return false
			})
			h := o.open(t, quiet)
			buf := make([]byte, 5000)
			err := ReadFull(h, buf, 3000)
			if name == "cut" {
				return
			}
			if err != nil || !bytes.Equal(buf, o.data[3000:8000]) {
				t.Errorf("with two faults of three: %v", err)
			}
		})
		t.Run(name+" always", func(t *testing.T) {
			t.Parallel()
			o := newObject(t, 1_000_000, func(n int32, w http.ResponseWriter, q *http.Request) bool {
				if n > 1 {
					spoil(n, w, q)
				}
				return n > 1
			})
			h := o.open(t, quiet)
			err := ReadFull(h, make([]byte, 10), 3000)
			discreet(t, err)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "after 4 tries") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if n := o.requests.Load(); n != 5 {
				t.Errorf("%d requests, want one to open and 4 tries", n)
			}
		})
	}
}

// TestHTTPResumes has every answer cut short: each try goes on where the last
// one ended.
func TestHTTPResumes(t *testing.T) {
	t.Parallel()
	o := newObject(t, 3<<20, nil)
	o.spoil = func(n int32, w http.ResponseWriter, q *http.Request) bool {
		var a, b int
		_, _ = fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-%d", &a, &b)
		if n == 1 || b-a < 200_000 {
			return false
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b, len(o.data)))
		w.Header().Set("Content-Length", fmt.Sprint(b-a+1))
		w.Header().Set("ETag", `"one"`)
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(o.data[a : a+200_000])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	h := o.open(t, quiet)
	buf := make([]byte, 100_000)
	if err := ReadFull(h, buf, 1<<20); err != nil || !bytes.Equal(buf, o.data[1<<20:1<<20+100_000]) {
		t.Fatal(err)
	}
	if n := o.requests.Load(); n != 4 {
		t.Errorf("%d requests, want one to open and three for a chunk", n)
	}
}

func TestHTTPChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(o *object){
		"tag": func(o *object) { o.etag.Store(`"two"`) },
		"size": func(o *object) {
			o.spoil = func(_ int32, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Range", "bytes 524288-1048575/2000000")
				w.Header().Set("ETag", `"one"`)
				w.WriteHeader(http.StatusPartialContent)
				return true
			}
		},
		"tag without If-Match": func(o *object) {
			o.spoil = func(_ int32, w http.ResponseWriter, q *http.Request) bool {
				q.Header.Del("If-Match")
				o.etag.Store(`"two"`)
				return false
			}
		},
		"shorter": func(o *object) {
			o.spoil = func(_ int32, w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return true
			}
		},
	} {
		o := newObject(t, 4<<20, nil)
		h := o.open(t, quiet)
		if err := ReadFull(h, make([]byte, 10), 0); err != nil {
			t.Fatal(name, err)
		}
		change(o)
		before := o.requests.Load()
		err := ReadFull(h, make([]byte, 10), 600_000)
		discreet(t, err)
		if !errors.Is(err, ErrChanged) || o.requests.Load()-before != 1 {
			t.Errorf("%s: %v after %d requests, want ErrChanged after one", name, err, o.requests.Load()-before)
		}
	}
}

// TestHTTPModified is of a server that has dates and no strong tag.
func TestHTTPModified(t *testing.T) {
	t.Parallel()
	data, date := make([]byte, 2<<20), time.Unix(1e9, 0)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("ETag", `W/"weak"`)
		http.ServeContent(w, q, "", date, bytes.NewReader(data))
	}))
	t.Cleanup(s.Close)
	h, err := OpenHTTP(t.Context(), s.URL, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := ReadFull(h, make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	date = date.Add(time.Hour)
	if err := ReadFull(h, make([]byte, 10), 1<<20); !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
}

func TestHTTPNotOpened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(w http.ResponseWriter, q *http.Request)
		want  string
		is    error
	}{
		"ignores ranges": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5000)) }, "ignores ranges", ErrUnsupported},
		"no size": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-0/*")
			w.WriteHeader(http.StatusPartialContent)
		}, "does not tell its size", ErrUnsupported},
		"encoded": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Range", "bytes 0-0/10")
			w.WriteHeader(http.StatusPartialContent)
		}, "gzip", ErrUnsupported},
		"gone": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "404 Not Found", nil},
		"to a file": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd?s3cret")
			w.WriteHeader(http.StatusFound)
		}, "want http or https", nil},
		"to nothing": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://%zz?s3cret")
			w.WriteHeader(http.StatusFound)
		}, "no URL", nil},
		"around": {func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Location", q.URL.String())
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "more than 5 redirects", nil},
		"asks for an hour": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "left alone for 1h0m0s", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newObject(t, 100, func(_ int32, w http.ResponseWriter, q *http.Request) bool {
				c.spoil(w, q)
				return true
			})
			_, err := OpenHTTP(t.Context(), o.address(), quiet)
			discreet(t, err)
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if n := o.requests.Load(); n > 6 {
				t.Errorf("%d requests", n)
			}
		})
	}
	o := newObject(t, 10, nil)
	_, err := OpenHTTP(t.Context(), o.URL+"/disk?sig=passw0rd", quiet)
	discreet(t, err)
	if err == nil || !strings.Contains(err.Error(), "403 Forbidden (AccessDenied)") {
		t.Errorf("refused: %v", err)
	}
	o.Close()
	_, err = OpenHTTP(t.Context(), o.address(), quiet)
	discreet(t, err)
	if err == nil {
		t.Error("a server that is gone was opened")
	}
	for _, u := range []string{"", "disk.raw", "ftp://user:passw0rd@host/s?s3cret", "http://", "http://user:passw0rd@[::1/x?s3cret", "https://user:passw0rd@host.invalid/%zz?s3cret"} {
		_, err := OpenHTTP(t.Context(), u, quiet)
		discreet(t, err)
		if err == nil {
			t.Errorf("%q was opened", u)
		}
	}
	empty := newObject(t, 0, nil)
	h := empty.open(t, quiet)
	if n, err := h.ReadAt(make([]byte, 1), 0); h.Size() != 0 || n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("an empty object: %d, %v", n, err)
	}
}

// TestHTTPRedirects follows to another host, which must not get the header, and
// stays there until it is refused.
func TestHTTPRedirects(t *testing.T) {
	t.Parallel()
	there := newObject(t, 3<<20, nil)
	var leaked, asked atomic.Int32
	var gone atomic.Bool
	there.spoil = func(_ int32, w http.ResponseWriter, q *http.Request) bool {
		if q.Header.Get("Authorization") != "" || q.Header.Get("X-Key") != "" {
			leaked.Add(1)
		}
		if gone.Load() && q.URL.Path != "/new" {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		if q.Header.Get("X-Key") != "key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		path := "/old"
		if gone.Load() {
			path = "/new"
		}
		http.Redirect(w, q, there.URL+path+"?sig=s3cret", http.StatusFound)
	}))
	t.Cleanup(here.Close)
	opts := quiet
	opts.Header = http.Header{"X-Key": {"key"}, "Authorization": {"Bearer x"}}
	h, err := OpenHTTP(t.Context(), here.URL, opts)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	for i := range 3 {
		if err := ReadFull(h, buf, int64(i)<<20); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			gone.Store(true)
		}
	}
	if asked.Load() != 2 || leaked.Load() != 0 {
		t.Errorf("the first host was asked %d times, want 2; the header leaked %d times", asked.Load(), leaked.Load())
	}
	tls := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, there.URL+"/x?sig=s3cret", http.StatusFound)
	}))
	t.Cleanup(tls.Close)
	opts.Transport = tls.Client().Transport
	_, err = OpenHTTP(t.Context(), tls.URL+"?sig=s3cret", opts)
	discreet(t, err)
	if err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("from https to http: %v", err)
	}
	_, err = OpenHTTP(t.Context(), tls.URL+"?sig=s3cret", quiet)
	discreet(t, err)
	if err == nil || strings.Contains(err.Error(), "tries") {
		t.Errorf("an unknown certificate: %v, want an error at once", err)
	}
}

func TestHTTPSilent(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	o := newObject(t, 4<<20, func(n int32, w http.ResponseWriter, q *http.Request) bool {
		if n > 1 {
			select {
			case <-done:
			case <-q.Context().Done():
			}
		}
		return n > 1
	})
	t.Cleanup(func() { close(done) })
	opts := quiet
	opts.Idle, opts.Tries = 50*time.Millisecond, 2
	h := o.open(t, opts)
	err := ReadFull(h, make([]byte, 10), 0)
	discreet(t, err)
	if err == nil || !strings.Contains(err.Error(), "silent for 50ms") || o.requests.Load() != 3 {
		t.Errorf("error %v after %d requests, want silence after 3", err, o.requests.Load())
	}
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	opts.Idle = time.Minute
	o.requests.Store(0)
	if h, err = OpenHTTP(ctx, o.address(), opts); err != nil {
		t.Fatal(err)
	}
	if err := ReadFull(h, make([]byte, 10), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read when the context ends: %v", err)
	}
	o.requests.Store(0)
	h = o.open(t, opts)
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := h.Prefetch(short, []Extent{{0, 1 << 20}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("fetch ahead when the context ends: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := ReadFull(h, make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("read after close: %v", err)
	}
}

// TestHTTPPageBlob is a blob of Azure with pages in three places.
func TestHTTPPageBlob(t *testing.T) {
	t.Parallel()
	pages := []Extent{{0, 1024}, {5 << 20, 512}, {5<<20 + 1024, 4096}, {12 << 20, 1 << 20}}
	lists := map[string]string{
		"": `<?xml version="1.0" encoding="utf-8"?><PageList><PageRange><Start>0</Start><End>511</End></PageRange>
			<PageRange><Start>512</Start><End>1023</End></PageRange><ClearRange><Start>1024</Start><End>2047</End></ClearRange>
			<PageRange><Start>5242880</Start><End>5243391</End></PageRange><NextMarker>a&amp;b</NextMarker></PageList>`,
		"a&b": `<PageList><PageRange><Start>5243904</Start><End>5247999</End></PageRange>
			<PageRange><Start>12582912</Start><End>13631487</End></PageRange><NextMarker/></PageList>`,
	}
	for name, list := range map[string]func(marker string) (int, string){
		"good":    func(m string) (int, string) { return 200, lists[m] },
		"refused": func(string) (int, string) { return 403, "" },
		"beyond": func(string) (int, string) {
			return 200, `<P><PageRange><Start>0</Start><End>99999999</End></PageRange></P>`
		},
		"descending": func(string) (int, string) {
			return 200, lists["a&b"][:len(lists["a&b"])-11] + `<PageRange><Start>0</Start><End>1</End></PageRange></PageList>`
		},
		"endless": func(string) (int, string) {
			return 200, `<P><PageRange><Start>0</Start><End>511</End></PageRange><NextMarker>x</NextMarker></P>`
		},
		"broken": func(string) (int, string) { return 200, "<PageList><Page" },
	} {
		o := newObject(t, 16<<20, nil)
		clear(o.data)
		for _, p := range pages {
			_, _ = rand.NewChaCha8([32]byte{9}).Read(o.data[p.Offset : p.Offset+p.Length])
		}
		o.spoil = func(_ int32, w http.ResponseWriter, q *http.Request) bool {
			w.Header().Set("X-Ms-Blob-Type", "PageBlob")
			w.Header().Set("ETag", `"one"`)
			if q.URL.Query().Get("comp") != "pagelist" {
				return false
			}
			code, body := list(q.URL.Query().Get("marker"))
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
			return true
		}
		h := o.open(t, quiet)
		got, err := h.Extents(t.Context())
		if err != nil {
			t.Fatal(name, err)
		}
		want := pages
		if name != "good" {
			want = []Extent{{0, 16 << 20}}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: extents (-want +got):\n%s", name, diff)
		}
		before := o.requests.Load()
		all, err := io.ReadAll(io.NewSectionReader(h, 0, h.Size()))
		if err != nil || !bytes.Equal(all, o.data) {
			t.Errorf("%s: all: %d bytes, %v", name, len(all), err)
		}
		if n := o.requests.Load() - before; name == "good" && n != 4 {
			t.Errorf("%d requests for the chunks with data, want 4", n)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-0/10", "bytes */0", "bytes 5-9/*", "bytes 999999999999999999-1/2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, last, size, err := parseRange(s)
		if err == nil && (first < -1 || last < -1 || size < -1) {
			t.Errorf("%q: %d-%d/%d", s, first, last, size)
		}
	})
}
