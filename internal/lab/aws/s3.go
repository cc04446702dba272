package aws

import (
	"net/http"
	"strconv"
	"time"
)

// Bucket is an S3 bucket.
type Bucket struct {
	Name    string
	Policy  string // JSON; empty: none
	Block   *bool  // its public access block, all four settings at once; nil: none
	Objects []Object
}

// Object is an object in a bucket.
type Object struct {
	Key     string
	Size    int64
	Groups  []string // groups that its list lets read: AllUsers, AuthenticatedUsers
	KMSKey  string   // ARN; empty: S3's own encryption
	Created time.Time
}

type s3State struct{ buckets []Bucket }

// AddBucket puts a bucket there.
func (r *Region) AddBucket(b Bucket) {
	st := stateOf[s3State](r)
	st.buckets = append(st.buckets, b)
}

// s3Service answers S3 and S3 Control, which sign with one name.
func s3Service() *service {
	return &service{protocol: restXML, namespace: "http://s3.amazonaws.com/doc/2006-03-01/", routes: []route{
		{method: "GET", pattern: "/v20180820/configuration/publicAccessBlock", name: "GetAccountPublicAccessBlock", run: getAccountBlock},
		{method: "GET", pattern: "/{bucket}", query: "policy", name: "GetBucketPolicy", run: getBucketPolicy},
		{method: "GET", pattern: "/{bucket}", query: "acl", name: "GetBucketAcl", run: getBucketACL},
		{method: "GET", pattern: "/{bucket}", query: "publicAccessBlock", name: "GetPublicAccessBlock", run: getBucketBlock},
		{method: "GET", pattern: "/{bucket}/{key...}", query: "acl", name: "GetObjectAcl", run: getObjectACL},
		{method: "HEAD", pattern: "/{bucket}/{key...}", name: "HeadObject", run: headObject},
	}}
}

func (q *Request) bucket() (*Bucket, error) {
	for _, r := range q.Account().regions { // names are global
		st := stateOf[s3State](r)
		for i := range st.buckets {
			if st.buckets[i].Name == q.Path("bucket") {
				return &st.buckets[i], nil
			}
		}
	}
	return nil, fail(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
}

func (q *Request) object() (*Object, error) {
	b, err := q.bucket()
	if err != nil {
		return nil, err
	}
	for i := range b.Objects {
		if b.Objects[i].Key == q.Path("key") {
			return &b.Objects[i], nil
		}
	}
	return nil, fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

func getBucketPolicy(q *Request) (any, error) {
	b, err := q.bucket()
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, fail(http.StatusNotFound, "NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	return &Raw{Header: map[string]string{"Content-Type": "application/json"}, Body: []byte(b.Policy)}, nil
}

type publicBlock struct {
	XMLName  struct{} `xml:"PublicAccessBlockConfiguration"`
	Block    bool     `xml:"BlockPublicAcls"`
	Ignore   bool     `xml:"IgnorePublicAcls"`
	Policy   bool     `xml:"BlockPublicPolicy"`
	Restrict bool     `xml:"RestrictPublicBuckets"`
}

func noBlock() error {
	return fail(http.StatusNotFound, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
}

func getBucketBlock(q *Request) (any, error) {
	b, err := q.bucket()
	if err != nil {
		return nil, err
	}
	if b.Block == nil {
		return nil, noBlock()
	}
	return publicBlock{Block: *b.Block, Ignore: *b.Block, Policy: *b.Block, Restrict: *b.Block}, nil
}

// getAccountBlock answers as S3 Control does, which wraps its errors once more.
func getAccountBlock(*Request) (any, error) {
	return &Raw{
		Status: http.StatusNotFound, Header: map[string]string{"Content-Type": "application/xml"},
		Body: []byte("<ErrorResponse><Error><Code>NoSuchPublicAccessBlockConfiguration</Code>" +
			"<Message>The public access block configuration was not found</Message></Error></ErrorResponse>"),
	}, nil
}

type s3Owner struct {
	ID string
}

type s3Grantee struct {
	Schema string `xml:"xmlns:xsi,attr"`
	Type   string `xml:"xsi:type,attr"`
	ID     string `xml:",omitempty"`
	URI    string `xml:",omitempty"`
}

type s3Grant struct {
	Grantee    s3Grantee
	Permission string
}

type accessPolicy struct {
	XMLName struct{} `xml:"AccessControlPolicy"`
	Owner   s3Owner
	Grants  []s3Grant `xml:"AccessControlList>Grant"`
}

// list writes an access control list: the owner's own line and the groups'.
func (q *Request) list(groups []string) accessPolicy {
	const schema = "http://www.w3.org/2001/XMLSchema-instance"
	owner := "canonical-" + q.Call.Account
	out := accessPolicy{Owner: s3Owner{owner}, Grants: []s3Grant{{s3Grantee{Schema: schema, Type: "CanonicalUser", ID: owner}, "FULL_CONTROL"}}}
	for _, g := range groups {
		out.Grants = append(out.Grants, s3Grant{s3Grantee{Schema: schema, Type: "Group", URI: "http://acs.amazonaws.com/groups/global/" + g}, "READ"})
	}
	return out
}

func getBucketACL(q *Request) (any, error) {
	if _, err := q.bucket(); err != nil {
		return nil, err
	}
	return q.list(nil), nil
}

func getObjectACL(q *Request) (any, error) {
	o, err := q.object()
	if err != nil {
		return nil, err
	}
	return q.list(o.Groups), nil
}

func headObject(q *Request) (any, error) {
	o, err := q.object()
	if err != nil {
		return nil, err
	}
	h := map[string]string{
		"Content-Length": strconv.FormatInt(o.Size, 10), "Last-Modified": o.Created.UTC().Format(http.TimeFormat), "ETag": `"0"`,
		"X-Amz-Server-Side-Encryption": "AES256",
	}
	if o.KMSKey != "" {
		h["X-Amz-Server-Side-Encryption"], h["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"] = "aws:kms", o.KMSKey
	}
	return &Raw{Header: h}, nil
}
