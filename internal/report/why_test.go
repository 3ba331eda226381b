package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// read gives a state as it is read back from the cluster, or from a file.
func read(t *testing.T, s release.State) release.State {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back release.State
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// why explains a verdict of a release that was saved.
func why(t *testing.T, s release.State, w Which, width Width) (Explained, string) {
	t.Helper()
	k, err := Find(read(t, s), w)
	if err != nil {
		t.Fatal(err)
	}
	x := Explain(k)
	return x, Why(Of("production", spec(), s), x, width)
}

// kept is a release that was rolled back: its decision, and two changes and a check before it.
func kept(t *testing.T) release.State {
	s := watching()
	v := split(t)
	calm := judge.Judge(shipped(t), judge.Input{At: at(15), Generation: 3, Readings: []signal.Reading{{Signal: "error-rate", Bins: minutes(20, ratio(0, 5e6))},
		{Signal: "availability", Availability: &signal.Availability{Wanted: 3, Ready: 3}}}})
	s.Latest, s.Decision, s.Transitions = &calm, &v, []judge.Verdict{calm, v}
	return s
}

// What check printed is printed again from what was saved, and the saved evidence is judged again to the
// same verdict. Nothing else than the state is at hand.
func TestWhyPrintsTheTableThatCheckPrinted(t *testing.T) {
	s := kept(t)
	for name, w := range map[string]struct {
		which Which
		table string
	}{
		"decision":   {Which{}, Matrix(*s.Decision)},
		"transition": {Which{Transition: 1}, Matrix(s.Transitions[0])},
		"check":      {Which{Latest: true}, Matrix(*s.Latest)},
	} {
		x, text := why(t, s, w.which, Normal)
		if !strings.Contains(text, w.table) || x.Again == nil || x.Differs != nil || !strings.Contains(text, "the same verdict") {
			t.Errorf("%s: want the table\n%s\ngot\n%s", name, w.table, text)
		}
	}
	_, text := why(t, s, Which{Decision: true}, Normal)
	golden(t, "why.txt", text)
	_, text = why(t, s, Which{Decision: true}, Wide)
	golden(t, "why-wide.txt", text)
}

func TestWhyIsLoudWhereTheEvidenceSaysOtherwise(t *testing.T) {
	s := kept(t)
	s.Decision.Evidence[0].Bins = minutes(6, ratio(0, 1000))
	x, text := why(t, s, Which{}, Normal)
	if len(x.Differs) == 0 {
		t.Error("nothing differs")
	}
	golden(t, "why-forged.txt", text)
}

func TestWhyOfThinnedEvidenceSaysSo(t *testing.T) {
	s := kept(t)
	for i := range s.Decision.Evidence[1:] {
		s.Decision.Evidence[i+1].Bins = nil
	}
	s.Decision.Thinned, s.Latest.Thinned, s.Latest.Evidence[0].Bins = true, true, nil
	if x, text := why(t, s, Which{}, Normal); x.Again == nil || x.Differs != nil || !strings.Contains(text, "the signals, only error-rate, which decided") {
		t.Error(text)
	}
	s.Latest.Tier, s.Latest.Signal = judge.Proceed, ""
	if x, text := why(t, s, Which{Latest: true}, Normal); x.Again != nil || !strings.Contains(text, "it can't be judged again") {
		t.Error(text)
	}
	s.Decision.Thinned, s.Decision.Bin = false, 0
	if x, _ := why(t, s, Which{}, Normal); x.Again != nil || x.Missing == "" {
		t.Errorf("judged without the grain of counting: %+v", x)
	}
}

func TestWhyOfACheckThatIsOneLine(t *testing.T) {
	s := kept(t)
	s.Lines[1].Tier, s.Lines[1].Signal, s.Lines[1].Cause = judge.Blind, "error-rate", string(signal.Lag)
	x, text := why(t, s, Which{Check: 2}, Normal)
	if x.Verdict != nil || x.Differs != nil {
		t.Errorf("evidence from nowhere: %+v", x)
	}
	golden(t, "why-line.txt", text)
}

func TestWhichVerdictIsMeant(t *testing.T) {
	none := watching()
	none.Latest, none.Lines, none.Checks = nil, nil, 0
	byAnna := rolling(release.Recheck, func(l *release.Ladder) { l.By = "anna" })
	byAnna.Decision = nil
	full, changes := kept(t), kept(t)
	changes.Decision = nil
	for _, c := range []struct {
		name  string
		state release.State
		which Which
		want  string
	}{
		{"the decision comes first", full, Which{}, "the decision to roll back"},
		{"then the latest change", changes, Which{}, "transition 2 of the 2 that are kept, the latest"},
		{"then the latest check", watching(), Which{}, "check 3 of 64, active"},
		{"the latest check by its number", full, Which{Check: 3}, "check 3 of 64, active"},
		{"a check in one line", full, Which{Check: 2}, "check 2 of 64, active, judged late"},
		{"an older change", full, Which{Transition: 1}, "transition 1 of the 2 that are kept"},
		{"no such check", full, Which{Check: 9}, "nothing is kept of a check 9; there are the decision, transitions 1 to 2, checks 1 to 3"},
		{"no such transition", full, Which{Transition: 3}, "nothing is kept of a transition 3; there are the decision, transitions 1 to 2, checks 1 to 3"},
		{"a number that is none", full, Which{Transition: -1}, "nothing is kept of a transition -1; there are the decision, transitions 1 to 2, checks 1 to 3"},
		{"no decision", watching(), Which{Decision: true}, "no decision to roll back stands; there are checks 1 to 3"},
		{"a person's decision", byAnna, Which{Decision: true}, "the decision was that of anna, not of the matrix; there are checks 1 to 3"},
		{"nothing at all", none, Which{}, "no check is done yet; nothing has been judged yet"},
	} {
		k, err := Find(c.state, c.which)
		if err != nil {
			k.What = err.Error()
		}
		if k.What != c.want {
			t.Errorf("%s: got %q, want %q", c.name, k.What, c.want)
		}
	}
}

// A query is repeated by the server's own clock, whatever the daemon's showed.
func TestQueriesAreToldByPrometheusClock(t *testing.T) {
	s := kept(t)
	_, same := why(t, s, Which{}, Wide)
	s.Decision.Skew = -signal.Duration(120e9)
	x, text := why(t, s, Which{}, Wide)
	last := s.Decision.Evidence[0].Bins[len(s.Decision.Evidence[0].Bins)-1].End
	if len(x.Differs) > 0 || !strings.Contains(text, "; Prometheus' clock is 2m behind\n") || !strings.Contains(text, "at times of Prometheus' own clock, which was 2m behind\n") || !strings.Contains(text, " to "+last.Add(-signal.Duration(120e9)).String()) {
		t.Errorf("differs in %v:\n%s", x.Differs, text)
	}
	if strings.Contains(same, "own clock") || !strings.Contains(same, " to "+last.String()) {
		t.Errorf("without a skew:\n%s", same)
	}
}
