package report

import (
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Explained is a kept verdict and what comes of judging its own evidence again: nothing else is asked.
type Explained struct {
	Kept
	// Again is nil where the evidence is not enough; Missing then says why, and else what was left out.
	Again   *judge.Verdict `json:"again,omitempty"`
	Missing string         `json:"missing,omitempty"`
	// Differs lists in which ways it is not the verdict that was recorded.
	Differs []string `json:"differs,omitempty"`
}

// Explain judges a kept verdict again.
func Explain(k Kept) Explained {
	x := Explained{Kept: k}
	if k.Verdict == nil {
		x.Missing = "One line is kept of this check. Full evidence is kept for the latest check, the transitions and the decision."
		return x
	}
	v := *k.Verdict
	x.Missing = missing(v)
	if judge.Retraceable(v) {
		again := judge.Again(v)
		x.Again, x.Differs = &again, judge.Differences(v, again)
	}
	return x
}

// missing says what of a verdict's evidence is not there to be judged again.
func missing(v judge.Verdict) string {
	const thinned = "Evidence was left out, so that the release's state fits into its 32 KiB: "
	switch again := judge.Retraceable(v); {
	case v.Thinned && again:
		return thinned + "of the signals, only " + oneLine(v.Signal) + ", which decided, can be judged again."
	case v.Thinned:
		return thinned + "it can't be judged again."
	case len(v.Evidence) == 0:
		return "No evidence was kept: it can't be judged again."
	case !again:
		return "It was kept without its grain of counting: it can't be judged again."
	}
	return ""
}

// Why explains a verdict: whose it is, the matrix that check prints, whether its evidence gives it again,
// and what to ask Prometheus to see the same numbers there. Wide adds the bins.
func Why(r Release, x Explained, width Width) string {
	parts := []string{heading(r, x.Kept)}
	if x.Line != nil {
		parts = append(parts, wrap(lineText(x), "  ")+"\n")
	}
	if x.Verdict != nil {
		parts = append(parts, Matrix(*x.Verdict))
	}
	parts = append(parts, outcome(x))
	if x.Verdict != nil && width == Wide {
		parts = append(parts, counted(*x.Verdict))
	}
	if x.Verdict != nil {
		parts = append(parts, questions(*x.Verdict))
	}
	return strings.Join(parts, "\n")
}

func lineText(x Explained) string {
	text := fmt.Sprintf("%s at %s", oneLine(x.Line.Called()), x.Line.At)
	if x.Line.Signal != "" {
		text += ", by " + oneLine(x.Line.Signal)
	}
	if x.Line.Cause != "" {
		cause := signal.Cause(x.Line.Cause)
		text += ": " + strings.TrimSuffix(oneLine(x.Line.Cause)+", "+cause.Words(), ", ")
	}
	return text
}

// outcome tells what came of judging again, loudly where it is another verdict.
func outcome(x Explained) string {
	var b strings.Builder
	if x.Missing != "" {
		b.WriteString(wrap(x.Missing, "") + "\n")
	}
	switch {
	case x.Again == nil:
	case len(x.Differs) == 0:
		b.WriteString("Judged again from this evidence alone: the same verdict.\n")
	default:
		b.WriteString("JUDGED AGAIN FROM THIS EVIDENCE ALONE: NOT THE SAME VERDICT.\n")
		for _, d := range x.Differs {
			b.WriteString("- " + wrap(oneLine(d), "  ") + "\n")
		}
	}
	return b.String()
}

// counted writes the bins of each signal.
func counted(v judge.Verdict) string {
	var b strings.Builder
	b.WriteString("Counted\n")
	for _, e := range v.Evidence {
		if len(e.Bins) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", oneLine(e.Signal), e.Bins)
		}
	}
	return b.String()
}

// questions lists the queries and the times to ask them for, by the server's clock: each answers for the bin that ends then.
func questions(v judge.Verdict) string {
	var b strings.Builder
	for _, e := range v.Evidence {
		if len(e.Queries) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s, %s\n", oneLine(e.Signal), times(v, e))
		for _, q := range e.Queries {
			fmt.Fprintf(&b, "  %s\n", harmless(q))
		}
	}
	if b.Len() == 0 {
		return "No queries were kept.\n"
	}
	head := "Queries, as they were asked\n"
	if v.Skew != 0 {
		head += fmt.Sprintf("at times of Prometheus' own clock, which was %s\n", aside(v.Skew))
	}
	return head + b.String()
}

// aside says by how much a clock is away from the one that all else is told by.
func aside(skew signal.Duration) string {
	if skew < 0 {
		return (-skew).String() + " behind"
	}
	return skew.String() + " ahead"
}

func times(v judge.Verdict, e judge.Evidence) string {
	if len(e.Bins) == 0 {
		return "at " + v.At.Add(v.Skew).String()
	}
	from, to := e.Bins[0].End.Add(v.Skew), e.Bins[len(e.Bins)-1].End.Add(v.Skew)
	if from == to {
		return "at " + to.String()
	}
	return fmt.Sprintf("from %s to %s in steps of %s", from, to, v.Bin)
}
