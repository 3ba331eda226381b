package report

import (
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Which says which of a release's verdicts is meant. At most one is set; none means the decision, else the
// latest change, else the latest check.
type Which struct {
	Decision, Latest bool
	// Check and Transition are numbers, from 1. The transitions are those that are kept, the oldest first.
	Check, Transition int
}

// Kept is a verdict that a release has kept: with its evidence, or as the line of a check.
type Kept struct {
	What    string             `json:"what"`
	Verdict *judge.Verdict     `json:"verdict,omitempty"`
	Line    *release.CheckLine `json:"line,omitempty"`
}

// Find gives the verdict that is meant, or says what there is instead.
func Find(s release.State, w Which) (Kept, error) {
	switch {
	case w.Decision:
		return keptDecision(s)
	case w.Latest:
		return keptLatest(s)
	case w.Check != 0:
		return keptCheck(s, w.Check)
	case w.Transition != 0:
		return keptChange(s, w.Transition)
	case s.Decision != nil:
		return keptDecision(s)
	case len(s.Transitions) > 0:
		return keptChange(s, len(s.Transitions))
	}
	return keptLatest(s)
}

func keptDecision(s release.State) (Kept, error) {
	switch {
	case s.Decision != nil:
		return Kept{What: "the decision to roll back", Verdict: s.Decision}, nil
	case s.Ladder != nil && s.Ladder.By != "":
		return Kept{}, fmt.Errorf("the decision was that of %s, not of the matrix; %s", oneLine(s.Ladder.By), has(s))
	}
	return Kept{}, fmt.Errorf("no decision to roll back stands; %s", has(s))
}

func keptLatest(s release.State) (Kept, error) {
	if s.Latest == nil {
		return Kept{}, fmt.Errorf("no check is done yet; %s", has(s))
	}
	what := "the latest check"
	if l, ok := line(s, int(s.Checks)); ok {
		what = lineOf(s, l)
	}
	return Kept{What: what, Verdict: s.Latest}, nil
}

func keptCheck(s release.State, n int) (Kept, error) {
	if n == int(s.Checks) && s.Latest != nil {
		return keptLatest(s)
	}
	if l, ok := line(s, n); ok {
		return Kept{What: lineOf(s, l), Line: &l}, nil
	}
	return Kept{}, fmt.Errorf("nothing is kept of a check %d; %s", n, has(s))
}

func keptChange(s release.State, n int) (Kept, error) {
	if n < 1 || n > len(s.Transitions) {
		return Kept{}, fmt.Errorf("nothing is kept of a transition %d; %s", n, has(s))
	}
	what := fmt.Sprintf("transition %d of the %d that are kept", n, len(s.Transitions))
	if n == len(s.Transitions) {
		what += ", the latest"
	}
	return Kept{What: what, Verdict: &s.Transitions[n-1]}, nil
}

func line(s release.State, n int) (release.CheckLine, bool) {
	for _, l := range s.Lines {
		if int(l.Number) == n {
			return l, true
		}
	}
	return release.CheckLine{}, false
}

func lineOf(s release.State, l release.CheckLine) string {
	text := fmt.Sprintf("check %d", l.Number)
	if n := s.Grid.Count(); n > 0 {
		text += fmt.Sprintf(" of %d", n)
	}
	if l.Window != "" {
		text += ", " + oneLine(l.Window)
	}
	if l.Late {
		text += ", judged late"
	}
	return text
}

// has says what a release has kept.
func has(s release.State) string {
	var parts []string
	if s.Decision != nil {
		parts = append(parts, "the decision")
	}
	if n := len(s.Transitions); n > 0 {
		parts = append(parts, fmt.Sprintf("transitions 1 to %d", n))
	}
	if n := len(s.Lines); n > 0 {
		parts = append(parts, fmt.Sprintf("checks %d to %d", s.Lines[0].Number, s.Lines[n-1].Number))
	}
	if len(parts) == 0 {
		return "nothing has been judged yet"
	}
	return "there are " + strings.Join(parts, ", ")
}

// heading says whose verdict it is.
func heading(r Release, k Kept) string {
	text := fmt.Sprintf("%s: %s after %s", r.Spec.Name(), finding.Name(r.Spec.Candidate), finding.Name(r.Spec.Stable))
	if r.Namespace != "" {
		text = r.Namespace + "/" + text
	}
	return wrap(oneLine(text), "  ") + "\n" + wrap(k.What, "  ") + "\n"
}
