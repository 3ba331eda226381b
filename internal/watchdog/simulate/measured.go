package simulate

import (
	"context"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Measured is what a policy's status says of signals that were never measured, and how often it was written.
type Measured struct {
	Says   string
	Writes int
}

// Measured gives what the service's policy says.
func (s *Service) Measured() Measured {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.measured
}

// saveMeasured writes it as any other part of the status.
func (l *life) saveMeasured(ctx context.Context, p watchdog.Policy, never string) error {
	_, err := call(ctx, l, "SaveMeasured", true, func(now time.Time) (bool, error) {
		s := l.w.services[p.Key]
		current := s.policy.live()
		if current.gone || current.version != p.Handle.(int) {
			return false, watchdog.ErrConflict
		}
		s.measured = Measured{Says: never, Writes: s.measured.Writes + 1}
		current.version++
		s.policy.put(now, current)
		s.wrote()
		return true, nil
	})
	return err
}
