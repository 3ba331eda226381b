package report

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// numbers are a verdict's signals, each against the bound that matters most for it.
func numbers(v judge.Verdict) [][]string {
	rows := [][]string{{"SIGNAL", "VALUE", "BOUND", "TIER"}}
	for _, e := range v.Evidence {
		rows = append(rows, []string{oneLine(e.Signal), value(e), boundOf(e), tierOf(e)})
	}
	return rows
}

func row(e judge.Evidence) judge.Row { return judge.Row{Kind: e.Kind, Unit: e.Unit} }

// value writes what was measured.
func value(e judge.Evidence) string {
	if a := e.Availability; a != nil {
		return fmt.Sprintf("%d of %d ready", a.Ready, a.Wanted)
	}
	return row(e).Amount(e.Value)
}

// count writes the number of events behind a value.
func count(e judge.Evidence) string {
	if e.Total <= 0 || e.Total.IsNaN() {
		return "-"
	}
	return strconv.FormatFloat(float64(e.Total), 'f', 0, 64)
}

// tierOf says a signal's tier, and why it is unknown if it is.
func tierOf(e judge.Evidence) string {
	if e.Tier == judge.Blind && e.Cause != "" {
		return fmt.Sprintf("%s, %s", e.Tier, oneLine(string(e.Cause)))
	}
	return string(e.Tier)
}

// boundOf writes the bound that explains a signal's tier: the one that lasted or is unknown; where
// all is well, the one that would be reached first.
func boundOf(e judge.Evidence) string {
	if len(e.Findings) == 0 {
		return "-"
	}
	return boundText(e, explains(e).Cell)
}

func explains(e judge.Evidence) judge.Finding {
	for _, f := range e.Findings {
		if f.Answer == judge.Yes && f.Cell.Tier == e.Tier || f.Answer == judge.Unknown && e.Tier == judge.Blind {
			return f
		}
	}
	mildest := e.Findings[0]
	for _, f := range e.Findings[1:] {
		if mildest.Cell.Tier.Worse(f.Cell.Tier) {
			mildest = f
		}
	}
	return mildest
}

func boundText(e judge.Evidence, c judge.Cell) string {
	text := row(e).Text(c.Bound)
	if c.For > 0 {
		text += " for " + c.For.String()
	}
	return text
}

// table aligns rows in columns, tight as close as they can be read.
func table(rows [][]string) string { return aligned(rows, 3) }
func tight(rows [][]string) string { return aligned(rows, 2) }

func aligned(rows [][]string, gap int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, gap, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush() // a strings.Builder does not fail
	return b.String()
}
