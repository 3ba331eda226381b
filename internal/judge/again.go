package judge

import (
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// opened is a verdict before the first signal was weighed, with all of the matrix and the input that
// judging its evidence again takes.
func opened(m Matrix, in Input) Verdict {
	return Verdict{At: in.At, Tier: Proceed, Generation: in.Generation, Split: in.Split, FirstTraffic: in.FirstTraffic, Skew: in.Skew,
		Bin: m.Bin, UnavailableFor: m.UnavailableFor, Requests: m.Requests}
}

// MatrixOf gives the matrix that a verdict was judged by, as far as it applied: rows from the evidence,
// cells from the findings.
func MatrixOf(v Verdict) Matrix {
	m := Matrix{Bin: v.Bin, UnavailableFor: v.UnavailableFor, Requests: v.Requests}
	for _, e := range v.Evidence {
		row := Row{Signal: e.Signal, Kind: e.Kind, Unit: e.Unit, Q: e.Q, Required: e.Required}
		for _, f := range e.Findings {
			row.Cells = append(row.Cells, f.Cell)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// Again judges a verdict's own evidence by the same rules: the tier, the signal and the reason that it
// gives must equal the verdict's. A verdict over a Whole stretch is judged again the same way, since its
// evidence is the stretch that decided. Of a thinned verdict only the signal that decided is judged.
func Again(v Verdict) Verdict {
	v = whole(v)
	return Judge(MatrixOf(v), inputOf(v))
}

// whole leaves out of a thinned verdict the signals of which not all is there.
func whole(v Verdict) Verdict {
	if !v.Thinned {
		return v
	}
	var kept []Evidence
	for _, e := range v.Evidence {
		if e.Signal == v.Signal {
			kept = append(kept, e)
		}
	}
	v.Evidence = kept
	return v
}

func inputOf(v Verdict) Input {
	in := Input{At: v.At, Split: v.Split, Generation: v.Generation, Stretch: Newest, FirstTraffic: v.FirstTraffic, Skew: v.Skew}
	for _, e := range v.Evidence {
		in.Usual = in.Usual || e.Unusual != ""
		if e.Attribution != nil {
			in.Others = append(in.Others, e.Attribution.Other)
		}
		if e.Baseline != nil {
			in.Baseline = append(in.Baseline, *e.Baseline)
		}
		in.Readings = append(in.Readings, signal.Reading{Signal: e.Signal, Bins: e.Bins, Cause: e.Cause,
			Detail: e.Detail, Queries: e.Queries, Availability: e.Availability})
	}
	return in
}

// Retraceable tells whether a verdict's evidence is enough to judge it again.
func Retraceable(v Verdict) bool { return v.Bin > 0 && len(whole(v).Evidence) > 0 }

// Differences lists in which ways a verdict that was judged again is not the one that was recorded.
func Differences(recorded, again Verdict) []string {
	var out []string
	differ := func(what, recorded, again string) {
		if recorded != again {
			out = append(out, fmt.Sprintf("%s: recorded %q, judged again %q", what, recorded, again))
		}
	}
	differ("verdict", string(recorded.Tier), string(again.Tier))
	differ("signal", recorded.Signal, again.Signal)
	differ("reason", recorded.Reason, again.Reason)
	tiers := map[string]Tier{}
	for _, e := range again.Evidence {
		tiers[e.Signal] = e.Tier
	}
	for _, e := range whole(recorded).Evidence {
		differ(e.Signal, string(e.Tier), string(tiers[e.Signal]))
	}
	return out
}
