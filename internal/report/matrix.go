package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// column is a column of the matrix: a tier's cells, the canary's apart.
type column struct {
	title  string
	tier   judge.Tier
	canary bool
}

func columns() []column {
	return []column{
		{"ROLLBACK", judge.Rollback, false},
		{"CANARY", judge.Consider, true},
		{"CONSIDER", judge.Consider, false},
		{"INVESTIGATE", judge.Investigate, false},
	}
}

// Matrix lays a verdict out as the decision matrix: a row for each signal, a column for each tier, with
// what each bound says, and in how many bins of how many if not in all or none; below it what is unknown
// and why. Required signals carry a star. It depends on nothing but the verdict.
func Matrix(v judge.Verdict) string {
	used := slices.DeleteFunc(columns(), func(c column) bool { return !uses(v, c) })
	compared := slices.ContainsFunc(v.Evidence, func(e judge.Evidence) bool { return e.Baseline != nil })
	rows := [][]string{head(used, compared)}
	for _, e := range v.Evidence {
		rows = append(rows, matrixRow(e, used, compared))
	}
	return conclusion(v) + "\n" + tight(rows) + notes(v)
}

// Queries lists what was asked for each signal, for a matrix that has to be retraced.
func Queries(v judge.Verdict) string {
	var b strings.Builder
	for _, e := range v.Evidence {
		for _, q := range e.Queries {
			fmt.Fprintf(&b, "%s: %s\n", oneLine(e.Signal), harmless(q))
		}
	}
	return b.String()
}

// saidSkew is from which difference of the clocks on it is worth a word.
const saidSkew = signal.Duration(30e9)

func conclusion(v judge.Verdict) string {
	text := fmt.Sprintf("%s at %s", oneLine(v.Tier.Called(judge.Named(v.Without))), v.At)
	if v.Generation > 0 {
		text += fmt.Sprintf(", by generation %d of the policy", v.Generation)
	}
	if v.Skew >= saidSkew || v.Skew <= -saidSkew {
		text += "; Prometheus' clock is " + aside(v.Skew)
	}
	if text += "\n"; v.Reason != "" {
		text += wrap(oneLine(v.Reason), "") + "\n"
	}
	return text
}

func head(used []column, compared bool) []string {
	r := []string{"SIGNAL", "VALUE"}
	if compared {
		r = append(r, "BASELINE")
	}
	r = append(r, "EVENTS")
	for _, c := range used {
		r = append(r, c.title)
	}
	return append(r, "VERDICT")
}

func matrixRow(e judge.Evidence, used []column, compared bool) []string {
	name := oneLine(e.Signal)
	if e.Required {
		name += "*"
	}
	r := []string{name, shortValue(e)}
	if compared {
		r = append(r, baseline(e))
	}
	r = append(r, count(e))
	for _, c := range used {
		r = append(r, cmp.Or(cellText(e, c), "-"))
	}
	return append(r, tierOf(e))
}

func shortValue(e judge.Evidence) string {
	switch a := e.Availability; {
	case a != nil:
		return fmt.Sprintf("%d/%d ready", a.Ready, a.Wanted)
	case e.Value.IsNaN():
		return "-"
	}
	return value(e)
}

func baseline(e judge.Evidence) string {
	if e.Baseline == nil || e.Baseline.Value.IsNaN() {
		return "-"
	}
	return row(e).Amount(e.Baseline.Value)
}

func uses(v judge.Verdict, c column) bool {
	return slices.ContainsFunc(v.Evidence, func(e judge.Evidence) bool { return cellText(e, c) != "" })
}

// cellText writes what the bounds of one column say of a signal.
func cellText(e judge.Evidence, c column) string {
	var parts []string
	for _, f := range e.Findings {
		if f.Cell.Tier == c.tier && f.Cell.Canary == c.canary {
			parts = append(parts, shortBound(e, f)+": "+answerText(f))
		}
	}
	return strings.Join(parts, "; ")
}

// shortBound writes a bound as signs: ">5% 5m". That it must last the least that any must is not said.
func shortBound(e judge.Evidence, f judge.Finding) string {
	text := "no bound"
	switch b := f.Cell.Bound; {
	case e.Kind == signal.Alert || e.Kind == signal.Report:
		return row(e).Text(b)
	case e.Kind == signal.Probe && *b.Above == 0:
		text = row(e).Text(b)
	case e.Kind == signal.Growth && b.Below != nil:
		text = "<" + signal.Duration(float64(*b.Below)*1e9).String()
	case b.RisesBy != nil:
		text = fmt.Sprintf("+%.3g%%", float64(*b.RisesBy)*100)
	case b.FallsBy != nil:
		text = fmt.Sprintf("-%.3g%%", float64(*b.FallsBy)*100)
	case b.Above != nil:
		text = ">" + strings.ReplaceAll(row(e).Amount(*b.Above), " ", "")
	case b.Below != nil:
		text = "<" + strings.ReplaceAll(row(e).Amount(*b.Below), " ", "")
	case b.Unavailable:
		return "down"
	}
	if f.Cell.For > 0 && f.Bins > judge.MinBins {
		text += " " + f.Cell.For.String()
	}
	return text
}

// answerText shouts what holds, and shows how much of what does not is beyond the bound.
func answerText(f judge.Finding) string {
	text := map[judge.Answer]string{judge.Yes: "YES", judge.No: "no"}[f.Answer]
	if text = cmp.Or(text, "?"); f.Answer != judge.Yes && f.Yes > 0 {
		text += fmt.Sprintf(" %d/%d", f.Yes, max(f.Over, f.Yes+f.No+f.Unknown))
	}
	return text
}
