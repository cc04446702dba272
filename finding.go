package lenscap

import (
	"fmt"
	"time"
)

// Severity is how bad it is; a higher value is worse.
type Severity int

// The severities.
const (
	SeverityNone Severity = iota
	SeverityInfo
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

var severityNames = [...]string{"none", "info", "low", "medium", "high", "critical"}

// Severities lists them, worst first, without [SeverityNone].
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityInfo}
}

func (s Severity) String() string {
	if s < 0 || int(s) >= len(severityNames) {
		return fmt.Sprintf("severity(%d)", int(s))
	}
	return severityNames[s]
}

// ParseSeverity reads a severity's name.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("severity %q: want critical, high, medium, low, info or none", name)
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(b []byte) error {
	v, err := ParseSeverity(string(b))
	*s = v
	return err
}

// Finding is one rule that holds for one asset, with all that is known of it.
type Finding struct {
	ID        string    `json:"id"` // stable: the same rule and asset give the same ID in every run
	Rule      string    `json:"rule"`
	Asset     Asset     `json:"asset"`
	Exposure  Exposure  `json:"exposure"`
	Evidence  *Evidence `json:"evidence,omitempty"`
	Severity  Severity  `json:"severity"`
	Reasons   []Text    `json:"reasons,omitempty"` // what made the severity
	Status    Status    `json:"status"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"` // the last run that saw it with its own eyes
	Resolved  time.Time `json:"resolved_at,omitzero"`
	// Unconfirmed is set when the last run could not tell; the finding stays open.
	Unconfirmed []Gap `json:"unconfirmed,omitempty"`
	Mute        *Mute `json:"mute,omitempty"`
}

// Status is where a finding is in its life.
type Status string

// The states of a finding.
const (
	StatusOpen     Status = "open"
	StatusMuted    Status = "muted"
	StatusResolved Status = "resolved" // only ever by a complete observation
)

// Mute silences a finding for a reason and, unless Until is zero, a time.
type Mute struct {
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"`
}
