package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options says what a lab holds.
type Options struct {
	// Now is the lab's clock; nil means time.Now. Signatures are not held
	// against it, so a fixed clock is fine.
	Now func() time.Time
	// Fill puts accounts and assets into the empty world; may be nil.
	Fill func(*World) error
	// Login is the account whose keys Env gives; empty means the first one.
	Login string
	// Address to listen on; empty means 127.0.0.1:0. Only loopback is allowed.
	Address string
}

// Lab is one running simulated AWS. Its methods are safe for use at once.
type Lab struct {
	server   *http.Server
	listener net.Listener
	login    string
	now      func() time.Time
	services map[string]*service
	stop     context.CancelFunc
	done     chan struct{}

	mu     sync.Mutex // held while an operation runs
	world  *World
	inject func(Call) *Fault
	trail  trail
	serial uint64
}

// Start builds the world and serves it until Close or until ctx ends.
func Start(ctx context.Context, opts Options) (*Lab, error) {
	lab := &Lab{now: opts.Now, login: opts.Login, services: services(), done: make(chan struct{})}
	if lab.now == nil {
		lab.now = time.Now
	}
	lab.world = newWorld(lab.now)
	if opts.Fill != nil {
		if err := opts.Fill(lab.world); err != nil {
			return nil, fmt.Errorf("fill the lab: %w", err)
		}
	}
	if lab.login == "" && len(lab.world.order) > 0 {
		lab.login = lab.world.order[0]
	}
	if err := lab.listen(ctx, opts.Address); err != nil {
		return nil, err
	}
	return lab, nil
}

func (l *Lab) listen(ctx context.Context, address string) error {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read lab address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("lab address %q: want a loopback address such as 127.0.0.1:0", address)
	}
	var config net.ListenConfig
	if l.listener, err = config.Listen(ctx, "tcp", address); err != nil {
		return fmt.Errorf("listen for the lab: %w", err)
	}
	// The lab outlives no caller: its base context ends with ctx or Close, and
	// with it every request that a fault holds back.
	base, stop := context.WithCancel(ctx)
	l.stop = stop
	l.server = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	context.AfterFunc(base, func() { _ = l.server.Close() })
	go func() {
		defer close(l.done)
		_ = l.server.Serve(l.listener) // always ErrServerClosed: Close is the only way out
	}()
	return nil
}

// Close stops the lab and waits until it no longer serves. It may be called twice.
func (l *Lab) Close() error {
	l.stop()
	err := l.server.Close()
	<-l.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Endpoint is the URL to point AWS_ENDPOINT_URL at.
func (l *Lab) Endpoint() string { return "http://" + l.listener.Addr().String() }

// Env is the environment, as "NAME=value", under which the SDKs, the AWS CLI
// and lenscap use the lab with the login account's keys. AWS_PROFILE must not be
// set beside it.
func (l *Lab) Env() []string { return l.EnvOf(l.login) }

// EnvOf is [Lab.Env] with the keys of another account of the lab.
func (l *Lab) EnvOf(account string) []string {
	key, secret := l.Keys(account)
	return []string{
		"AWS_ENDPOINT_URL=" + l.Endpoint(),
		"AWS_ACCESS_KEY_ID=" + key,
		"AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_SESSION_TOKEN=",
		"AWS_REGION=" + homeRegion,
		"AWS_DEFAULT_REGION=" + homeRegion,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_PAGER=",
	}
}

// Login is the account that Env signs in to.
func (l *Lab) Login() string { return l.login }

// Keys are the fixed access keys of an account of the lab; empty when there is none.
func (l *Lab) Keys(account string) (id, secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.world.accounts[account]
	if a == nil {
		return "", ""
	}
	return a.key.id, a.key.secret
}

// Change runs fn on the world while no operation runs, for stories that go on.
func (l *Lab) Change(fn func(*World)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn(l.world)
}
