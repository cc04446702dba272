// Package inventory holds the assets of one run and what they are judged by.
package inventory

import (
	"github.com/lenscap/lenscap"
)

// Context is what the assets of one scope are judged by, and how far the scope was read.
type Context struct {
	Guards   []lenscap.Guard      `json:"guards,omitempty"`
	Keys     []lenscap.Key        `json:"keys,omitempty"`
	Members  []lenscap.Membership `json:"members,omitempty"`
	Gaps     []lenscap.Gap        `json:"gaps,omitempty"`
	Coverage []lenscap.Coverage   `json:"coverage,omitempty"`
}
