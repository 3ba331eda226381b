package simulate

import (
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

const (
	// mostUnseen is how long an outage may last before it is seen: Brief's bound, two ticks, and what caches lag.
	mostUnseen = 90 * time.Second
	// glance is how often outages are looked for.
	glance = 5 * time.Second
)

// outages sees that whoever leads traffic to a candidate of which no replica is ready, by whatever way it came to
// that, is heard: as long as nothing else is broken it stands as a rollback before long. It goes on until stopped.
func (w *World) outages(stop <-chan struct{}) {
	lasting, lives := map[string]time.Duration{}, 0
	for {
		select {
		case <-stop:
			return
		case <-time.After(glance):
		}
		w.mu.Lock()
		for _, k := range w.keys {
			s := w.services[k]
			name, out := s.outage(time.Now())
			if !out || w.disturbed() || lives != w.Lives {
				delete(lasting, name)
				continue
			}
			if lasting[name] += glance; lasting[name] == mostUnseen && s.unheard(name) {
				w.breaks("blind-is-not-bad: for %s no replica of %s is ready, and nobody says so", mostUnseen, name)
			}
		}
		lives = w.Lives
		w.mu.Unlock()
	}
}

// outage tells whether the newest release's candidate has a share and no ready replica.
func (s *Service) outage(now time.Time) (name string, out bool) {
	name = s.releaseName(s.lastNumber())
	h, ok := s.releases[name]
	if !ok || !s.begun[name] || s.policy.live().gone {
		return name, false
	}
	side, r := h.live().spec.Candidate, s.vs.live()
	d := s.slots[side.Slot].live()
	return name, r.problem == "" && r.shares[side.Slot] > 0 && (d.missing || d.revision == side.Revision && d.ready(now) == 0)
}

// unheard tells whether a release that is watched stands as if nothing were wrong.
func (s *Service) unheard(name string) bool {
	state := s.releases[name].live().state
	watched := state.Phase == release.Deployed || state.Phase == release.Canary || state.Phase == release.Watching
	return watched && state.Verdict.Tier != judge.Rollback
}

// disturbed tells whether something is broken that may keep an outage from being seen.
func (w *World) disturbed() bool {
	broken := w.life == nil || w.life.dead || !w.frozen.IsZero() || w.proms["main"].faults.live().Hang
	for _, share := range w.rates {
		broken = broken || share > 0
	}
	return broken
}
