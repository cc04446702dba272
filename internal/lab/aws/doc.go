// Package aws is a simulated Amazon Web Services on loopback. The AWS SDKs and
// the AWS CLI talk to it unchanged through AWS_ENDPOINT_URL: same wire formats,
// same signatures, same paging, same refusals.
//
// One HTTP server serves every service, region and account. The credential
// scope of the signature says service and region, the access key says account
// (its own fixed keys, or session keys from STS AssumeRole). The signature is
// verified. Every call is written to a trail in the shape of CloudTrail.
//
// # Adding a service
//
//  1. Write a file of its own (rds.go) with a function that returns a *service:
//
//     func rdsService() *service {
//     return &service{protocol: queryXML, namespace: "http://rds.amazonaws.com/doc/2014-10-31/", ops: map[string]operation{
//     "DescribeDBSnapshots": describeDBSnapshots,
//     }}
//     }
//
//     protocol is ec2XML, queryXML, json11 (set target to the X-Amz-Target
//     prefix, such as "TrentService"), restJSON or restXML (set routes instead
//     of ops: method, path pattern "/snapshots/{id}/blocks/{index}" with
//     "{key...}" for the rest of a path, required query keys).
//
//  2. Add one line to services() in services.go under the signing name.
//
//  3. Keep its state in a struct of its own per account and region:
//     type rdsState struct{ snapshots map[string]*DBSnapshot };
//     st := stateOf[rdsState](q.Region) gives it, made on first use. What is
//     global to an account lives in the account's home region "" (q.Global()).
//     Export a method that the story fills it with: func (r *Region)
//     AddDBSnapshot(s DBSnapshot). The world's lock is held while an operation
//     runs, so operations never lock.
//
//  4. An operation is func(q *Request) (any, error). q.Form reads query
//     protocols (Get, Int, Bool, List, Filters), q.JSON(&v) the body of JSON
//     protocols, q.Path("id") and q.Query the parts of a URL. It returns a
//     struct with xml or json tags, which is encoded as the service's protocol
//     wants, a *Raw for anything else, or nil for an empty answer. Errors are
//     made by fail(status, code, format, …).
//
//  5. Page with paginate(q, items, size, token): tokens are opaque and signed,
//     a token of another call, account or region is refused.
//
//  6. Name a call that only reads in mutating() of trail.go when its name does
//     not begin with Get, List or Describe.
//
//  7. Its part of the story is a method of teller in a file of its own
//     (internal/lab/story_rds.go) that tell() calls; it makes assets and writes
//     the truth about each down with t.know. The names that assets of several
//     services share (buckets, the lifecycle policy) stand in internal/lab/lab.go.
package aws
