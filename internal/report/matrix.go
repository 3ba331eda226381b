package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
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

// Matrix lays a verdict out as the decision matrix: a line for each signal, with what each of its
// bounds says and in how many bins. Required signals carry a star.
func Matrix(v judge.Verdict) string {
	used := slices.DeleteFunc(columns(), func(c column) bool { return !uses(v, c) })
	head := []string{"SIGNAL", "VALUE", "N"}
	for _, c := range used {
		head = append(head, c.title)
	}
	rows := [][]string{append(head, "TIER", "CAUSE")}
	for _, e := range v.Evidence {
		rows = append(rows, matrixRow(e, used))
	}
	return conclusion(v) + "\n\n" + table(rows) + notes(v)
}

// Queries lists what was asked for each signal, for a matrix that has to be retraced.
func Queries(v judge.Verdict) string {
	var b strings.Builder
	for _, e := range v.Evidence {
		for _, q := range e.Queries {
			fmt.Fprintf(&b, "%s: %s\n", e.Signal, q)
		}
	}
	return b.String()
}

func conclusion(v judge.Verdict) string {
	text := fmt.Sprintf("%s at %s", v.Tier, v.At)
	if v.Generation > 0 {
		text += fmt.Sprintf(", by generation %d of the policy", v.Generation)
	}
	if v.Reason != "" {
		text += ": " + oneLine(v.Reason)
	}
	return text
}

func uses(v judge.Verdict, c column) bool {
	return slices.ContainsFunc(v.Evidence, func(e judge.Evidence) bool { return cellText(e, c) != "" })
}

func matrixRow(e judge.Evidence, used []column) []string {
	name := oneLine(e.Signal)
	if e.Required {
		name += "*"
	}
	r := []string{name, value(e), count(e)}
	for _, c := range used {
		r = append(r, cmp.Or(cellText(e, c), "-"))
	}
	return append(r, string(e.Tier), cmp.Or(oneLine(string(e.Cause)), "-"))
}

// cellText writes what the bounds of one column say of a signal.
func cellText(e judge.Evidence, c column) string {
	var parts []string
	for _, f := range e.Findings {
		if f.Cell.Tier == c.tier && f.Cell.Canary == c.canary {
			parts = append(parts, boundText(e, f.Cell)+": "+answerText(f))
		}
	}
	return strings.Join(parts, "; ")
}

// answerText shouts what holds, and shows how far from it the rest is.
func answerText(f judge.Finding) string {
	text := strings.ToLower(string(f.Answer))
	if f.Answer == judge.Yes {
		text = "YES"
	}
	if f.Bins > 0 {
		text += fmt.Sprintf(" %d/%d", f.Yes, f.Bins)
	}
	return text
}

// notes explains the star and what is unknown.
func notes(v judge.Verdict) string {
	var lines []string
	for _, e := range v.Evidence {
		if e.Detail != "" {
			lines = append(lines, fmt.Sprintf("%s: %s", oneLine(e.Signal), oneLine(e.Detail)))
		}
	}
	if slices.ContainsFunc(v.Evidence, func(e judge.Evidence) bool { return e.Required }) {
		lines = append(lines, "* required: unknown here makes the verdict Blind")
	}
	if len(lines) == 0 {
		return ""
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
}
