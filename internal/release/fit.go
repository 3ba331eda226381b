package release

import (
	"encoding/json"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// MaxBytes is the most that a saved state may take.
const MaxBytes = 32 << 10

// thinners make a state smaller, what is missed least first.
var thinners = []func(*State){
	func(s *State) { each(transitions(s), dropQueries) },
	func(s *State) { each(transitions(s), onlyDecisive) },
	func(s *State) { each(latest(s), dropQueries) },
	func(s *State) { s.Transitions = tail(s.Transitions, 2) },
	func(s *State) { each(latest(s), onlyDecisive) },
	func(s *State) { s.Lines = tail(s.Lines, 32) },
	func(s *State) { each(decision(s), dropQueries) },
	func(s *State) { s.Transitions = nil },
	func(s *State) { each(decision(s), onlyDecisive) },
}

// fit keeps a state within MaxBytes by thinning evidence, the decision's last.
func fit(s State) State {
	for _, thin := range thinners {
		if size(s) <= MaxBytes {
			break
		}
		thin(&s)
	}
	return s
}

func size(s State) int {
	b, err := json.Marshal(s)
	if err != nil {
		return 0
	}
	return len(b)
}

func each(vs []*judge.Verdict, f func(*judge.Verdict)) {
	for _, v := range vs {
		f(v)
	}
}

func transitions(s *State) []*judge.Verdict {
	var out []*judge.Verdict
	for i := range s.Transitions {
		out = append(out, &s.Transitions[i])
	}
	return out
}

func latest(s *State) []*judge.Verdict   { return some(s.Latest) }
func decision(s *State) []*judge.Verdict { return some(s.Decision) }

func some(v *judge.Verdict) []*judge.Verdict {
	if v == nil {
		return nil
	}
	return []*judge.Verdict{v}
}

func dropQueries(v *judge.Verdict) {
	for i := range v.Evidence {
		v.Evidence[i].Queries = nil
	}
}

func onlyDecisive(v *judge.Verdict) {
	for i := range v.Evidence {
		if v.Evidence[i].Signal != v.Signal {
			v.Evidence[i].Bins = nil
		}
	}
}

func tail[T any](s []T, n int) []T { return s[max(0, len(s)-n):] }

// clip keeps a text within n bytes, whole runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
