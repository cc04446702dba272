package aws

import (
	"slices"
	"time"
)

// stamp writes a time as EC2 and STS do.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
