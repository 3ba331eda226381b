package simulate

import (
	"reflect"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Buckets are the histograms of a service as the daemon looks at them.
type Buckets struct {
	// Ends are where the buckets of a slot end; a slot without any has no series.
	Ends map[string][]signal.Number
	// Looks is how often the daemon asked, Writes how often it wrote what it saw into the policy's status.
	Looks, Writes int
	// Seen is what the status says.
	Seen []signal.Buckets
}

// Buckets gives what became of the service's histograms so far.
func (s *Service) Buckets() Buckets {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	b := s.histograms
	b.Seen = slices.Clone(b.Seen)
	return b
}

// SetBuckets says where the buckets of both slots end from now on.
func (s *Service) SetBuckets(blue, green []signal.Number) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.histograms.Ends = map[string][]signal.Number{Blue: blue, Green: green}
}

func (s *Service) buckets(p *prometheus, asks []signal.Ask) []signal.Buckets {
	s.histograms.Looks++
	out := make([]signal.Buckets, len(asks))
	for i, a := range strip(asks) {
		out[i] = signal.Buckets{Signal: a.Signal, Ends: s.histograms.Ends[a.Match]}
		switch {
		case p.faults.live().cause() != signal.Known:
			out[i] = signal.Buckets{Signal: a.Signal, Cause: p.faults.live().cause()}
		case len(out[i].Ends) == 0:
			out[i].Cause = signal.Empty
		}
	}
	return out
}

// saveBuckets writes what was seen, if it differs.
func (s *Service) saveBuckets(p watchdog.Policy, seen []signal.Buckets, now time.Time) error {
	if reflect.DeepEqual(s.histograms.Seen, seen) {
		return nil
	}
	current := s.policy.live()
	if current.gone || current.version != p.Handle.(int) {
		return watchdog.ErrConflict
	}
	s.histograms.Seen = slices.Clone(seen)
	s.histograms.Writes++
	current.version++
	s.policy.put(now, current)
	s.wrote()
	return nil
}
