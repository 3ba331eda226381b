package simulate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Sink is a place where people are told: a pager that merges triggers by key while the incident is
// open, or a chat that keeps one message per story.
type Sink struct {
	Pages bool
	// Down makes it answer with an error, Limited with how long to wait, Hang not at all.
	Down    bool
	Limited time.Duration
	Hang    time.Duration
	// Refuses makes it refuse whatever is sent, in these words, as one whose key is not valid any more; Renew ends it.
	// RefusesContent makes it refuse all messages for what they hold.
	Refuses        string
	RefusesContent bool
	// Panics makes greenwatch panic at a delivery to it.
	Panics bool

	// Requests counts all, Early those that came before a limit allowed it.
	Requests, Early int
	until           map[string]time.Time

	incidents map[string]*incident
	posts     map[string]int
	editions  map[string]int64
}

// incident is what a pager knows under one key.
type incident struct {
	open                       bool
	text                       string
	opened, triggers, resolves int
}

func newSink(pages bool) *Sink {
	return &Sink{Pages: pages, until: map[string]time.Time{}, incidents: map[string]*incident{}, posts: map[string]int{}, editions: map[string]int64{}}
}

// AddPager adds a pager that the daemon's file names.
func (w *World) AddPager(name string) {
	w.mu.Lock()
	w.Sinks[name] = newSink(true)
	w.mu.Unlock()
	w.Set(func(s *watchdog.Settings) {
		s.Sinks = maps.Clone(s.Sinks)
		s.Sinks[name] = true
	})
}

// limited is a provider's wish to be left alone.
type limited struct{ after time.Duration }

func (l limited) Error() string { return fmt.Sprintf("429: retry after %s", l.after) }

// barred is a provider's word on the sender, unfit on the message.
type barred struct{ words string }

func (b barred) Error() string { return "400: " + b.words }

var errUnfit = errors.New("400: the message is not fit")

// Renew gives a sink another key, which it takes, and tells the process that runs.
func (w *World) Renew(name string) {
	w.mu.Lock()
	w.Sinks[name].Refuses = ""
	life := w.life
	w.mu.Unlock()
	if life != nil {
		life.daemon.Renewed(name)
	}
}

var errDown = errors.New("503: service unavailable")

// take takes one delivery. It is called with the world locked.
func (s *Sink) take(m watchdog.Message, now time.Time) (string, error) {
	s.Requests++
	if now.Before(s.until[about(m)]) {
		s.Early++
	}
	switch {
	case s.Down:
		return "", errDown
	case s.Refuses != "":
		return "", barred{s.Refuses}
	case s.RefusesContent:
		return "", errUnfit
	case s.Limited > 0:
		s.until[about(m)] = now.Add(s.Limited)
		return "", limited{s.Limited}
	case m.Action.Deed == release.TellStory:
		return s.post(m), nil
	}
	s.page(m.Action)
	return "", nil
}

// about says what a delivery is about: a limit holds for that.
func about(m watchdog.Message) string { return m.Record.Name() + m.Action.Key }

// post edits the story's message; without a reference it looks for its own message first.
func (s *Sink) post(m watchdog.Message) string {
	name := m.Record.Name()
	if m.Action.Ref == "" && s.posts[name] == 0 {
		s.posts[name]++
	}
	s.editions[name] = m.Action.Story
	return "ts/" + name
}

func (s *Sink) page(a release.Action) {
	in := s.incidents[a.Key]
	if in == nil {
		in = &incident{}
		s.incidents[a.Key] = in
	}
	if a.Deed == release.ClosePage {
		in.resolves++
		in.open = false
		return
	}
	in.triggers++
	in.text = a.Incident.Text
	if !in.open {
		in.opened++
		in.open = true
	}
}

// retry is what a sink has to say about another try.
func retry(_ watchdog.Message, attempt int, err error) watchdog.Retry {
	if b, ok := errors.AsType[barred](err); ok {
		return watchdog.Retry{Wait: min(10*time.Minute, 30*time.Second<<min(attempt-1, 10)), Again: true, Refusal: b.words}
	}
	wait := min(2*time.Minute, time.Second<<min(attempt-1, 10))
	if l, ok := errors.AsType[limited](err); ok {
		wait = max(wait, l.after)
	}
	return watchdog.Retry{Wait: wait, Again: !errors.Is(err, errUnfit)}
}

// Incident says how often an incident was opened, triggered and resolved, and whether it is open.
func (w *World) Incident(sink, key string) (opened, triggers, resolves int, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.Sinks[sink].incidents[key]
	if in == nil {
		return 0, 0, 0, false
	}
	return in.opened, in.triggers, in.resolves, in.open
}

// Text is what an incident said when it was triggered last.
func (w *World) Text(sink, key string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if in := w.Sinks[sink].incidents[key]; in != nil {
		return in.text
	}
	return ""
}

// Incidents gives the keys of all incidents of a sink that were ever triggered.
func (w *World) Incidents(sink string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []string
	for key, in := range w.Sinks[sink].incidents {
		if in.triggers > 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Edition is the edition of a story that was told last.
func (w *World) Edition(sink, release string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Sinks[sink].editions[release]
}
