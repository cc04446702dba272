package aws_test

import (
	"context"
	"errors"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/lenscap/lenscap/internal/lab/aws"
)

const (
	prod    = "111122223333"
	staging = "444455556666"
	outside = "999900001111"
)

func start(t *testing.T, fill func(*aws.World) error) *aws.Lab {
	t.Helper()
	lab, err := aws.Start(t.Context(), aws.Options{Fill: func(w *aws.World) error {
		w.AddAccount(prod, "production")
		w.AddAccount(staging, "staging").Trust("audit", prod)
		w.AddAccount(outside, "outsider")
		if fill == nil {
			return nil
		}
		return fill(w)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	return lab
}

// as is the SDK configuration of an account, with one try a call.
func as(lab *aws.Lab, account, region string) awssdk.Config {
	id, secret := lab.Keys(account)
	return awssdk.Config{
		Region: region, BaseEndpoint: awssdk.String(lab.Endpoint()),
		Credentials:      credentials.NewStaticCredentialsProvider(id, secret, ""),
		RetryMaxAttempts: 1,
	}
}

// code is the API's error code, empty when err is something else.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func TestIdentityAndRoles(t *testing.T) {
	t.Parallel()
	lab := start(t, nil)
	client := sts.NewFromConfig(as(lab, prod, "us-east-1"))
	me, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil || *me.Account != prod {
		t.Fatalf("identity %+v, %v: want account %s", me, err, prod)
	}
	in := &sts.AssumeRoleInput{RoleArn: awssdk.String("arn:aws:iam::" + staging + ":role/audit"), RoleSessionName: awssdk.String("look")}
	got, err := client.AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	cfg := as(lab, prod, "us-east-1")
	c := got.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	me, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	if err != nil || *me.Account != staging {
		t.Fatalf("assumed identity %+v, %v: want account %s", me, err, staging)
	}
	if _, err := sts.NewFromConfig(as(lab, outside, "us-east-1")).AssumeRole(t.Context(), in); code(err) != "AccessDenied" {
		t.Errorf("outsider assumes the role: %v, want AccessDenied", err)
	}
}

func TestSignatureIsVerified(t *testing.T) {
	t.Parallel()
	lab := start(t, nil)
	cfg := as(lab, prod, "us-east-1")
	id, _ := lab.Keys(prod)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(id, "not the secret", "")
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("wrong secret: %v, want SignatureDoesNotMatch", err)
	}
	if _, err := sts.NewFromConfig(as(lab, prod, "me-south-1")).GetCallerIdentity(t.Context(), nil); code(err) != "InvalidClientTokenId" {
		t.Errorf("disabled region: %v, want InvalidClientTokenId", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	lab := start(t, nil)
	for kind, want := range map[aws.FaultKind]string{
		aws.FaultDeny: "AccessDenied", aws.FaultThrottle: "Throttling", aws.FaultBroken: "InternalError",
		aws.FaultDisabledRegion: "InvalidClientTokenId", aws.FaultUnsupported: "InvalidAction",
		aws.FaultTimeout: "", aws.FaultMalformed: "", aws.FaultTruncated: "",
	} {
		lab.Inject(func(c aws.Call) *aws.Fault {
			if c != (aws.Call{Account: prod, Region: "us-east-1", Service: "sts", Operation: "GetCallerIdentity"}) {
				t.Errorf("call %+v", c)
			}
			return &aws.Fault{Kind: kind}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := sts.NewFromConfig(as(lab, prod, "us-east-1")).GetCallerIdentity(ctx, nil)
		cancel()
		if err == nil || code(err) != want {
			t.Errorf("%s: %v, want code %q", kind, err, want)
		}
	}
	lab.Inject(nil)
	if _, err := sts.NewFromConfig(as(lab, prod, "us-east-1")).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
