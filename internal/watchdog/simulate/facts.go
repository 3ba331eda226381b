package simulate

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Befall says what has befallen the pods of the service from now on.
func (s *Service) Befall(t release.Troubles) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.troubles = t
}

func (l *life) befallen(ctx context.Context, namespace, name, _ string, _, _ signal.Instant) (release.Troubles, error) {
	return call(ctx, l, "Befallen", false, func(time.Time) (release.Troubles, error) {
		return l.w.services[watchdog.Key{Namespace: namespace, Name: name}].troubles, nil // its Deployments share its name
	})
}

// health is what an endpoint answers.
type health struct {
	failing int
	text    string
	err     error
	since   time.Time
}

// Ail says what the health endpoint of a slot answers from now on; an empty slot is one for both.
func (s *Service) Ail(slot string, failing int, text string) {
	s.ail(slot, health{failing: failing, text: text})
}

// Cut lets nobody reach the health endpoint of a slot from now on.
func (s *Service) Cut(slot string) { s.ail(slot, health{err: errors.New("connection refused")}) }

func (s *Service) ail(slot string, h health) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.health == nil {
		s.health = map[string]health{}
	}
	h.since = time.Now()
	s.health[slot] = h
}

// Asked is how often health endpoints were asked in the world's life.
func (w *World) Asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.probes
}

// probe answers for the endpoint of a slot, whose URL is as a question's selector.
func (l *life) probe(ctx context.Context, _ string, a signal.Ask) (int, string, error) {
	h, err := call(ctx, l, "Probe", false, func(time.Time) (health, error) {
		l.w.probes++
		a.Match = a.URL
		return l.w.asked([]signal.Ask{a}).health[a.URL[strings.LastIndex(a.URL, "/")+1:]], nil
	})
	return h.failing, h.text, cmp.Or(err, h.err)
}

// Fire says whether an alert fires from now on. Its rule is loaded, whether it does or not.
func (s *Service) Fire(alert string, fires bool) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.alerts[alert] == nil {
		s.alerts[alert] = &history[bool]{}
	}
	s.alerts[alert].put(time.Now(), fires)
}

// Climb says that the memory of a slot climbs, and is full in so many seconds; 0 is that it does not climb.
func (s *Service) Climb(slot string, full signal.Number) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if full == 0 {
		full = signal.Number(math.Inf(1))
	}
	s.full[slot] = full
}

// growth is when the memory of a slot is full, if the question says what it is to be compared with.
func (s *Service) growth(a signal.Ask, end signal.Instant) signal.Bin {
	full, ok := s.full[a.Match]
	if !ok || a.Since.IsZero() || a.Beside == "" || strings.HasSuffix(a.Beside, "/"+a.Match) {
		return signal.Bin{End: end, Cause: signal.Gap}
	}
	return signal.Bin{End: end, Value: full}
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
