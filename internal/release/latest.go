package release

import "github.com/knowledgebeast/greenwatch/internal/signal"

// Latest gives the latest moment at which something of a release was recorded: its time has come at least so far, by
// the clock that recorded it. What is only planned, or was written by people, is left out.
func Latest(s State) signal.Instant {
	at := max(s.FirstTraffic, s.Verdict.Since, s.Episode.Opened, s.Episode.ClearSince, s.Ended)
	if l := s.Ladder; l != nil {
		at = max(at, l.Decided, l.Warmed, l.FirstShift, l.Shifted, l.Proven)
	}
	if n := len(s.Lines); n > 0 {
		at = max(at, s.Lines[n-1].At)
	}
	for _, in := range s.Incidents {
		at = max(at, in.Opened, in.Closed)
	}
	for _, c := range s.Conditions {
		at = max(at, c.LastTransitionTime)
	}
	return at
}

// Later gives people's words with a hold that ends so much later.
func (p People) Later(by signal.Duration) People {
	if p.Hold != nil && by != 0 {
		h := *p.Hold
		h.Until = h.Until.Add(by)
		p.Hold = &h
	}
	return p
}
