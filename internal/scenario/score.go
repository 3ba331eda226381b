package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// Outcome is what a backtest said of a scenario.
type Outcome struct {
	Run
	Label
	// Decision is the backtest's, At in seconds after the cutover.
	Decision string
	At       float64
	Reason   string
	// Checks counts the checks by their verdict.
	Checks map[string]int
	// Worst is the worst tier that stood at any time.
	Worst string
}

// FalseRollback, Missed and Wrong tell how an outcome differs from the truth: a rollback that was none, one
// that was missed, another grade.
func (o Outcome) FalseRollback() bool { return o.Grade != Rollback && o.Decision == "rollback" }
func (o Outcome) Missed() bool        { return o.Grade == Rollback && o.Decision != "rollback" }

// Below tells whether a lower grade was not found, Beyond whether a good release was held for worse than
// something to investigate.
func (o Outcome) Below() bool {
	return o.Grade == Consider && o.Worst != "consider" && o.Worst != "rollback" ||
		o.Grade == Investigate && (o.Worst == "proceed" || o.Worst == "blind")
}
func (o Outcome) Beyond() bool { return o.Grade == Good && o.Worst == "consider" }

// Took is the time to detect, in seconds from the onset on.
func (o Outcome) Took() float64 { return o.At - o.Onset }

// Bin is the grain of counting at a scrape interval, and Bound the time within which a rollback should be
// decided: five minutes in whole bins, one bin, one scrape, one tick of the guard.
func Bin(scrape float64) float64 { return max(minute, 2*scrape) }

func Bound(scrape float64) float64 {
	bin, lasts := Bin(scrape), 0.0
	for lasts < 5*minute {
		lasts += bin
	}
	return max(lasts, 3*bin) + bin + scrape + 15
}

// row is a line of the table.
type row struct {
	kind                                                              string
	scrape                                                            float64
	runs, rollbacks, falsely, missed, below, beyond, blind, lower, ok int
	took                                                              []float64
}

func (r *row) add(o Outcome) {
	r.runs++
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	count(&r.rollbacks, o.Grade == Rollback)
	count(&r.falsely, o.FalseRollback())
	count(&r.missed, o.Missed())
	count(&r.lower, o.Grade == Consider || o.Grade == Investigate)
	count(&r.below, o.Below())
	count(&r.beyond, o.Beyond())
	if o.Grade == Rollback && o.Decision == "rollback" {
		r.took = append(r.took, o.Took())
	}
}

// Table scores outcomes by kind, by scrape interval, and altogether.
func Table(all []Outcome) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\truns\trollback grade\tfalse rollbacks\tmissed\tlower grades\tnot found\tgood, yet consider\tdetected in (median)\t(most)\t")
	byKind, byScrape, sum := map[string]*row{}, map[string]*row{}, &row{kind: "all"}
	at := func(m map[string]*row, key string) *row {
		if m[key] == nil {
			m[key] = &row{kind: key}
		}
		return m[key]
	}
	for _, o := range all {
		at(byKind, o.Kind).add(o)
		s := at(byScrape, fmt.Sprintf("scrapes of %.0f s", o.Scrape))
		s.scrape = o.Scrape
		s.add(o)
		sum.add(o)
	}
	for _, k := range Kinds {
		if r := byKind[k.Name]; r != nil {
			r.line(w)
		}
	}
	scrapes := make([]*row, 0, len(byScrape))
	for _, r := range byScrape {
		scrapes = append(scrapes, r)
	}
	slices.SortFunc(scrapes, func(a, b *row) int { return cmp.Compare(a.scrape, b.scrape) })
	for _, r := range append(scrapes, sum) {
		r.line(w)
	}
	w.Flush() //nolint:errcheck // a builder takes everything
	for _, r := range scrapes {
		if len(r.took) > 0 {
			fmt.Fprintf(&b, "scrapes of %.0f s: detected in %s in the median; the bound is %s\n", r.scrape, span(r.median()), span(Bound(r.scrape)))
		}
	}
	return b.String()
}

func (r *row) median() float64 {
	slices.Sort(r.took)
	return r.took[len(r.took)/2]
}

func (r *row) line(w *tabwriter.Writer) {
	median, most := "", ""
	if len(r.took) > 0 {
		median, most = span(r.median()), span(slices.Max(r.took))
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", r.kind, r.runs, r.rollbacks, r.falsely, r.missed, r.lower, r.below, r.beyond, median, most)
}

func span(seconds float64) string {
	return fmt.Sprintf("%.0fm%02.0fs", float64(int(seconds)/60), float64(int(seconds)%60))
}
