package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// columnsWide is what a terminal has room for.
const columnsWide = 120

// notes says what stands behind what is unknown, what a signal was compared with, and what the signs mean.
func notes(v judge.Verdict) string {
	var lines []string
	for _, e := range v.Evidence {
		reason := ""
		if e.Signal == v.Signal {
			reason = v.Reason
		}
		for _, n := range note(e, reason) {
			lines = append(lines, wrap(oneLine(e.Signal)+": "+oneLine(n), "  "))
		}
	}
	if lines = append(lines, legend(v)...); len(lines) == 0 {
		return ""
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
}

// legend explains the signs that a matrix uses.
func legend(v judge.Verdict) []string {
	var lines []string
	for _, sign := range []struct {
		used func(judge.Evidence) bool
		text string
	}{
		{func(e judge.Evidence) bool { return e.Required }, "* required: unknown here makes the verdict Blind"},
		{unanswered, "? unknown"},
		{relative, "+ or - compared with the baseline: what stable measured before the first traffic"},
	} {
		if slices.ContainsFunc(v.Evidence, sign.used) {
			lines = append(lines, sign.text)
		}
	}
	return lines
}

func unanswered(e judge.Evidence) bool {
	return slices.ContainsFunc(e.Findings, func(f judge.Finding) bool { return f.Answer == judge.Unknown })
}

// note gives the sentences about one signal that the reason does not hold already.
func note(e judge.Evidence, reason string) []string {
	var lines []string
	if words := cmp.Or(e.Detail, e.Cause.Words()); !said(reason, words) {
		lines = append(lines, strings.TrimPrefix(string(e.Cause)+", "+words, ", "))
	}
	for _, f := range e.Findings {
		if f.Answer == judge.Unknown && f.Cause != "" && len(e.Bins) > 0 && (f.Cause != e.Cause || f.Needs > 0) {
			lines = append(lines, open(e, f))
			break
		}
	}
	if !said(reason, e.Unusual) {
		lines = append(lines, strings.TrimPrefix(e.Unusual, e.Signal+" "))
	}
	if a := e.Attribution; a != nil && !said(reason, a.Text) {
		lines = append(lines, a.Text)
	}
	return lines
}

// said tells whether words are in a reason, or are none.
func said(reason, words string) bool { return strings.Contains(reason, words) }

// open says why one bound is unknown, and what it would take to know.
func open(e judge.Evidence, f judge.Finding) string {
	text := fmt.Sprintf("%s is unknown: %s, %s", shortBound(e, f), f.Cause, f.Cause.Words())
	if f.Needs > 0 {
		text += fmt.Sprintf("; %.0f more events would tell", float64(f.Needs))
	}
	return text
}

func relative(e judge.Evidence) bool {
	return slices.ContainsFunc(e.Findings, func(f judge.Finding) bool { return f.Cell.Bound.FallsBy != nil || f.Cell.Bound.RisesBy != nil })
}

// wrap breaks a text into lines of a terminal's width at its spaces; all but the first are indented.
func wrap(text, indent string) string {
	var b strings.Builder
	left := columnsWide
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case n+1 > left:
			b.WriteString("\n" + indent)
			left = columnsWide - len(indent)
		default:
			b.WriteByte(' ')
			left--
		}
		b.WriteString(word)
		left -= n
	}
	return b.String()
}
