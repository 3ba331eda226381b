package policy_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// place is a cell of the matrix.
type place struct {
	signal string
	tier   judge.Tier
	canary bool
}

// atLeast is how long a bound lasts where the checklist names no time.
const atLeast = 3 * minute

// headings are the columns of the checklist's matrix.
var headings = map[string]judge.Tier{
	"Rollback Immediately If":    judge.Rollback,
	"Consider Rollback If":       judge.Consider,
	"Monitor and Investigate If": judge.Investigate,
	"Proceed Normally If":        judge.Proceed,
}

// named are the lines without a number, and what stands for them: more than one signal where there is more
// than one way to know.
var named = map[string]map[string]judge.Cell{
	"Service completely unavailable":             {"availability": {Bound: judge.Bound{Unavailable: true}}},
	"Data corruption detected":                   {"data-corruption": is(0, 0), "corruption-reports": is(0, 0)},
	"Security vulnerability exploited":           {"security": is(0, 0)},
	"Customer complaints about specific feature": {"complaints": is(0, 0)},
	"Cache hit ratio drops > 30%":                {"cache-hit-ratio": {Bound: judge.Bound{FallsBy: number(0.3)}, For: 10 * minute}},
	"Minor performance degradation":              {"p99-degradation": {Bound: judge.Bound{RisesBy: number(0.2)}, For: 30 * minute}},
	// What suites and scans of logs find arrives as a metric, an alert or a report; proceeding has no cell.
	"All smoke tests passing":     {},
	"No unusual patterns in logs": {},
}

// beyond are the cells of the example that are not in the checklist's matrix.
var beyond = map[place]judge.Cell{
	// 7.5, Criteria for proceeding: Error rate < 0.5%, P99 latency < 120ms (allow 20% regression initially)
	{"error-rate", judge.Consider, true}:  is(0.005, atLeast),
	{"p99-latency", judge.Consider, true}: is(0.12, atLeast),
	// 10.1: Memory leaks (gradual memory increase)
	{"memory", judge.Consider, false}: {Bound: judge.Bound{Below: number(168 * 3600)}},
	// 10.6, Verify all dependent services are healthy
	{"health", judge.Consider, false}: is(0, atLeast),
	// OOM kills ask at once.
	{"oom-kills", judge.Consider, false}: is(0, 0),
}

func is(above signal.Number, lasts signal.Duration) judge.Cell {
	return judge.Cell{Bound: judge.Bound{Above: &above}, For: lasts}
}

// TestExampleIsTheChecklistsMatrix holds the shipped example to the checklist's own table, cell by cell.
func TestExampleIsTheChecklistsMatrix(t *testing.T) {
	want := checklist(t)
	for at, c := range beyond {
		want[at] = c
	}
	got := map[place]judge.Cell{}
	for _, row := range shippedPlan(t).Matrix.Rows {
		for _, c := range row.Cells {
			at := place{row.Signal, c.Tier, c.Canary}
			c.Tier, c.Canary = "", false
			got[at] = c
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-checklist +example):\n%s", diff)
	}
}

// table is the checklist's matrix as it is read: its cells, and at which bounds its ranges say that a worse
// column begins.
type table struct {
	*testing.T
	cells map[place]judge.Cell
	ends  map[place]signal.Number
	lines int
}

func checklist(t *testing.T) map[place]judge.Cell {
	t.Helper()
	text, err := os.ReadFile("testdata/rollback-decision-matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	m := table{T: t, cells: map[place]judge.Cell{}, ends: map[place]signal.Number{}}
	var tier judge.Tier
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "**"); ok {
			if tier, ok = headings[strings.TrimSuffix(heading, "**:")]; !ok {
				t.Fatalf("a column that nobody knows: %s", line)
			}
		}
		if item, ok := strings.CutPrefix(line, "- "); ok {
			_, item, _ = strings.Cut(item, " ") // the sign before it
			m.line(item, tier)
		}
	}
	if m.lines != 16 {
		t.Errorf("%d lines in the table, want 16", m.lines)
	}
	for at, end := range m.ends {
		if c := m.cells[at]; c.Bound.Above == nil || *c.Bound.Above != end {
			t.Errorf("the checklist's ranges leave a hole: %v should begin at %s, and is %+v", at, end, c)
		}
	}
	return m.cells
}

// numbered is a line with a number: a bound, or a range, and how long it lasts.
var numbered = regexp.MustCompile(`^(Error rate|P99 latency) (?:[<>] )?([0-9.]+)(?:-([0-9.]+))?(%|ms| second)(?: for ([0-9]+) minutes| \(.*\))?$`)

// worse are the columns to the left.
var worse = map[judge.Tier]judge.Tier{judge.Consider: judge.Rollback, judge.Investigate: judge.Consider, judge.Proceed: judge.Investigate}

// line reads one line of the table.
func (m *table) line(item string, tier judge.Tier) {
	m.Helper()
	m.lines++
	if cells, ok := named[item]; ok {
		for name, c := range cells {
			m.cells[place{name, tier, false}] = c
		}
		return
	}
	found := numbered.FindStringSubmatch(item)
	if found == nil {
		m.Fatalf("a line that nobody reads: %q", item)
	}
	name := map[string]string{"Error rate": "error-rate", "P99 latency": "p99-latency"}[found[1]]
	from, to, unit := found[2], found[3], found[4]
	if tier == judge.Proceed { // no cell: what is below the mildest bound
		from, to = "", from
	}
	if to != "" {
		m.ends[place{name, worse[tier], false}] = m.amount(to, unit)
	}
	if from != "" {
		m.cells[place{name, tier, false}] = is(m.amount(from, unit), m.minutes(found[5]))
	}
}

func (m *table) minutes(text string) signal.Duration {
	if text == "" {
		return atLeast
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		m.Fatal(err)
	}
	return signal.Duration(n) * minute
}

// amount reads a number in the unit that the matrix has it in: a share, or seconds.
func (m *table) amount(text, unit string) signal.Number {
	exponent := map[string]string{"%": "e-2", "ms": "e-3", " second": ""}[unit]
	n, err := strconv.ParseFloat(text+exponent, 64)
	if err != nil {
		m.Fatal(err)
	}
	return signal.Number(n)
}
