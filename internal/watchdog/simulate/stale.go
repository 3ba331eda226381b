package simulate

import (
	"math/rand/v2"
	"time"
)

// Staleness is a way in which caches show what is not so: the three kinds that controllers trip over,
// after "Automatic Reliability Testing for Cluster Management Controllers" (OSDI 2022).
type Staleness string

// The kinds. None is a lag alone, the same for all.
const (
	None Staleness = ""
	// Old: a new process sees what was so before what the process before it had seen, since the API server
	// that it asks is behind.
	Old Staleness = "old"
	// Intermediate: policies, releases and the cluster are each seen as of a moment of their own, so that
	// one half of a change is seen without the other.
	Intermediate Staleness = "intermediate"
	// NeverSeen: what lasts for less than a period is never shown.
	NeverSeen Staleness = "never seen"
)

// kind is what a cache holds.
type kind int

const (
	policies kind = iota
	releases
	cluster
	kinds
)

// stale says how stale the caches are.
type stale struct {
	kind Staleness
	// more is by how much each kind of object lags behind more than all do, for Intermediate.
	more [kinds]time.Duration
	// period is how often the caches catch up, for NeverSeen.
	period time.Duration
	// behind is by how much a new process' caches are behind at first, for Old, and until when.
	behind time.Duration
	until  time.Time
}

// draw makes caches stale in one of the ways, or in none.
func (s *stale) draw(r *rand.Rand) {
	s.kind = [...]Staleness{None, Old, Intermediate, NeverSeen}[r.IntN(4)]
	for i := range s.more {
		s.more[i] = time.Duration(r.IntN(8000)) * time.Millisecond
	}
	s.period = time.Duration(1+r.IntN(15)) * time.Second
	s.behind = time.Duration(1+r.IntN(60)) * time.Second
}

// shows gives the moment that a cache shows.
func (s *stale) shows(k kind, now time.Time) time.Time {
	switch s.kind {
	case Intermediate:
		return now.Add(-s.more[k])
	case NeverSeen:
		return now.Truncate(s.period)
	case Old:
		if now.Before(s.until) {
			return now.Add(-s.behind)
		}
	}
	return now
}

// begins lets a new process begin behind.
func (s *stale) begins(now time.Time) { s.until = now.Add(s.behind) }

// most is how much later than by the lag alone a cache may show something.
func (s *stale) most() time.Duration {
	switch s.kind {
	case Intermediate:
		return max(s.more[policies], s.more[releases], s.more[cluster])
	case NeverSeen:
		return s.period
	case Old:
		return s.behind
	}
	return 0
}
