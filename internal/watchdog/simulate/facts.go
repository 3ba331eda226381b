package simulate

import (
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Fire says whether an alert fires from now on. Its rule is loaded, whether it does or not.
func (s *Service) Fire(alert string, fires bool) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.alerts[alert] == nil {
		s.alerts[alert] = &history[bool]{}
	}
	s.alerts[alert].put(time.Now(), fires)
}

// Doubt makes a report, which no measurement shows, a truth that a rollback may rest on.
func (s *Service) Doubt() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.doubted = true
}

// alert is whether an alert fires at a moment, and has since before the first traffic.
func (s *Service) alert(a signal.Ask, end signal.Instant) signal.Bin {
	b := signal.Bin{End: end}
	for _, v := range s.firings(a.Of) {
		if v.since.After(end.Time()) {
			break
		}
		b.Value, b.Part = 0, 0
		if v.value {
			b.Value = 1
		}
		if v.value && !a.Since.IsZero() && !v.since.After(a.Since.Time()) {
			b.Part = 1
		}
	}
	b.Total = b.Value
	return b
}

func (s *Service) firings(alert string) []version[bool] {
	if h := s.alerts[alert]; h != nil {
		return h.versions
	}
	return nil
}
