package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Outcome is what came of a course.
type Outcome struct {
	World   *World
	Service *Service
	// Rested tells whether the world came to rest in time.
	Rested bool
}

// longest is how long a course may take, with all its downtimes.
const longest = 14 * time.Hour

// Play plays a course with the given crashes.
func Play(c Course, crashes ...Crash) Outcome {
	w := NewWorld()
	w.crashes = crashes
	s := w.Add("service", Brief())
	rested := w.Live(longest, func() { c.Play(w, s) }, func() bool { return s.Rests(len(c.Want)) })
	return Outcome{World: w, Service: s, Rested: rested}
}

// Rests tells whether the wanted number of releases is over and everybody has been told.
func (s *Service) Rests(releases int) bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if len(s.releases) < releases {
		return false
	}
	for _, h := range s.releases {
		if o := h.live(); o.active || o.state.Active() {
			return false
		}
	}
	return !s.w.openPrometheus()
}

// openPrometheus tells whether an incident about a Prometheus is open that answers.
func (w *World) openPrometheus() bool {
	for key, in := range w.Sinks["oncall"].incidents {
		if strings.HasPrefix(key, "prometheus/") && in.open {
			return true
		}
	}
	return false
}

// Faults lists what is not as the course wants it.
func (o Outcome) Faults(c Course) []string {
	w, s := o.World, o.Service
	faults := w.Broken()
	w.mu.Lock()
	defer w.mu.Unlock()
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !o.Rested {
		add("the world did not come to rest")
	}
	s.ends(c, add)
	s.told(c, add)
	if s.refused > 0 && !c.Refusals {
		add("%d actions were refused", s.refused)
	}
	if busiest := slices.Max(append(slices.Collect(maps.Values(s.looks)), 0)); busiest > mostLooks {
		add("bounded: %d looks within a minute", busiest)
	}
	return faults
}

// mostLooks is the most looks at a policy within a minute: a ladder looks every two seconds, and each
// write of its own wakes it once more.
const mostLooks = 120

// ends compares the end of the releases, the weights and the replicas.
func (s *Service) ends(c Course, add func(string, ...any)) {
	if len(s.releases) != len(c.Want) {
		add("%d releases, want %d", len(s.releases), len(c.Want))
	}
	for i, want := range c.Want {
		name := s.releaseName(int64(i + 1))
		h, ok := s.releases[name]
		if !ok {
			add("%s does not exist", name)
			continue
		}
		state := h.live().state
		if state.Phase != want {
			add("%s is %s, want %s", name, state.Phase, want)
		}
		if n, most := s.moves[name], s.most(c, i); n < c.Moves[i] || n > most {
			add("once: greenwatch set weights %d times for %s, want %d to %d", n, name, c.Moves[i], most)
		}
		if want == release.Accepted && int(state.Checks) != state.Grid.Count() {
			add("no-lost-check: %s has %d checks, want %d", name, state.Checks, state.Grid.Count())
		}
		if want == release.Accepted && len(state.Milestones) != len(state.Grid) {
			add("%s has %d milestones, want %d", name, len(state.Milestones), len(state.Grid))
		}
	}
	if got := s.vs.live().shares[Green]; got != c.Share {
		add("green has a share of %v, want %v", got, c.Share)
	}
	if got := s.slots[Green].live().wanted; got != c.Replicas {
		add("green has %d replicas, want %d", got, c.Replicas)
	}
}

// most is how often greenwatch may set weights for a release. Where another writer sets its own in
// between, a process that dies after a write and before its save leaves an intention that can't be told
// from one that was never performed: the next one performs it again, once for each crash.
func (s *Service) most(c Course, i int) int {
	if c.Most == 0 {
		return c.Moves[i]
	}
	return c.Most + s.w.Crashes
}

// told compares what people were told: each incident and each story once.
func (s *Service) told(c Course, add func(string, ...any)) {
	w := s.w
	codes := map[string]bool{}
	pager, chat := w.Sinks["oncall"], w.Sinks["chat"]
	for _, key := range slices.Sorted(maps.Keys(pager.incidents)) {
		in := pager.incidents[key]
		code := key[strings.LastIndex(key, "/")+1:]
		if strings.HasPrefix(key, "prometheus/") {
			code = string(release.CodePrometheusAway)
		}
		codes[code] = codes[code] || in.triggers > 0
		if most := 1 + w.Crashes; in.triggers > most || in.opened > 1+w.Crashes {
			add("once: %s was triggered %d times and opened %d times after %d crashes", key, in.triggers, in.opened, w.Crashes)
		}
		if in.open {
			add("%s is still open", key)
		}
	}
	for name := range s.releases {
		if n := chat.posts[s.key.Namespace+"/"+name]; n != 1 {
			add("once: the story of %s was posted %d times", name, n)
		}
		if told, now := chat.editions[s.key.Namespace+"/"+name], s.releases[name].live().state.Story; told != now {
			add("the story of %s was told up to edition %d of %d", name, told, now)
		}
	}
	if chat.Early+pager.Early > 0 {
		add("%d requests came before the time that the sink had asked for", chat.Early+pager.Early)
	}
	for _, code := range c.Unpaged {
		if codes[string(code)] {
			add("somebody was paged for %s", code)
		}
	}
	for _, code := range c.Paged {
		if !codes[string(code)] && w.Crashes == 0 {
			add("nobody was paged for %s", code)
		}
	}
}
