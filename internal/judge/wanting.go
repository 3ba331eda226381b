package judge

import "github.com/knowledgebeast/greenwatch/internal/signal"

// Wanting names the signals of which more bins than a stretch of the longest bound could change a verdict
// over the newest ones: single bins hold too few events, or are beyond a bound now and then.
//
// Where it names none, the answer of the stretch is the answer of MostBins.
func Wanting(v Verdict) []string {
	var names []string
	for _, e := range v.Evidence {
		for _, f := range e.Findings {
			if wants(e, f) {
				names = append(names, e.Signal)
				break
			}
		}
	}
	return names
}

func wants(e Evidence, f Finding) bool {
	switch {
	case e.Kind != signal.Ratio && e.Kind != signal.Quantile, f.Answer == Yes:
		return false
	case f.Cause == signal.Few, f.Cause == signal.Coarse, f.Cause == signal.Idle:
		return true
	case f.Cause == signal.Gap && begun(e.Bins): // it is one if it was heard before
		return true
	}
	return f.Yes > 0 && f.Cell.Tier != Investigate && !f.Cell.Canary
}
