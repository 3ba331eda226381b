package finding

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// longestSummary is what a page's summary may hold at most, in bytes.
const longestSummary = 1024

// Words gives an incident's page. The summary says what happened and what was done, then what to do
// now, in at most 1024 bytes; the details are what the state knows of it. Both depend on nothing but
// the arguments, so a page that is sent again is the same page. An empty spec is for what concerns
// no single release.
func Words(namespace string, incident release.Incident, spec release.Spec, state release.State) (string, map[string]any) {
	f := Facts{Namespace: namespace, Spec: spec, State: state, Incident: incident}
	e, ok := Find(incident.Code)
	if !ok {
		e = Entry{Title: string(incident.Code), Text: func(f Facts) string { return f.because(string(incident.Code)) }}
	}
	do := f.Fill(e.Do)
	return summary(f.Subject()+": "+e.Text(f), do), details(f, e, do)
}

// summary cuts what happened rather than what to do.
func summary(happened, do string) string {
	tail := "."
	if do != "" {
		tail = ". Now: " + do
	}
	return clip(happened, longestSummary-len(tail)) + clip(tail, longestSummary)
}

func details(f Facts, e Entry, do string) map[string]any {
	d := map[string]any{"finding": e.Title, "what_to_do": do, "opened": f.Incident.Opened.String()}
	if f.Spec.Policy == "" {
		return d
	}
	d["namespace"], d["policy"] = f.Namespace, f.Spec.Policy
	if f.Spec.Number == 0 {
		return d
	}
	d["release"] = f.Spec.Name()
	d["candidate"], d["candidate_revision"] = f.candidate(), f.Spec.Candidate.Revision
	d["stable"], d["stable_revision"] = f.stable(), f.Spec.Stable.Revision
	d["phase"], d["share"] = string(f.State.Phase), fmt.Sprintf("%d %%", f.State.Share)
	d["explain"] = Why(f.Namespace, f.Spec)
	addVerdict(d, f.State)
	return d
}

func addVerdict(d map[string]any, s release.State) {
	if s.Verdict.Tier != "" {
		d["verdict"] = with(fmt.Sprintf("%s since %s", s.Called(), s.Verdict.Since), s.Verdict.Reason)
	}
	if s.Readiness != "" {
		d["rollback_readiness"] = with(string(s.Readiness), s.ReadinessReason)
	}
	if v := Newest(s); v != nil {
		d["signals"], d["policy_generation"] = signals(*v), v.Generation
	}
}

// Newest gives the newest verdict of a state that still has its evidence, or nil.
func Newest(s release.State) *judge.Verdict {
	newest := s.Decision
	for i := range s.Transitions {
		newest = newer(newest, &s.Transitions[i])
	}
	return newer(newest, s.Latest)
}

func newer(a, b *judge.Verdict) *judge.Verdict {
	if a == nil || b != nil && b.At > a.At {
		return b
	}
	return a
}

// signals says each signal of a verdict in a line.
func signals(v judge.Verdict) []string {
	var lines []string
	for _, e := range v.Evidence {
		row := judge.Row{Kind: e.Kind, Unit: e.Unit}
		line := fmt.Sprintf("%s: %s, %s", e.Signal, row.Amount(e.Value), e.Tier)
		if e.Cause != "" {
			line += " (" + string(e.Cause) + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// clip cuts text to so many bytes, at a whole character.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const ellipsis = "…"
	cut := max(most-len(ellipsis), 0)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strings.TrimRight(text[:cut], " ") + ellipsis
}
