package aws

import (
	"errors"
	"fmt"
	"net"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
)

// TestNotOffered holds when a missing name is no gap: only a name that does not
// exist, only when EC2 answered in the same region, never at another endpoint.
func TestNotOffered(t *testing.T) {
	t.Parallel()
	missing := fmt.Errorf("send: %w", &net.DNSError{Err: "no such host", IsNotFound: true})
	custom := awssdk.Config{BaseEndpoint: awssdk.String("http://127.0.0.1:1")}
	for name, c := range map[string]struct {
		r    *region
		err  error
		want bool
	}{
		"EC2 answered":           {&region{volumes: known{complete: true}}, missing, true},
		"EC2 did not":            {&region{}, missing, false},
		"the resolver timed out": {&region{volumes: known{complete: true}}, &net.DNSError{IsTimeout: true}, false},
		"denied":                 {&region{volumes: known{complete: true}}, errors.New("AccessDenied"), false},
		"another endpoint":       {&region{volumes: known{complete: true}, cfg: custom}, missing, false},
	} {
		if got := c.r.notOffered(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
