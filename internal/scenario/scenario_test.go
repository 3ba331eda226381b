package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/scenario"
)

var cluster = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

var (
	seeds = flag.Int("seeds", 1, "seeds of each kind and scrape interval")
	first = flag.Uint64("seed", 1, "the first of them")
	kind  = flag.String("kind", "", "one kind alone")
)

// all gives the scenarios that the flags ask for.
func all() []scenario.Truth {
	var out []scenario.Truth
	for _, k := range scenario.Kinds {
		if *kind != "" && *kind != k.Name {
			continue
		}
		for _, scrape := range []float64{15, 30, 60} {
			for i := range *seeds {
				out = append(out, scenario.Make(k.Name, *first+uint64(i), scrape))
			}
		}
	}
	return out
}

// No good release is rolled back, and no bad one of rollback grade is missed.
func TestScenarios(t *testing.T) {
	stage := scenario.Stage{Lab: cluster.ForTest(t).Lab, Policy: "../../configs/knowledgebeast.yaml"}
	truths := all()
	var outcomes []scenario.Outcome
	begun := time.Now()
	for len(truths) > 0 {
		n := min(60, len(truths))
		batch, err := stage.Play(t.Context(), truths[:n])
		if err != nil {
			t.Fatal(err)
		}
		outcomes, truths = append(outcomes, batch...), truths[n:]
		t.Logf("%d played, %d to go, after %s", len(outcomes), len(truths), time.Since(begun).Round(time.Second))
	}
	for _, o := range outcomes {
		what := fmt.Sprintf("%s, seed %d, scrapes of %.0f s: is %s since %.0fs; said %s at %.0fs: %s (worst %s; deployed %.0fs)",
			o.Kind, o.Seed, o.Scrape, o.Grade, o.Onset, o.Decision, o.At, o.Reason, o.Worst, o.Deployed)
		switch {
		case o.FalseRollback():
			t.Errorf("false rollback: %s", what)
		case o.Missed():
			t.Errorf("missed: %s", what)
		case o.Below():
			t.Logf("not found: %s", what)
		case o.Beyond():
			t.Logf("good, yet: %s", what)
		}
	}
	t.Logf("seeds %d to %d\n%s", *first, *first+uint64(*seeds)-1, scenario.Table(outcomes))
}

// Two days of a healthy service whose traffic comes and goes: nothing for people, and next to nothing to
// look into. The control has a share of errors that is worth a look.
func TestTwoHealthyDays(t *testing.T) {
	stage := scenario.Stage{Lab: cluster.ForTest(t).Lab, Policy: "../../configs/knowledgebeast.yaml"}
	var truths []scenario.Truth
	for i, kind := range []string{"irregular", "irregular", "rhythm", "slightly"} {
		truth := scenario.Make(kind, *first+uint64(i), 60)
		truth.Until = 49 * 3600
		truths = append(truths, truth)
	}
	outcomes, err := stage.Play(t.Context(), truths)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		checks := 0
		for _, n := range o.Checks {
			checks += n
		}
		t.Logf("%s, seed %d: worst %s, checks %v", o.Kind, o.Seed, o.Worst, o.Checks)
		investigate := o.Checks["investigate"]
		switch {
		case o.Kind == "slightly":
			if 2*investigate < checks {
				t.Errorf("the control is looked into in %d of %d checks alone", investigate, checks)
			}
		case o.Worst == "consider" || o.Worst == "rollback" || 20*investigate >= checks || checks < 59:
			t.Errorf("%s, seed %d: worst %s, checks %v", o.Kind, o.Seed, o.Worst, o.Checks)
		}
	}
}
