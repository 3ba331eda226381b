package finding

import (
	"fmt"
	"math"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
)

// mostNamed is how many signals a milestone's sentence names.
const mostNamed = 4

// milestones gives the milestones that are new.
func milestones(f Facts) []Facts {
	var made []Facts
	for _, m := range f.State.Milestones[min(len(f.Before.Milestones), len(f.State.Milestones)):] {
		f.Milestone = m
		made = append(made, f)
	}
	return made
}

// Milestone says a milestone in a sentence: how many SLOs are met, and by name those that are not and what creeps up.
func Milestone(m milestone.Milestone) string {
	text := fmt.Sprintf("%s (%s): %s", m.Window, m.After, Tally(m))
	if named := namedIn(m); len(named) > mostNamed {
		text += fmt.Sprintf("; %s; and %d more", strings.Join(named[:mostNamed], "; "), len(named)-mostNamed)
	} else if len(named) > 0 {
		text += "; " + strings.Join(named, "; ")
	}
	if m.Late {
		text += "; made late"
	}
	return text
}

// Tally counts a milestone's SLOs.
func Tally(m milestone.Milestone) string {
	n := m.Met + m.Missed + m.Unknown
	if n == 0 {
		return "no signal has an SLO"
	}
	text := fmt.Sprintf("%d of %d SLOs met", m.Met, n)
	if m.Missed > 0 {
		text += fmt.Sprintf(", %d missed", m.Missed)
	}
	if m.Unknown > 0 {
		text += fmt.Sprintf(", %d unknown", m.Unknown)
	}
	return text
}

// namedIn words the signals that miss their SLO, then those of which it is unknown, then what else creeps up.
func namedIn(m milestone.Milestone) []string {
	var missed, unknown, creeping []string
	for _, r := range m.Rows {
		switch {
		case r.Met == judge.No:
			missed = append(missed, rowText(r))
		case r.Met == judge.Unknown:
			unknown = append(unknown, fmt.Sprintf("%s is unknown: %s", r.Signal, r.Cause))
		case r.Climbs():
			creeping = append(creeping, rowText(r))
		case r.Creeps():
			creeping = append(creeping, rowText(r))
		}
	}
	return append(append(missed, unknown...), creeping...)
}

func rowText(r milestone.Row) string {
	text := fmt.Sprintf("%s %s", r.Signal, r.Row().Amount(r.Value))
	if r.SLO != nil {
		text += ", SLO " + r.SLO.Text(r.Row())
	}
	if r.Baseline != nil {
		text += ", baseline " + r.Row().Amount(*r.Baseline)
	}
	if r.Creeps() {
		text += ", creeps up: " + Creep(r)
	}
	return text
}

// Creep writes how the share of events against a signal moved.
func Creep(r milestone.Row) string {
	if r.Trend == nil || r.Trend.From.IsNaN() || r.Trend.To.IsNaN() {
		return ""
	}
	text := fmt.Sprintf("%.2g %% to %.2g %%", 100*float64(r.Trend.From), 100*float64(r.Trend.To))
	switch {
	case r.Trend.Over != nil:
		return text + " over " + r.Row().Amount(*r.Trend.Over)
	case r.Trend.Others:
		return text + " of the others"
	}
	return text
}

// Difference writes how far a value is from its baseline, as a part of that; nothing where it can't be said.
func Difference(r milestone.Row) string {
	if r.Baseline == nil || *r.Baseline == 0 || r.Value.IsNaN() {
		return ""
	}
	d := 100 * (float64(r.Value) - float64(*r.Baseline)) / math.Abs(float64(*r.Baseline))
	return fmt.Sprintf("%+.0f %%", d)
}

func milestoneText(f Facts) string { return Milestone(f.Milestone) }
