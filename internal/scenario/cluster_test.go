package scenario

import (
	"fmt"
	"testing"
)

// A slot that is gone is not ready; one that is only silent is.
func TestTheClusterIsSeen(t *testing.T) {
	for _, ready := range []bool{true, false} {
		s := observed(15)
		each(s.Candidate, func(p *Pod) {
			p.Up = outside(3600, 7200)
			if !ready {
				p.Ready = outside(3600, 7200)
			}
		})
		text := written(s)
		if got := last(lines(t, text, "kube_deployment_status_replicas_ready", `deployment="knowledgebeast-green"`)); (got == 2) != ready {
			t.Errorf("ready %t: %g ready replicas", ready, got)
		}
		if got := last(lines(t, text, "kube_deployment_spec_replicas", `deployment="knowledgebeast-green"`)); got != 2 {
			t.Errorf("ready %t: %g replicas wanted", ready, got)
		}
		if got := last(lines(t, text, "up", `deployment="green"`)); got != 0 {
			t.Errorf("%g pods up, want none", got)
		}
		for _, l := range lines(t, text, "http_requests_total", `deployment="green"`) {
			if l.at >= 3600 {
				t.Fatalf("a sample at %g from a pod that was not up", l.at)
			}
		}
	}
}

func TestTheAlertIsPendingBeforeItFires(t *testing.T) {
	s := observed(15)
	s.failing(during([]Span{{1800, 2700}}, 0.3, 0))
	text := written(s)
	for state, want := range map[string]Span{"pending": {1800, 2100}, "firing": {2100, 2700}} {
		got := lines(t, text, "ALERTS", fmt.Sprintf("alertstate=%q", state), `deployment="green"`)
		if len(got) == 0 || got[0].at < want.From || got[0].at > want.From+15 || got[len(got)-1].at >= want.To {
			t.Errorf("%s: %d samples, want some from %g to %g", state, len(got), want.From, want.To)
		}
	}
	if blue := lines(t, text, "ALERTS", `deployment="blue"`); len(blue) > 0 {
		t.Errorf("%d samples of an alert on stable", len(blue))
	}
}
