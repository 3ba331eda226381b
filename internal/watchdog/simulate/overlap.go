package simulate

import (
	"context"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Overlaps is what both slots' selectors of a service take, and how often the daemon looked.
type Overlaps struct {
	Texts []string
	Looks int
	// Asked is what it asked last.
	Asked []signal.Ask
}

// SetOverlaps says what both slots' selectors take from now on. The process of the moment ends: the next one looks.
func (s *Service) SetOverlaps(texts ...string) {
	s.w.mu.Lock()
	s.overlaps.Texts = texts
	begun := s.w.overlapping
	s.w.overlapping = true
	s.w.mu.Unlock()
	if !begun {
		s.w.Kill(time.Second)
	}
}

// Overlaps gives what became of them so far.
func (s *Service) Overlaps() Overlaps {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.overlaps
}

// Problems gives what the policy's status says is wrong with it.
func (s *Service) Problems() []watchdog.Problem {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return slices.Clone(s.problems)
}

func (l *life) overlaps(ctx context.Context, by watchdog.Asker, asks []signal.Ask, _ signal.Instant) ([]string, error) {
	if err := l.w.asking(ctx, by); err != nil {
		return nil, err
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	o := &l.w.services[by.Policy].overlaps
	o.Looks, o.Asked = o.Looks+1, slices.Clone(asks)
	return o.Texts, nil
}
