package watchdog_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// A signal with bounds that has never had a value since the first traffic is named in every check and in the policy's
// status, and paged once at the first milestone, as a warning. As soon as it has one, all of that is over.
func TestNeverMeasured(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(asItIs))
		w.Fault("main", simulate.Fault{Lacks: "latency"})
		s.Cutover(green, "green-2")
		time.Sleep(59 * time.Minute)
		_, state, _ := s.Release(1)
		if last := state.Lines[len(state.Lines)-1]; last.Called() != "Proceed without latency" || state.Called() != "Proceed without latency" {
			t.Errorf("after %d checks: %q, it stands as %q", state.Checks, last.Called(), state.Called())
		}
		if m := s.Measured(); !strings.Contains(m.Says, "latency has had no value since the first traffic: Empty (no series") || m.Writes != 1 {
			t.Errorf("the policy says %+v", m)
		}
		if pages := w.Incidents("oncall"); len(pages) > 0 {
			t.Errorf("paged for %v before the first milestone", pages)
		}
		time.Sleep(2 * time.Hour)
		pages := w.Incidents("oncall")
		if len(pages) != 1 || !strings.Contains(pages[0], string(release.CodeNeverMeasured)) {
			t.Fatalf("paged for %v, want one %s", pages, release.CodeNeverMeasured)
		}
		_, state, _ = s.Release(1)
		if i := slices.IndexFunc(state.Incidents, func(i release.Incident) bool { return i.Code == release.CodeNeverMeasured }); state.Incidents[i].Severity != release.Warning {
			t.Errorf("paged as %s", state.Incidents[i].Severity)
		}
		w.Fault("main", simulate.Fault{})
		time.Sleep(31 * time.Minute)
		_, state, _ = s.Release(1)
		if _, triggers, _, open := w.Incident("oncall", pages[0]); triggers != 1 || open || s.Measured().Says != "" || state.Called() != "Proceed" {
			t.Errorf("measured at last: %d triggers, open: %v; the policy says %q, it stands as %q", triggers, open, s.Measured().Says, state.Called())
		}
		w.Fault("main", simulate.Fault{Lacks: "latency"})
		time.Sleep(6 * time.Hour)
		_, state, _ = s.Release(1)
		if len(w.Incidents("oncall")) != 1 || state.Called() != "Proceed" || state.Lines[len(state.Lines)-1].Called() != "Proceed without latency" {
			t.Errorf("a signal that was measured once was never measured: %v, %q, %q", w.Incidents("oncall"), state.Called(), state.Lines[len(state.Lines)-1].Called())
		}
	})
}

// Controls: a signal that is measured late, one that has no bounds, one that has no requests to tell by, and a
// required one, which has a page of its own.
func TestNeverMeasuredIsNoOtherThing(t *testing.T) {
	none := func(*release.Plan) {}
	for name, c := range map[string]struct {
		change func(*release.Plan)
		fault  simulate.Fault
		until  time.Duration
		says   string
		pages  string
	}{
		"measured":                     {none, simulate.Fault{}, 0, "", ""},
		"measured after half an hour":  {none, simulate.Fault{Lacks: "latency"}, 30 * time.Minute, "", ""},
		"without bounds":               {func(p *release.Plan) { p.Matrix.Rows[1].Cells = nil }, simulate.Fault{Lacks: "latency"}, 0, "", ""},
		"too few requests":             {none, simulate.Fault{Lacks: "latency", Lacking: signal.Idle}, 0, "latency has had no value", ""},
		"required, which is told else": {none, simulate.Fault{Lacks: "errors"}, 0, "errors has had no value", "BlindLasting"},
		"its query is wrong":           {none, simulate.Fault{Lacks: "latency", Lacking: signal.QueryError}, 0, "QueryError", "NeverMeasured"},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				s := w.Add("service", week(c.change))
				w.Fault("main", c.fault)
				if c.until > 0 {
					time.AfterFunc(c.until, func() { w.Fault("main", simulate.Fault{}) })
				}
				s.Cutover(green, "green-2")
				time.Sleep(4 * time.Hour)
				if m := s.Measured(); !strings.Contains(m.Says, c.says) || (m.Says == "") != (c.says == "") {
					t.Errorf("the policy says %+v, want %q", m, c.says)
				}
				if pages := w.Incidents("oncall"); len(pages) > 1 || (len(pages) == 1) != (c.pages != "") || !strings.Contains(strings.Join(pages, " "), c.pages) {
					t.Errorf("paged for %v, want %q", pages, c.pages)
				}
			})
		})
	}
}
