package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// errSilent is given instead of a further call to a service that left several
// calls in a row unanswered.
var errSilent = errors.New("not asked: the service left the calls before this one unanswered")

// chain is the middleware of one account and region: every call passes it.
type chain struct {
	account string
	region  string
	ledger  *cloud.Ledger
	pace    *rate.Limiter // nil: unlimited
	trip    int           // silent attempts in a row after which a service is left alone
	rest    time.Duration // for how long

	mu     sync.Mutex
	silent map[string]silence // by service
}

// silence is how often in a row a service gave no answer, and when last.
type silence struct {
	count int
	last  time.Time
}

type attemptsKey struct{}

// install adds the chain to an operation's stack: a counter of attempts around
// the operation; breaker, pace and ledger around each attempt.
func (c *chain) install(stack *middleware.Stack) error {
	operation := middleware.InitializeMiddlewareFunc("LenscapOperation", c.operation)
	if err := stack.Initialize.Add(operation, middleware.Before); err != nil {
		return fmt.Errorf("install counter: %w", err)
	}
	attempt := middleware.FinalizeMiddlewareFunc("LenscapAttempt", c.attempt)
	if err := stack.Finalize.Insert(attempt, "Retry", middleware.After); err != nil {
		return fmt.Errorf("install ledger: %w", err)
	}
	return nil
}

func (c *chain) operation(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	ctx = middleware.WithStackValue(ctx, attemptsKey{}, new(int))
	return next.HandleInitialize(ctx, in)
}

func (c *chain) attempt(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	service := serviceName(awsmiddleware.GetServiceID(ctx))
	if c.tripped(service) {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, errSilent
	}
	// The EBS direct APIs have quotas of their own, in the hundreds a second.
	if c.pace != nil && service != "ebs" {
		if err := c.pace.Wait(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("wait for a turn: %w", err)
		}
	}
	n, _ := middleware.GetStackValue(ctx, attemptsKey{}).(*int)
	retry := n != nil && *n > 0
	if n != nil {
		*n++
	}
	start := time.Now()
	out, meta, err := next.HandleFinalize(ctx, in)
	c.ledger.Record(cloud.Call{
		Provider: Provider, Account: c.account, Region: c.region,
		Service: service, Operation: awsmiddleware.GetOperationName(ctx),
	}, time.Since(start), retry, err)
	c.note(ctx, service, err)
	return out, meta, err
}

func (c *chain) tripped(service string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.silent[service]
	return c.trip > 0 && s.count >= c.trip && time.Since(s.last) < c.rest
}

// note counts silent attempts in a row. Any answer, a refusal too, ends the row.
func (c *chain) note(ctx context.Context, service string, err error) {
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if cause := causeOf(err); cause == lenscap.CauseTimeout || cause == lenscap.CauseNetwork {
			if c.silent == nil {
				c.silent = make(map[string]silence)
			}
			c.silent[service] = silence{c.silent[service].count + 1, time.Now()}
			return
		}
	}
	delete(c.silent, service)
}

// serviceName writes an SDK's service ID as the ledger names it: "EC2" is ec2,
// "Redshift Serverless" is redshift-serverless.
func serviceName(id string) string {
	return strings.ReplaceAll(strings.ToLower(id), " ", "-")
}
