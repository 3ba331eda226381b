package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// milestones says each milestone that was made in a line.
func (c composer) milestones() []string {
	var lines []string
	for _, m := range c.State.Milestones {
		lines = append(lines, c.plain(finding.Milestone(m)))
	}
	return lines
}

// FindMilestone gives the milestone of a window, or says which there are.
func FindMilestone(s release.State, window string) (milestone.Milestone, error) {
	var made []string
	for _, m := range s.Milestones {
		if m.Window == window {
			return m, nil
		}
		made = append(made, m.Window)
	}
	for _, w := range s.Grid {
		if w.Name == window {
			return milestone.Milestone{}, fmt.Errorf("no milestone was made of window %s, which ends %s after the cutover", oneLine(window), w.Until)
		}
	}
	if len(made) == 0 {
		return milestone.Milestone{}, fmt.Errorf("no window %q, and no milestone was made yet", window)
	}
	return milestone.Milestone{}, fmt.Errorf("no milestone of a window %q; there are those of %s", window, strings.Join(made, ", "))
}

// Milestone lays a milestone out as a table: each signal against its SLO and its baseline, with its trend.
func Milestone(r Release, m milestone.Milestone) string {
	rows := [][]string{{"SIGNAL", "VALUE", "SLO", "MET", "EVENTS", "BASELINE", "CHANGE", "TREND"}}
	for _, x := range m.Rows {
		rows = append(rows, milestoneRow(x))
	}
	what := fmt.Sprintf("milestone %s, from the cutover to %s after it, at %s", oneLine(m.Window), m.After, m.At)
	if m.Late {
		what += ", made late"
	}
	text := heading(r, Kept{What: what}) + "\n" + wrap(oneLine(finding.Tally(m)), "") + "\n"
	if len(m.Rows) > 0 {
		text += "\n" + tight(rows)
	}
	if notes := milestoneNotes(m); len(notes) > 0 {
		text += "\n" + strings.Join(notes, "\n") + "\n"
	}
	return text
}

func milestoneRow(x milestone.Row) []string {
	row := []string{oneLine(x.Signal), "-", "-", "-", "-", "-", cmp.Or(finding.Difference(x), "-"), trendText(x)}
	if !x.Value.IsNaN() && x.Kind != signal.Growth {
		row[1] = x.Row().Amount(x.Value)
	}
	if x.SLO != nil {
		row[2], row[3] = x.SLO.Text(x.Row()), metText(x)
	}
	if x.Total > 0 {
		row[4] = fmt.Sprintf("%.0f", float64(x.Total))
	}
	if x.Baseline != nil {
		row[5] = x.Row().Amount(*x.Baseline)
	}
	return row
}

// metText shouts what is missed. Of a quantile it says how many of the events are beyond the SLO, which it rests on.
func metText(x milestone.Row) string {
	text := map[judge.Answer]string{judge.Yes: "met", judge.No: "MISSED"}[x.Met]
	if text == "" {
		return strings.TrimSuffix("unknown, "+oneLine(string(x.Cause)), ", ")
	}
	if x.Kind == signal.Quantile && x.Total > 0 {
		text += fmt.Sprintf(", %.2g %% beyond", 100*float64(x.Most/x.Total))
	}
	return text
}

func trendText(x milestone.Row) string {
	t := x.Trend
	switch {
	case x.Climbs():
		return "CLIMBS: " + x.Row().Amount(x.Value)
	case x.Kind == signal.Growth && x.Value.IsNaN():
		return strings.TrimSuffix("unknown, "+oneLine(string(x.Cause)), ", ")
	case x.Kind == signal.Growth:
		return x.Row().Amount(x.Value)
	case t == nil:
		return "-"
	}
	text := map[judge.Answer]string{judge.Yes: "CREEPS UP", judge.No: "steady"}[t.Answer]
	text = cmp.Or(text, strings.TrimSuffix("unknown, "+oneLine(string(t.Cause)), ", "))
	if moved := finding.Creep(x); moved != "" {
		text += ": " + moved
	}
	return text
}

func milestoneNotes(m milestone.Milestone) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, wrap(oneLine(fmt.Sprintf(format, args...)), "  "))
	}
	for _, x := range m.Rows {
		if x.Cause != signal.Known {
			add("%s: %s, %s", x.Signal, x.Cause, x.Cause.Words())
		}
		if x.Seen < x.Bins && x.Cause != signal.Gap && x.Kind != signal.Growth {
			add("%s: %d of %d parts of the window were seen", x.Signal, x.Seen, x.Bins)
		}
	}
	if m.Thinned {
		add("Signals were left out, so that the release's state fits into its 32 KiB.")
	}
	return lines
}
