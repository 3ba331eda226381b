package simulate

import (
	"context"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
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

// Keeps is what every Prometheus says of how far back it goes: Short, where it is too little, unless it does not Tell. Asked
// counts how often one was.
type Keeps struct {
	Short string
	Tells bool
	Asked int
}

// Keep changes it.
func (w *World) Keep(change func(*Keeps)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.keeps)
}

// HistoryShort is what the service's policy says of it, and how often that was written.
func (s *Service) HistoryShort() Measured {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.kept
}

func (l *life) history(context.Context, watchdog.Asker, signal.Duration, signal.Instant) (short string, known bool, err error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.keeps.Asked++
	return l.w.keeps.Short, l.w.keeps.Tells, nil
}

func (l *life) saveHistory(ctx context.Context, p watchdog.Policy, short string) error {
	return l.saveSaying(ctx, "SaveHistory", p, short, func(s *Service) *Measured { return &s.kept })
}

// saveMeasured writes it as any other part of the status.
func (l *life) saveMeasured(ctx context.Context, p watchdog.Policy, never string) error {
	return l.saveSaying(ctx, "SaveMeasured", p, never, func(s *Service) *Measured { return &s.measured })
}

func (l *life) saveSaying(ctx context.Context, point string, p watchdog.Policy, text string, of func(*Service) *Measured) error {
	_, err := call(ctx, l, point, true, func(now time.Time) (bool, error) {
		s := l.w.services[p.Key]
		current := s.policy.live()
		if current.gone || current.version != p.Handle.(int) {
			return false, watchdog.ErrConflict
		}
		said := of(s)
		*said = Measured{Says: text, Writes: said.Writes + 1}
		current.version++
		s.policy.put(now, current)
		s.wrote()
		return true, nil
	})
	return err
}
