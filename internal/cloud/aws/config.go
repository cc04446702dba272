package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/lenscap/lenscap"
)

// tuning is what tests shrink.
type tuning struct {
	attempts   int           // of one call, the first included
	maxBackoff time.Duration // between two attempts
	timeout    time.Duration // of one attempt, its body included
	trip       int           // silent attempts in a row before a service is left alone
	rest       time.Duration // for how long
	rate       float64       // calls a second in one account and region
}

// The EC2 quota for Describe calls is 100 tokens, 20 more a second, for the
// whole account and region (EC2 developer guide, "Request throttling"). Half of
// it leaves room for the account's own work, autoscaling first.
var standard = tuning{
	attempts: 6, maxBackoff: 20 * time.Second, timeout: 30 * time.Second,
	trip: 4, rest: 30 * time.Second, rate: 10,
}

// fallbackRegion answers for the partition when nothing else is configured.
const fallbackRegion = "us-east-1"

// load reads the SDK's default chain once: profiles, environment, endpoints.
func (c *Collector) load(ctx context.Context) (awssdk.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base != nil {
		return c.base.Copy(), nil
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(c.tune.timeout)),
		config.WithRetryer(c.retryer),
		config.WithLogger(logging.Nop{}), // what fails is told as a gap
	)
	if err != nil {
		return awssdk.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = fallbackRegion
	}
	c.base = &cfg
	return cfg.Copy(), nil
}

// retryer backs off with jitter and honours throttling. The SDK's own budget of
// retries is shared by all calls of a client, so that one throttled sweep would
// leave later calls without any: attempts are bounded per call instead.
func (c *Collector) retryer() awssdk.Retryer {
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = c.tune.attempts
		o.MaxBackoff = c.tune.maxBackoff
		o.RateLimiter = ratelimit.None
	})}
}

// retryer waits long only when the service asks to slow down.
type retryer struct{ *retry.Standard }

// maxPause is the longest wait before another attempt for other reasons.
const maxPause = time.Second

// RetryDelay is how long to wait before the next attempt.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	delay, delayErr := r.Standard.RetryDelay(attempt, err)
	if causeOf(err) != lenscap.CauseThrottled {
		delay = min(delay, maxPause)
	}
	return delay, delayErr
}

// dress puts the one chain of middleware of an account and region into cfg.
func (c *Collector) dress(cfg awssdk.Config, account, region string) awssdk.Config {
	perSecond := max(c.tune.rate, c.opts.Rate)
	ch := &chain{
		account: account, region: region, ledger: c.opts.Ledger,
		pace: rate.NewLimiter(rate.Limit(perSecond), int(2*perSecond)+1),
		trip: c.tune.trip, rest: c.tune.rest,
	}
	cfg.Region = region
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error { return ch.install(s) })
	return cfg
}

// identity is who the caller is: account number and partition.
type identity struct {
	account   string
	partition string // aws, aws-cn, aws-us-gov
}

// whoami asks once who the caller is.
func (c *Collector) whoami(ctx context.Context) (identity, error) {
	cfg, err := c.load(ctx)
	if err != nil {
		return identity{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.self.account == "" {
		self, err := ask(ctx, c.dress(cfg, "", cfg.Region))
		if err != nil {
			return identity{}, fmt.Errorf("ask AWS who the caller is: %w", err)
		}
		c.self = self
	}
	return c.self, nil
}

func ask(ctx context.Context, cfg awssdk.Config) (identity, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return identity{}, err
	}
	account := awssdk.ToString(out.Account)
	if !isAccountID(account) {
		return identity{}, fmt.Errorf("sts:GetCallerIdentity gave account %q: want twelve digits", account)
	}
	partition := "aws"
	if part := strings.SplitN(awssdk.ToString(out.Arn), ":", 3); len(part) == 3 && part[1] != "" {
		partition = part[1]
	}
	return identity{account, partition}, nil
}

// enter gives a configuration with the credentials of an account and checks
// that it is that account.
func (c *Collector) enter(ctx context.Context, account string) (awssdk.Config, error) {
	self, err := c.whoami(ctx)
	if err != nil {
		return awssdk.Config{}, err
	}
	c.mu.Lock()
	cfg, ok := c.entered[account]
	c.mu.Unlock()
	if ok {
		return cfg.Copy(), nil
	}
	if cfg, err = c.load(ctx); err != nil {
		return awssdk.Config{}, err
	}
	if account != self.account {
		if cfg, err = c.assume(ctx, cfg, account); err != nil {
			return awssdk.Config{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entered[account] = cfg
	return cfg.Copy(), nil
}

func (c *Collector) assume(ctx context.Context, cfg awssdk.Config, account string) (awssdk.Config, error) {
	if c.opts.AssumeRole == "" {
		return awssdk.Config{}, fmt.Errorf("account %s is not the caller's own (%s): name a role to assume in it", account, c.self.account)
	}
	arn := roleARN(c.opts.AssumeRole, c.self.partition, account)
	client := sts.NewFromConfig(c.dress(cfg, c.self.account, cfg.Region))
	provider := stscreds.NewAssumeRoleProvider(client, arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "lenscap"
	})
	cfg.Credentials = awssdk.NewCredentialsCache(provider)
	got, err := ask(ctx, c.dress(cfg, account, cfg.Region))
	if err != nil {
		return awssdk.Config{}, fmt.Errorf("enter account %s as %s: %w", account, arn, err)
	}
	if got.account != account {
		return awssdk.Config{}, fmt.Errorf("role %s leads into account %s, not %s", arn, got.account, account)
	}
	return cfg, nil
}

// roleARN makes a role's ARN from a role name, with or without a path, or from
// an ARN pattern with "{account}".
func roleARN(pattern, partition, account string) string {
	arn := pattern
	if !strings.HasPrefix(pattern, "arn:") {
		arn = "arn:" + partition + ":iam::{account}:role/" + strings.TrimPrefix(pattern, "/")
	}
	return strings.ReplaceAll(arn, "{account}", account)
}

// isAccountID tells whether s is an account number: twelve digits.
func isAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
