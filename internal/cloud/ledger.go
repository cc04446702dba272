package cloud

import (
	"sort"
	"sync"
	"time"
)

// Call is the key of one line of the [Ledger].
type Call struct {
	Provider  string `json:"provider"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region,omitempty"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
}

// Tally counts what came of a call.
type Tally struct {
	Call
	Count   int           `json:"count"`   // attempts that reached the wire
	Failed  int           `json:"failed"`  // attempts answered with an error
	Retried int           `json:"retried"` // attempts after the first
	Time    time.Duration `json:"time"`    // summed, in nanoseconds
}

// Ledger counts calls. It is fed by one wrapper around each cloud's transport,
// nowhere else. It is safe for use by several goroutines; a nil Ledger counts nothing.
type Ledger struct {
	mu    sync.Mutex
	calls map[Call]*Tally
}

// Record adds one attempt.
func (l *Ledger) Record(c Call, took time.Duration, retry bool, err error) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == nil {
		l.calls = make(map[Call]*Tally)
	}
	t := l.calls[c]
	if t == nil {
		t = &Tally{Call: c}
		l.calls[c] = t
	}
	t.Count++
	t.Time += took
	if err != nil {
		t.Failed++
	}
	if retry {
		t.Retried++
	}
}

// Tallies lists the ledger's lines, the most frequent call first.
func (l *Ledger) Tallies() []Tally {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Tally, 0, len(l.calls))
	for _, t := range l.calls {
		out = append(out, *t)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		ka := a.Provider + a.Service + a.Operation + a.Account + a.Region
		kb := b.Provider + b.Service + b.Operation + b.Account + b.Region
		return ka < kb
	})
	return out
}

// Total is the number of attempts.
func (l *Ledger) Total() int {
	n := 0
	for _, t := range l.Tallies() {
		n += t.Count
	}
	return n
}
