package scenario_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/scenario"
)

var (
	seeds = flag.Int("seeds", 100, "how many scenarios are judged")
	first = flag.Uint64("seed", 1, "the first seed")
)

// batch is how many scenarios share one Prometheus, and workers how many batches are under way at once.
const (
	batch   = 25
	workers = 2
)

var cluster = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(cluster.Main(m))
}

// TestReleasesAreJudgedByTheirTruth judges the corpus: no release is rolled back that was none to be, and
// each that was.
func TestReleasesAreJudgedByTheirTruth(t *testing.T) {
	begun := time.Now()
	policy, err := os.ReadFile("../../configs/knowledgebeast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	outcomes := all(t, policy)
	var table strings.Builder
	if err := scenario.Score(&table, outcomes); err != nil {
		t.Fatal(err)
	}
	t.Logf("seeds %d to %d, in %s\n%s", *first, *first+uint64(*seeds)-1, time.Since(begun).Round(time.Second), &table)
	for _, o := range outcomes {
		if o.False() || o.Missed() {
			t.Errorf("%s, seed %d: see the list", o.Kind, o.Seed)
		}
	}
}

// all judges the seeds in batches.
func all(t *testing.T, policy []byte) []scenario.Outcome {
	var list []scenario.Scenario
	for i := range uint64(*seeds) {
		list = append(list, scenario.New(*first+i))
	}
	batches := make(chan []scenario.Scenario)
	go func() {
		defer close(batches)
		for b := range slices.Chunk(list, batch) {
			batches <- b
		}
	}()
	var outcomes []scenario.Outcome
	var mu sync.Mutex
	var wg sync.WaitGroup
	load := loader(cluster.ForTest(t))
	for range workers {
		wg.Go(func() {
			for b := range batches {
				got, err := scenario.Run(t.Context(), policy, b, load)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				outcomes = append(outcomes, got...)
				t.Logf("%d of %d judged", len(outcomes), *seeds)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return outcomes
}

// loader loads one batch at a time: while one Prometheus is stopped for its history, another would take its
// port.
func loader(l *lab.TestLab) scenario.Load {
	var mu sync.Mutex
	return func(ctx context.Context, text string) (string, func() error, error) {
		mu.Lock()
		defer mu.Unlock()
		p, err := l.StartPrometheus(ctx, lab.PrometheusOptions{ScrapeInterval: time.Minute})
		if err != nil {
			return "", nil, err
		}
		if err := p.Backfill(ctx, text); err != nil {
			return "", nil, errors.Join(err, p.Close())
		}
		return p.URL(), p.Close, nil
	}
}

// Two days of a healthy service whose traffic comes and goes, from nothing to forty requests a second:
// nothing for people, and next to nothing to look into. The control is a little worse than its objective.
func TestTwoHealthyDays(t *testing.T) {
	policy, err := os.ReadFile("../../configs/knowledgebeast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []scenario.Scenario
	for _, seed := range []uint64{1, 3, 6} { // a control of the first, and two that are healthy
		list = append(list, scenario.Irregular(seed, 49*3600, seed == 1))
	}
	outcomes, err := scenario.Run(t.Context(), policy, list, loader(cluster.ForTest(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		checks := 0
		for _, n := range o.Checks {
			checks += n
		}
		t.Logf("seed %d: worst %s, checks %v", o.Seed, o.Worst, o.Checks)
		switch investigate := o.Checks[judge.Investigate]; {
		case checks < 59:
			t.Errorf("seed %d: %d checks", o.Seed, checks)
		case o.Seed == 1 && 3*investigate < checks:
			t.Errorf("the control is looked into at %d of %d checks alone", investigate, checks)
		case o.Seed != 1 && (o.Worst == judge.Consider || o.Worst == judge.Rollback || 20*investigate >= checks):
			t.Errorf("seed %d: worst %s, checks %v", o.Seed, o.Worst, o.Checks)
		}
	}
}
