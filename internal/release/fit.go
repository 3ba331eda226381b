package release

import (
	"encoding/json"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
)

// MaxBytes is the most that a saved state may take.
const MaxBytes = 32 << 10

// MostPlan is how much of that the frozen plan of a rollback may take: it is never thinned.
const MostPlan = 16 << 10

// FrozenSize gives how many bytes a rollback keeps of a plan in the release's status.
func (p *Plan) FrozenSize() int {
	b, err := json.Marshal(frozen(*p.DeepCopy()))
	if err != nil {
		return 0
	}
	return len(b)
}

// thinners make a state smaller, what is missed least first.
var thinners = []func(*State){
	func(s *State) { each(transitions(s), dropQueries) },
	func(s *State) { each(transitions(s), onlyDecisive) },
	func(s *State) { each(latest(s), dropQueries) },
	func(s *State) { s.Transitions = tail(s.Transitions, 2) },
	func(s *State) { dropWhy(s.Unmeasured) },
	func(s *State) { each(latest(s), onlyDecisive) },
	func(s *State) { thinFormer(s, withSLO) },
	func(s *State) { s.Lines = tail(s.Lines, 32) },
	func(s *State) { thinFormer(s, notMet) },
	func(s *State) { each(decision(s), dropQueries) },
	func(s *State) { s.Transitions = nil },
	func(s *State) { each(latest(s), dropOthersWords) },
	func(s *State) { each(decision(s), onlyDecisive) },
	func(s *State) { each(latest(s), dropOthers) },
	func(s *State) { thinFormer(s, none) },
	func(s *State) { thinAll(s, withSLO) },
	func(s *State) { each(decision(s), dropOthersWords) },
	func(s *State) { each(decision(s), dropOthers) },
	func(s *State) { thinAll(s, notMet) },
	func(s *State) { thinAll(s, none) },
}

// fit keeps a state within MaxBytes by thinning evidence, the decision's last.
func fit(s State) State {
	if size(s) <= MaxBytes {
		return s
	}
	s = *s.DeepCopy() // the evidence may be that of the state before, too
	for _, thin := range thinners {
		thin(&s)
		if size(s) <= MaxBytes {
			break
		}
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

func dropWhy(us []Unmeasured) {
	for i := range us {
		us[i].Detail = ""
	}
}

func dropQueries(v *judge.Verdict) {
	for i := range v.Evidence {
		v.Evidence[i].Queries = nil
	}
}

func onlyDecisive(v *judge.Verdict) {
	for i := range v.Evidence {
		e := &v.Evidence[i]
		if e.Signal == v.Signal {
			continue
		}
		v.Thinned = v.Thinned || len(e.Bins) > 0 || e.Attribution != nil
		if e.Bins = nil; e.Attribution != nil {
			e.Attribution.Bins = nil
		}
	}
}

// dropOthersWords leaves of the signals that did not decide their tier and their value.
func dropOthersWords(v *judge.Verdict) {
	for i := range v.Evidence {
		if e := &v.Evidence[i]; e.Signal != v.Signal {
			e.Findings, e.Detail, v.Thinned = nil, "", true
		}
	}
}

func dropOthers(v *judge.Verdict) {
	v.Thinned = true
	v.Evidence = slices.DeleteFunc(v.Evidence, func(e judge.Evidence) bool { return e.Signal != v.Signal })
}

func withSLO(r milestone.Row) bool { return r.SLO != nil }
func notMet(r milestone.Row) bool  { return r.SLO != nil && r.Met != judge.Yes }
func none(milestone.Row) bool      { return false }

// thinFormer thins all milestones but the latest.
func thinFormer(s *State, keep func(milestone.Row) bool) {
	for i := range max(0, len(s.Milestones)-1) {
		s.Milestones[i].Thin(keep)
	}
}

func thinAll(s *State, keep func(milestone.Row) bool) {
	for i := range s.Milestones {
		s.Milestones[i].Thin(keep)
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
