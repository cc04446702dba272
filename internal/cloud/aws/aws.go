// Package aws reads Amazon Web Services: snapshots, images, databases, backups,
// exported disks, the guards that limit them and the keys that protect them.
//
// A scope is one account in one region. Within it each service is a [part] that
// reads its own assets and says what it could not read. All calls go through
// one chain of middleware (ledger, limit, retry); no part counts or sleeps.
package aws

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/time/rate"

	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/cloud"
)

// Provider is this cloud's name in references.
const Provider = "aws"

// part reads one service in one scope. collect gives every failure to the
// region as a gap and returns an error only when ctx ended or the sink failed.
// Each part closes every kind of its own with region.covered, complete or not.
type part struct {
	name    string
	kinds   []lenscap.Kind
	collect func(ctx context.Context, r *region) error
}

// parts is the explicit list of what is read in each region, in this order:
// what others refer to comes first.
func parts() []part {
	return []part{
		guardsPart(),
		volumesPart(),
		instancesPart(),
		imagesPart(),
		fpgaPart(),
		dlmPart(),    // before the snapshots, which its policies
		backupPart(), // and plans may own
		snapshotsPart(),
		rdsPart(),
		redshiftPart(),
		imageBuilderPart(),
		exportsPart(),
		lightsailPart(),
		keysPart(), // last: reads the keys that the others met
	}
}

// region is one account in one region: what a part needs.
type region struct {
	account   string
	name      string
	partition string        // aws, aws-cn, aws-us-gov
	cfg       awssdk.Config // credentials of the account, this region, all middleware
	opts      cloud.Options
	sink      cloud.Sink
	sweep     *rate.Limiter // for calls that read one asset each
	now       time.Time

	volumes   known               // filled by the volumes part
	attached  map[string]string   // by volume: the instance it is attached to
	instances known               // filled by the instances part
	users     map[string][]string // by image: instances launched from it
	images    known               // filled by the images part
	backing   map[string][]string // by snapshot: the images that stand on it

	keyMu    sync.Mutex
	keyFacts map[string]keyFact // see describeKey

	mu       sync.Mutex
	keys     map[string]bool           // KMS keys met, to be read at the end
	owners   map[string]*known         // see living
	coverage map[lenscap.Kind]coverage // see covered
	said     int                       // kinds closed by the part that runs
	refused  map[string]refusals       // see ask, by call
	claims   map[string]lenscap.Owner  // see claim, by asset ID
}

// ref names an asset of this scope.
func (r *region) ref(kind lenscap.Kind, id string) lenscap.Ref {
	return lenscap.Ref{Provider: Provider, Account: r.account, Region: r.name, Kind: kind, ID: id}
}

// meetKey remembers a KMS key (id, ARN or alias) to be read after all parts.
func (r *region) meetKey(key string) {
	if key == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = make(map[string]bool)
	}
	r.keys[key] = true
}

// gapOf describes what a failed call hides for some kinds of this scope.
func (r *region) gapOf(call string, err error, aspect lenscap.Aspect, kinds ...lenscap.Kind) lenscap.Gap {
	return lenscap.Gap{
		Provider: Provider, Account: r.account, Region: r.name, Kinds: kinds,
		Aspect: aspect, Cause: causeOf(err), Call: call, Message: messageOf(err),
	}
}

// gap gives such a gap to the sink. A context that ended is returned instead.
func (r *region) gap(ctx context.Context, call string, err error, aspect lenscap.Aspect, kinds ...lenscap.Kind) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.notOffered(err) {
		return nil
	}
	return r.sink.Gap(r.gapOf(call, err, aspect, kinds...))
}

// notOffered tells that a service has no endpoint in this region: its name does
// not exist, though EC2's in the same region does and has answered. A service
// that is not there holds nothing, so this hides nothing; without EC2's answer
// the resolver itself may be at fault, and it is a gap like any other.
func (r *region) notOffered(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound && r.volumes.complete && !r.custom()
}

// proof is an answer of this moment.
func (r *region) proof(call, field, value string) lenscap.Proof {
	return lenscap.Proof{Call: call, Field: field, Value: value, At: r.now}
}

// prove completes the grants of a policy: the call that gave it, the time, and
// the way they take.
func (r *region) prove(grants []lenscap.Grant, call string, path lenscap.Path) []lenscap.Grant {
	for i := range grants {
		grants[i].Path = path
		grants[i].Proof.Call, grants[i].Proof.At = call, r.now
	}
	return grants
}
