package scenario

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// Score writes outcomes as tables: by kind, by scrape interval, by wrong grade, and each
// false or missed rollback.
func Score(w io.Writer, outcomes []Outcome) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head(t, "class")
	rows(t, outcomes, func(o Outcome) string { return string(o.Class) })
	head(t, "kind")
	rows(t, outcomes, func(o Outcome) string { return o.Kind })
	head(t, "scrapes")
	rows(t, outcomes, func(o Outcome) string { return fmt.Sprintf("every %2.0f s", o.Every) })
	grades(t, outcomes)
	if err := t.Flush(); err != nil {
		return err
	}
	return failures(w, outcomes)
}

func head(w io.Writer, by string) {
	fmt.Fprintf(w, "\n%s\truns\tto roll back\tfalse\tmissed\tlate\tmedian\tmax\tover bound\tother grade\t\n", by)
}

// rows writes one line for each group, by name.
func rows(w io.Writer, outcomes []Outcome, group func(Outcome) string) {
	var names []string
	groups := map[string][]Outcome{}
	for _, o := range outcomes {
		name := group(o)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], o)
	}
	slices.Sort(names)
	for _, name := range names {
		row(w, name, groups[name])
	}
}

func row(w io.Writer, name string, of []Outcome) {
	median, most, over := "-", "-", "-"
	if took := ofHits(of, Outcome.Took); len(took) > 0 {
		median, most = clock(took[len(took)/2]), clock(took[len(took)-1])
		over = clock(max(0, slices.Max(ofHits(of, func(o Outcome) float64 { return o.Took() - o.Bound() }))))
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t\n", name, len(of), count(of, Outcome.wanted),
		count(of, Outcome.False), count(of, Outcome.Missed), count(of, Outcome.Late), median, most, over, count(of, Outcome.Misgraded))
}

// ofHits gives a number of each right rollback, sorted.
func ofHits(of []Outcome, number func(Outcome) float64) []float64 {
	var out []float64
	for _, o := range of {
		if o.Hit() {
			out = append(out, number(o))
		}
	}
	slices.Sort(out)
	return out
}

func count(of []Outcome, is func(Outcome) bool) int {
	n := 0
	for _, o := range of {
		if is(o) {
			n++
		}
	}
	return n
}

func clock(seconds float64) string { return (time.Duration(seconds) * time.Second).String() }

// grades tells which grades were given for others.
func grades(w io.Writer, outcomes []Outcome) {
	times := map[string]int{}
	for _, o := range outcomes {
		if o.Misgraded() {
			times[fmt.Sprintf("%s\t%s\t%s\t%s", o.Kind, o.Label.Tier, o.Worst, o.By)]++
		}
	}
	fmt.Fprint(w, "\nkind\twanted\tgiven\tby\ttimes\t\n")
	for _, line := range slices.Sorted(maps.Keys(times)) {
		fmt.Fprintf(w, "%s\t%d\t\n", line, times[line])
	}
}

// failures lists what no judge may do.
func failures(w io.Writer, outcomes []Outcome) error {
	sorted := slices.SortedFunc(slices.Values(outcomes), func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Seed, b.Seed))
	})
	fmt.Fprintln(w)
	for _, o := range sorted {
		var err error
		switch {
		case o.False():
			_, err = fmt.Fprintf(w, "false: %s, seed %d, scrapes every %gs: rolled back at %s, as %s; the truth: %s\n", o.Kind, o.Seed, o.Every, clock(o.At), o.Why, o.truth())
		case o.Missed():
			_, err = fmt.Fprintf(w, "missed: %s, seed %d, scrapes every %gs: %s at worst; the truth: %s\n", o.Kind, o.Seed, o.Every, o.Worst, o.truth())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o Outcome) truth() string {
	if !o.wanted() {
		return o.Label.Why
	}
	return fmt.Sprintf("%s, from %s to %s", o.Label.Why, clock(o.Label.Onset), clock(o.Label.Due))
}
