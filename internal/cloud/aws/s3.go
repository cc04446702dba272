package aws

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lenscap/lenscap"
)

const (
	callHead         = "s3:HeadObject"
	callObjectACL    = "s3:GetObjectAcl"
	callBucketACL    = "s3:GetBucketAcl"
	callBucketPolicy = "s3:GetBucketPolicy"
	callBucketBlock  = "s3:GetPublicAccessBlock"
	callAccountBlock = "s3control:GetPublicAccessBlock"
	guardS3          = "s3_public_access_block"
)

// Groups of S3 access control lists (S3 user guide, "Predefined groups").
const (
	everybodyURI = "http://acs.amazonaws.com/groups/global/AllUsers"
	customersURI = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
)

var downloadActions = map[string]lenscap.Access{"s3:GetObject": lenscap.AccessDownload, "s3:GetObjectVersion": lenscap.AccessDownload}

// objects reads each exported disk with who may download it; it gives how many.
func (r *region) objects(ctx context.Context, exports []export) (int, error) {
	if len(exports) == 0 {
		return 0, nil
	}
	client := s3.NewFromConfig(r.cfg, func(o *s3.Options) { o.UsePathStyle = r.custom() })
	account := r.accountBlock(ctx)
	buckets := make(map[string]*bucket)
	n := 0
	for _, e := range exports {
		if e.bucket == "" || e.key == "" {
			continue
		}
		b := buckets[e.bucket]
		if b == nil {
			b = r.bucket(ctx, client, e.bucket)
			buckets[e.bucket] = b
		}
		if err := r.object(ctx, client, e, b, account); err != nil {
			return n, err
		}
		n++
	}
	return n, ctx.Err()
}

// custom tells whether an endpoint other than AWS's own answers.
func (r *region) custom() bool {
	return r.cfg.BaseEndpoint != nil
}

// bucket is what holds for every object in a bucket.
type bucket struct {
	policy []byte
	acl    []s3types.Grant
	owner  string // canonical id
	block  accessBlock
	gaps   []lenscap.Gap // without their asset
}

// accessBlock is a public access block: of a bucket or of an account.
type accessBlock struct {
	acls, policies bool // ACLs are ignored, public policies restricted
	call           string
	err            error
}

func (r *region) accountBlock(ctx context.Context) accessBlock {
	client := s3control.NewFromConfig(r.cfg, func(o *s3control.Options) {
		if r.custom() {
			o.APIOptions = append(o.APIOptions, plainHost)
		}
	})
	out, err := client.GetPublicAccessBlock(ctx, &s3control.GetPublicAccessBlockInput{AccountId: &r.account})
	b := accessBlock{call: callAccountBlock}
	switch {
	case err == nil && out.PublicAccessBlockConfiguration != nil:
		c := out.PublicAccessBlockConfiguration
		b.acls, b.policies = awssdk.ToBool(c.IgnorePublicAcls), awssdk.ToBool(c.RestrictPublicBuckets)
	case code(err) == "NoSuchPublicAccessBlockConfiguration":
	case err == nil:
		b.err = errNoID
	default:
		b.err = err
	}
	return b
}

// plainHost takes the account off the host's name: a custom endpoint is often
// an address, and an address has no names below it.
func plainHost(s *middleware.Stack) error {
	return s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("lenscapPlainHost", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if req, ok := in.Request.(*smithyhttp.Request); ok {
			if _, rest, found := strings.Cut(req.URL.Host, "."); found {
				if host, _, err := net.SplitHostPort(rest); err == nil && (net.ParseIP(host) != nil || host == "localhost") {
					req.URL.Host = rest
				}
			}
		}
		return next.HandleFinalize(ctx, in)
	}), "ResolveEndpointV2", middleware.After)
}

// code is the service's own word for an error.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func (r *region) bucket(ctx context.Context, client *s3.Client, name string) *bucket {
	b := &bucket{block: accessBlock{call: callBucketBlock}}
	lost := func(call string, err error) {
		b.gaps = append(b.gaps, r.gapOf(call, err, lenscap.AspectGrants, lenscap.KindDiskObject))
	}
	policy, err := client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &name, ExpectedBucketOwner: &r.account})
	switch {
	case err == nil:
		b.policy = []byte(awssdk.ToString(policy.Policy))
	case code(err) != "NoSuchBucketPolicy":
		lost(callBucketPolicy, err)
	}
	acl, err := client.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &name, ExpectedBucketOwner: &r.account})
	if err == nil {
		b.acl = acl.Grants
		if acl.Owner != nil {
			b.owner = awssdk.ToString(acl.Owner.ID)
		}
	} else {
		lost(callBucketACL, err)
	}
	pab, err := client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &name, ExpectedBucketOwner: &r.account})
	switch {
	case err == nil && pab.PublicAccessBlockConfiguration != nil:
		c := pab.PublicAccessBlockConfiguration
		b.block.acls, b.block.policies = awssdk.ToBool(c.IgnorePublicAcls), awssdk.ToBool(c.RestrictPublicBuckets)
	case err != nil && code(err) != "NoSuchPublicAccessBlockConfiguration":
		b.block.err = err
	}
	return b
}

// object gives one exported disk.
func (r *region) object(ctx context.Context, client *s3.Client, e export, b *bucket, account accessBlock) error {
	head, key, err := r.head(ctx, client, e)
	e.key = key
	a := r.exported(e)
	for _, g := range b.gaps {
		g.Asset = a.Ref.ID
		a.Gaps = append(a.Gaps, g)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case causeOf(err) == lenscap.CauseVanished && err != nil:
		a.State = "gone" // the task outlives its object
		a.Gaps = nil
		return r.give1(a)
	case err != nil:
		a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callHead, err))
	default:
		a.Size, a.StoredBytes, a.Created = awssdk.ToInt64(head.ContentLength), awssdk.ToInt64(head.ContentLength), awssdk.ToTime(head.LastModified)
		a.Encryption = r.objectEncryption(head)
	}
	if err := r.objectGrants(ctx, client, &a, e, b); err != nil {
		return err
	}
	if err := r.objectGuards(ctx, a.Ref, b.block, account); err != nil {
		return err
	}
	return r.give1(a)
}

// head finds the object: by its key, or by the endings that it may have.
func (r *region) head(ctx context.Context, client *s3.Client, e export) (*s3.HeadObjectOutput, string, error) {
	keys := []string{e.key}
	for i, g := range e.guess {
		if i == 0 {
			keys = nil
		}
		keys = append(keys, e.key+g)
	}
	var out *s3.HeadObjectOutput
	var err error
	for _, key := range keys {
		out, err = client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &e.bucket, Key: &key, ExpectedBucketOwner: &r.account})
		if err == nil {
			return out, key, nil
		}
		if !absent(err) {
			return nil, key, err
		}
	}
	return out, keys[0], err
}

// absent tells whether there is no such object. HEAD has no body, so that only
// the status tells.
func absent(err error) bool {
	var resp *smithyhttp.ResponseError
	return errors.As(err, &resp) && resp.HTTPStatusCode() == http.StatusNotFound
}

// objectEncryption: only a KMS key keeps away somebody who may fetch the
// object; S3 decrypts its own for whoever is allowed to read.
func (r *region) objectEncryption(head *s3.HeadObjectOutput) lenscap.Encryption {
	switch head.ServerSideEncryption {
	case s3types.ServerSideEncryptionAwsKms, s3types.ServerSideEncryptionAwsKmsDsse:
		return r.encryption(awssdk.Bool(true), head.SSEKMSKeyId)
	}
	return lenscap.Encryption{Encrypted: lenscap.No}
}

// objectGrants reads the bucket's policy for this object, and its own list.
func (r *region) objectGrants(ctx context.Context, client *s3.Client, a *lenscap.Asset, e export, b *bucket) error {
	if b.policy != nil {
		grants, err := parsePolicyFor(b.policy, r.account, "arn:"+r.partition+":s3:::"+e.bucket+"/"+e.key, downloadActions)
		if err != nil {
			a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callBucketPolicy, err))
		}
		for i := range grants {
			if grants[i].Principal.Type == lenscap.AnyCustomer {
				grants[i].Principal.Type = lenscap.Anyone // S3 answers unsigned requests, too
			}
		}
		a.Grants = append(a.Grants, r.prove(grants, callBucketPolicy, lenscap.PathPolicy)...)
	}
	out, err := client.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: &e.bucket, Key: &e.key, ExpectedBucketOwner: &r.account})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		a.Gaps = append(a.Gaps, r.assetGap(a.Ref, callObjectACL, err))
		return nil
	}
	a.Grants = append(a.Grants, r.aclGrants(out.Grants, b.owner)...)
	return nil
}

// aclGrants reads who a list lets read.
func (r *region) aclGrants(list []s3types.Grant, owner string) []lenscap.Grant {
	var out []lenscap.Grant
	for _, g := range list {
		if g.Grantee == nil || g.Permission != s3types.PermissionRead && g.Permission != s3types.PermissionFullControl {
			continue
		}
		uri, id := awssdk.ToString(g.Grantee.URI), awssdk.ToString(g.Grantee.ID)
		var who lenscap.Principal
		switch {
		case uri == everybodyURI:
			who = lenscap.Principal{Type: lenscap.Anyone}
		case uri == customersURI:
			who = lenscap.Principal{Type: lenscap.AnyCustomer}
		case id != "" && id != owner:
			who = lenscap.Principal{Type: lenscap.Account, ID: id} // a canonical user id, not a number
		default:
			continue
		}
		value := uri
		if value == "" {
			value = id
		}
		out = append(out, lenscap.Grant{
			Principal: who, Allows: []lenscap.Access{lenscap.AccessDownload}, Path: lenscap.PathACL,
			Proof: r.proof(callObjectACL, "Grants[].Grantee", value),
		})
	}
	return out
}

// objectGuards tells what the public access blocks of bucket and account hold
// back: the stricter of the two counts (S3 user guide, "Blocking public access").
func (r *region) objectGuards(ctx context.Context, ref lenscap.Ref, ofBucket, ofAccount accessBlock) error {
	for _, g := range []struct {
		path lenscap.Path
		on   bool
	}{{lenscap.PathACL, ofBucket.acls || ofAccount.acls}, {lenscap.PathPolicy, ofBucket.policies || ofAccount.policies}} {
		guard := lenscap.Guard{
			Name: guardS3, Asset: ref.ID, Kinds: []lenscap.Kind{lenscap.KindDiskObject}, Limits: everyone(), Paths: []lenscap.Path{g.path},
			Effect: lenscap.GuardOff, State: "off", Proof: r.proof(ofBucket.call, "PublicAccessBlockConfiguration", ""),
		}
		if g.on {
			guard.Effect, guard.State = lenscap.GuardAll, "on"
		}
		var unread error
		for _, b := range []accessBlock{ofBucket, ofAccount} {
			if b.err != nil && !g.on {
				unread, guard.Proof.Call = b.err, b.call
			}
		}
		if err := r.guard(ctx, guard, unread); err != nil {
			return err
		}
	}
	return nil
}
