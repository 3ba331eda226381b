package judge

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// fact answers a cell from what is so at a moment, and gives the bin that decided: the newest, or for a
// Whole stretch the newest of those that are beyond the bound. One look is enough.
//
// What was so before the candidate's first traffic, and has been since, is not the release's doing: where
// it would move the traffic it asks people instead.
func fact(c Cell, r signal.Reading, in Input) (Finding, []signal.Bin) {
	f := Finding{Cell: c, Answer: Unknown, Cause: cmp.Or(r.Cause, signal.Gap)}
	if len(r.Bins) == 0 {
		return f, nil
	}
	at := deciding(c, r.Bins, in)
	switch b := r.Bins[at]; {
	case !seen(b):
		f.Cause = cmp.Or(b.Cause, signal.NaN)
	case !breaks(c.Bound, b.Value):
		f.Answer, f.Cause = No, signal.Known
	default:
		f.Answer, f.Cause, f.How = Yes, signal.Known, Held
		if old(c, b) {
			f.How = Before
		}
		if f.How == Before && c.Tier == Rollback {
			f.Cell.Tier = Consider
		}
	}
	return f, r.Bins[at : at+1]
}

// deciding gives the place of the bin that decides. For a Whole stretch what is new comes before what is old.
func deciding(c Cell, bins []signal.Bin, in Input) int {
	last := len(bins) - 1
	if in.Stretch == Newest {
		return last
	}
	at, found := last, false
	for i := last; i >= 0 && bins[i].End > in.Since; i-- {
		switch b := bins[i]; {
		case !seen(b) || !breaks(c.Bound, b.Value):
		case !old(c, b):
			return i
		case !found:
			at, found = i, true
		}
	}
	return at
}

// old tells whether what is beyond the bound was so before the first traffic, and is so since.
func old(c Cell, b signal.Bin) bool { return b.Part > 0 && !breaks(c.Bound, b.Value-b.Part) }

// factText says the bound of a fact in words, where it is above nothing.
func factText(k signal.Kind) string {
	switch k {
	case signal.Alert:
		return "firing"
	case signal.Report:
		return "reported"
	case signal.Probe:
		return "failing"
	}
	return ""
}

// factAmount writes a fact's value for people.
func factAmount(k signal.Kind, n signal.Number) string {
	text := factText(k)
	switch {
	case k == signal.Growth && math.IsInf(float64(n), 1):
		return "not climbing"
	case k == signal.Growth:
		return "full in " + spell(n)
	case text == "" || k == signal.Probe:
		return fmt.Sprintf("%.4g", float64(n))
	case n <= 0:
		return "not " + text
	case n == 1:
		return text
	}
	return fmt.Sprintf("%s %.0f times", text, float64(n))
}

// probeSentence says how many components fail, for how long, and which.
func probeSentence(m Matrix, row Row, e Evidence, worst Finding) string {
	s := fmt.Sprintf("%s: %s failing", row.Signal, row.Amount(e.Value))
	if text := row.Text(worst.Cell.Bound); text != factText(row.Kind) {
		s += ", " + text
	}
	s += " " + howLong(m, worst)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// factSentence says what is so, and that it has been since before the release, where it has.
func factSentence(row Row, e Evidence, worst Finding) string {
	if row.Kind == signal.Growth {
		return row.Signal + ": " + cmp.Or(e.Detail, row.Amount(e.Value))
	}
	s := fmt.Sprintf("%s is %s", row.Signal, row.Amount(e.Value))
	if factText(row.Kind) == "" {
		s += ", " + row.Text(worst.Cell.Bound)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if worst.How == Before {
		s += ", and was before the first traffic already: it is not the release, and moves nothing by itself"
	}
	return s
}

// spell writes seconds to the minute, or to the hour where there are many.
func spell(seconds signal.Number) string {
	d := time.Duration(float64(seconds) * 1e9).Round(time.Minute)
	if d > 10*time.Hour {
		d = d.Round(time.Hour)
	}
	return signal.Duration(d).String()
}
