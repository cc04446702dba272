package block

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxRedirects = 5
	// maxWait is the longest pause between two tries. A server that asks for
	// more is not asked again.
	maxWait = time.Minute
)

// address is a URL and whether the caller's header may go there.
type address struct {
	*url.URL
	own bool
}

func newRemote(ctx context.Context, text string, opts HTTPOptions) (*remote, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("open a disk over HTTP: the URL can't be read") // the error would hold it
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("open %s: want a URL of http or https", redacted(u))
	}
	u.Fragment = ""
	r := &remote{ctx: ctx, opts: opts, via: opts.Transport, origin: address{u, true}, shown: redacted(u)}
	if r.via == nil {
		r.own = transport(opts)
		r.via = r.own
	}
	r.last = r.origin
	r.slot = make(chan struct{}, r.parallel())
	return r, nil
}

func transport(opts HTTPOptions) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = max(8, opts.Parallel)
	t.DisableCompression = true
	return t
}

func (r *remote) parallel() int {
	if r.opts.Parallel > 0 {
		return r.opts.Parallel
	}
	return 8
}

// redacted gives a URL without what may be secret: user, query, fragment.
func redacted(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// clean takes the URL out of an error of net/http, which a transport may wrap.
func clean(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return clean(u.Err)
	}
	return err
}

// again is an error after which another try may go well, not before wait.
type again struct {
	error
	wait time.Duration
}

func (a again) Unwrap() error { return a.error }

// retry calls do until it goes well, fails for good, or was tried often enough.
// A call that does not touch for too long is ended.
func (r *remote) retry(do func(ctx context.Context, touch func()) error) error {
	tries, pause := r.opts.Tries, r.opts.backoff
	if tries <= 0 {
		tries = 5
	}
	if pause <= 0 {
		pause = 250 * time.Millisecond
	}
	for try := 1; ; try++ {
		err := r.try(do)
		retry, ok := errors.AsType[again](err)
		switch {
		case err == nil:
			return nil
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		case !ok:
			return err
		case try == tries:
			return fmt.Errorf("after %d tries: %w", tries, retry.error)
		case retry.wait > maxWait:
			return fmt.Errorf("the server wants to be left alone for %s: %w", retry.wait, retry.error)
		}
		wait := max(retry.wait, pause/2+rand.N(pause/2+1))
		pause = min(2*pause, maxWait/4)
		select {
		case <-time.After(wait):
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// try calls do once, when few enough requests are in flight.
func (r *remote) try(do func(ctx context.Context, touch func()) error) error {
	select {
	case r.slot <- struct{}{}:
		defer func() { <-r.slot }()
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	idle := r.opts.Idle
	if idle <= 0 {
		idle = 30 * time.Second
	}
	ctx, stop := context.WithCancelCause(r.ctx)
	defer stop(nil)
	timer := time.AfterFunc(idle, func() { stop(errIdle) })
	defer timer.Stop()
	err := do(ctx, func() { timer.Reset(idle) })
	if err != nil && errors.Is(context.Cause(ctx), errIdle) {
		return again{fmt.Errorf("%w for %s", errIdle, idle), 0}
	}
	return err
}

var errIdle = errors.New("the server was silent")

// get sends a request where redirects last led, or from the beginning when it is
// refused there. query is added to the URL's.
func (r *remote) get(ctx context.Context, query, ranges string) (*http.Response, error) {
	r.mu.Lock()
	at := r.last
	r.mu.Unlock()
	for hops := 0; ; hops++ {
		resp, err := r.send(ctx, at, query, ranges)
		if err != nil {
			return nil, err
		}
		switch code := resp.StatusCode; {
		case code == http.StatusMovedPermanently, code == http.StatusFound, code == http.StatusSeeOther,
			code == http.StatusTemporaryRedirect, code == http.StatusPermanentRedirect:
			_ = resp.Body.Close()
			if hops == maxRedirects {
				return nil, fmt.Errorf("more than %d redirects", maxRedirects)
			}
			if at, err = at.follow(resp.Header.Get("Location"), r.origin); err != nil {
				return nil, err
			}
			continue
		case code >= 400 && code < 500 && code != http.StatusPreconditionFailed && hops == 0 && at.URL != r.origin.URL:
			_ = resp.Body.Close() // where it led is not any more
			at = r.origin
			continue
		case code == http.StatusPartialContent:
			r.mu.Lock()
			r.last = at
			r.mu.Unlock()
		}
		return resp, nil
	}
}

// follow gives the address that a redirect leads to.
func (a address) follow(location string, origin address) (address, error) {
	next, err := a.Parse(location)
	if err != nil || location == "" {
		return a, errors.New("a redirect to what is no URL")
	}
	switch {
	case next.Scheme != "http" && next.Scheme != "https" || next.Host == "":
		return a, fmt.Errorf("a redirect to %s: want http or https", redacted(next))
	case a.Scheme == "https" && next.Scheme == "http":
		return a, fmt.Errorf("a redirect from https to %s, which is not encrypted", redacted(next))
	}
	return address{next, next.Host == origin.Host && next.Scheme == origin.Scheme}, nil
}

// send makes one request.
func (r *remote) send(ctx context.Context, at address, query, ranges string) (*http.Response, error) {
	u := *at.URL
	if query != "" && u.RawQuery != "" {
		query = "&" + query
	}
	u.RawQuery += query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the URL can't be asked for") // the error would hold it
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	if at.own {
		maps.Copy(req.Header, r.opts.Header)
	}
	req.Header.Set("Accept-Encoding", "identity")
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	if r.etag != "" {
		req.Header.Set("If-Match", r.etag)
	} else if r.modified != "" {
		req.Header.Set("If-Unmodified-Since", r.modified)
	}
	resp, err := r.via.RoundTrip(req)
	if err == nil {
		return resp, nil
	}
	err = clean(err)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return nil, err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return nil, err
	}
	return nil, again{err, 0}
}

// probe asks for the first byte.
func (r *remote) probe(ctx context.Context, _ func()) error {
	resp, err := r.get(ctx, "", "bytes=0-0")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	first, last, size, err := parseRange(resp.Header.Get("Content-Range"))
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && err == nil && size == 0 {
		r.learn(resp.Header, 0)
		return nil
	}
	if resp.StatusCode == http.StatusOK && resp.ContentLength == 0 { // some give no refusal
		r.learn(resp.Header, 0)
		return nil
	}
	if err := r.status(resp); err != nil {
		return err
	}
	if err != nil || first != 0 || last != 0 || size < 1 {
		return Unsupported("the server does not tell its size: %.100q", resp.Header.Get("Content-Range"))
	}
	r.learn(resp.Header, size)
	return nil
}

// retryAfter reads how long a server wants to be left alone, in seconds or by a
// date.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
