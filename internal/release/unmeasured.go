package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Unmeasured is a signal with bounds that has had no value since the candidate's first traffic.
type Unmeasured struct {
	// +kubebuilder:validation:MaxLength=63
	Signal string `json:"signal"`
	// Cause and Detail say why, as the newest check found it, or on a canary the first look that was not too early;
	// without a cause it is too early to tell.
	Cause signal.Cause `json:"cause,omitempty"`
	// +kubebuilder:validation:MaxLength=256
	Detail string `json:"detail,omitempty"`
}

// measuredBy is how long after the first traffic a signal should have had a value.
const measuredBy = signal.Duration(5 * 60e9)

// takeUnmeasured keeps which signals have never had a value: all of them at the first traffic, and each until a look
// finds one. A signal that was measured once is not among them again, whatever it lacks later.
func takeUnmeasured(t *turn) {
	if t.o.Plan == nil || !t.watched() {
		return
	}
	bounded := boundedSignals(t.o.Plan.Matrix)
	if t.old.FirstTraffic.IsZero() && !t.s.FirstTraffic.IsZero() {
		t.s.Unmeasured = make([]Unmeasured, len(bounded))
		for i, name := range bounded {
			t.s.Unmeasured[i].Signal = name
		}
	}
	var looks []judge.Verdict
	if t.o.Guard != nil {
		looks = append(looks, *t.o.Guard)
	}
	checked := t.s.Latest != t.old.Latest && t.s.Latest != nil
	if checked {
		looks = append(looks, *t.s.Latest)
	}
	late := t.o.GuardConsider && t.o.Now.Sub(t.s.FirstTraffic) >= measuredBy
	t.s.Unmeasured = slices.DeleteFunc(t.s.Unmeasured, func(u Unmeasured) bool {
		return !slices.Contains(bounded, u.Signal) || slices.ContainsFunc(looks, u.measured)
	})
	for i := range t.s.Unmeasured {
		u := &t.s.Unmeasured[i]
		switch {
		case checked:
			u.because(*t.s.Latest)
		case late && u.Cause == signal.Known && t.o.Guard != nil:
			u.because(*t.o.Guard)
		}
	}
}

func boundedSignals(m judge.Matrix) []string {
	var names []string
	for _, r := range m.Rows {
		if len(r.Cells) > 0 {
			names = append(names, r.Signal)
		}
	}
	return names
}

func (u Unmeasured) measured(v judge.Verdict) bool {
	return slices.ContainsFunc(v.Evidence, func(e judge.Evidence) bool { return e.Signal == u.Signal && e.Measured() })
}

// because takes over why a verdict could not answer it.
func (u *Unmeasured) because(v judge.Verdict) {
	for _, e := range v.Evidence {
		if e.Signal == u.Signal && e.Cause != signal.Known && e.Cause != signal.Young {
			u.Cause, u.Detail = e.Cause, clip(e.Detail, 200)
		}
	}
}

// Text says it in a clause.
func (u Unmeasured) Text() string {
	return fmt.Sprintf("%s has had no value since the first traffic: %s (%s)", u.Signal, u.Cause, orElse(u.Detail, u.Cause.Words()))
}

// NeverMeasured gives the signals of which it is known that they were never measured, and why.
func (s State) NeverMeasured() []Unmeasured {
	return slices.DeleteFunc(slices.Clone(s.Unmeasured), func(u Unmeasured) bool { return u.Cause == signal.Known })
}

// Called is the standing verdict's tier by its name, with the signals that it has never been judged by.
func (s State) Called() string {
	var names []string
	for _, u := range s.NeverMeasured() {
		if u.Signal != s.Verdict.Signal {
			names = append(names, u.Signal)
		}
	}
	return s.Verdict.Tier.Called(judge.Named(names))
}

// neverMeasuredRaised waits for the first milestone. What a page of its own is open for is left to that: a server that
// does not answer, a release that is blind. Too few requests page nobody.
func neverMeasuredRaised(t *turn) (string, bool) {
	in := t.incident(CodeBlindLasting)
	if !t.watched() || len(t.s.Milestones) == 0 || t.o.Away || in != nil && in.Closed.IsZero() {
		return "", false
	}
	var texts []string
	for _, u := range t.s.NeverMeasured() {
		if pagesBlind(u.Cause) && !u.Cause.OfServer() {
			texts = append(texts, u.Text())
		}
	}
	return strings.Join(texts, "; ") + ": it is judged without", len(texts) > 0
}

func neverMeasuredOver(t *turn) bool { return t.s.Over() || len(t.s.NeverMeasured()) == 0 }
