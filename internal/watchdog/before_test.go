package watchdog

import (
	"context"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// What reached the candidate before its first traffic is nothing where nobody counted anything of it, and
// unknown where nobody could be asked.
func TestWhatReachedTheCandidateBefore(t *testing.T) {
	const minute = signal.Duration(60e9)
	m := measurement{plan: &release.Plan{Requests: &release.Question{}, Matrix: judge.Matrix{Bin: minute}}}
	for cause, want := range map[signal.Cause]string{signal.Known: "2", signal.Empty: "0", signal.Mismatch: "0", signal.Away: "unknown", signal.QueryError: "unknown"} {
		r := signal.Reading{Cause: cause}
		if cause == signal.Known {
			r.Bins = []signal.Bin{{Total: 240}, {Cause: signal.Idle}}
		}
		d := &Daemon{Edges: Edges{Read: func(context.Context, Asker, []signal.Ask, Span) []signal.Reading { return []signal.Reading{r} }}}
		got := "unknown"
		if n := d.before(t.Context(), m); n != nil {
			got = n.String()
		}
		if got != want {
			t.Errorf("%q: %s a second, want %s", cause, got, want)
		}
	}
}
