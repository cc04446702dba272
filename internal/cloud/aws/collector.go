package aws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/time/rate"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// Collector reads AWS accounts. It is safe for use by several goroutines.
type Collector struct {
	opts  cloud.Options
	tune  tuning
	parts func() []part

	mu      sync.Mutex
	base    *awssdk.Config
	self    identity
	entered map[string]awssdk.Config // by account
}

var (
	_ cloud.Collector   = (*Collector)(nil)
	_ cloud.BlockOpener = (*Collector)(nil)
	_ cloud.Permitter   = (*Collector)(nil)
)

// defaultRate is opts.Rate when it is 0.
const defaultRate = 5

// New gives a collector. It makes no call: credentials and endpoints are taken
// from the SDK's default chain at the first use.
func New(opts cloud.Options) (*Collector, error) {
	for _, a := range opts.Accounts {
		if !isAccountID(a) {
			return nil, fmt.Errorf("account %q: want an AWS account number of twelve digits", a)
		}
	}
	if strings.HasPrefix(opts.AssumeRole, "arn:") && !strings.Contains(opts.AssumeRole, "{account}") {
		return nil, fmt.Errorf("role %q: want a role name, or an ARN with {account} in the account's place", opts.AssumeRole)
	}
	switch opts.Shares {
	case "":
		opts.Shares = cloud.SharesAuto
	case cloud.SharesAuto, cloud.SharesAll, cloud.SharesSkip:
	default:
		return nil, fmt.Errorf("shares mode %q: want auto, all or skip", opts.Shares)
	}
	if opts.Rate <= 0 {
		opts.Rate = defaultRate
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Collector{
		opts: opts, tune: standard, parts: parts,
		entered: make(map[string]awssdk.Config),
	}, nil
}

// Provider is this cloud's name in references.
func (*Collector) Provider() string { return Provider }

// Collect reads one account in one region, service after service.
func (c *Collector) Collect(ctx context.Context, scope cloud.Scope, sink cloud.Sink) error {
	cfg, err := c.enter(ctx, scope.Account)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return sink.Gap(accountGap(scope.Account, scope.Region, "sts:AssumeRole", err))
	}
	r := c.newRegion(cfg, scope, sink)
	for _, p := range c.parts() {
		if err := p.collect(ctx, r); err != nil {
			return fmt.Errorf("read %s: %w", p.name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		r.missed(p.kinds)
	}
	return r.close()
}

func (c *Collector) newRegion(cfg awssdk.Config, scope cloud.Scope, sink cloud.Sink) *region {
	return &region{
		account: scope.Account, name: scope.Region, partition: c.self.partition,
		cfg:  c.dress(cfg, scope.Account, scope.Region),
		opts: c.opts, sink: sink, now: c.opts.Now(),
		sweep: rate.NewLimiter(rate.Limit(c.opts.Rate), max(1, int(c.opts.Rate))),
	}
}

// accountGap is an account, or one region of it, that could not be entered.
func accountGap(account, region, call string, err error) lenscap.Gap {
	return lenscap.Gap{
		Provider: Provider, Account: account, Region: region,
		Aspect: lenscap.AspectAssets, Cause: causeOf(err), Call: call, Message: messageOf(err),
	}
}
