package watchdog_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// How much is simulated: a seed is one random walk, and some lives of every course. From 500 on every
// single crash of every course is tried.
var (
	seeds = flag.Int("seeds", 4, "how many seeds to simulate")
	first = flag.Uint64("seed", 1, "the first seed")
)

// downs are how long it takes until the next process begins.
var downs = []time.Duration{0, 20 * time.Second, 10 * time.Minute, 2 * time.Hour}

// Undisturbed, every course ends as it says.
func TestCourses(t *testing.T) {
	for _, c := range append(simulate.Courses(), simulate.MadeAgain()) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			play(t, c, nil)
		})
	}
}

// The daemon dies before or after a call of an edge, alone and in pairs, and each course ends as it does
// undisturbed: the promises once, no-lost-check and people-win.
func TestSimulateCrashes(t *testing.T) {
	var lives, runs atomic.Int64
	t.Run("courses", func(t *testing.T) {
		for _, c := range simulate.Courses() {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				chance := rand.New(rand.NewPCG(*first, 1))
				for _, crashes := range plans(t, c, chance) {
					o := play(t, c, crashes)
					runs.Add(1)
					lives.Add(int64(o.World.Lives))
					if t.Failed() {
						return
					}
				}
			})
		}
	})
	t.Logf("%d lives in %d courses of events", lives.Load(), runs.Load())
}

// plans gives the crashes to try in a course: singles, and pairs of them.
func plans(t *testing.T, c simulate.Course, chance *rand.Rand) [][]simulate.Crash {
	singles := crashesOf(play(t, c, nil).World.Calls(0))
	chance.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
	most := min(len(singles), 4**seeds)
	if *seeds >= 500 {
		most = len(singles)
	}
	var out [][]simulate.Crash
	for i, crash := range singles[:most] {
		for _, down := range someDowns(c, i, chance) {
			crash.Down = down
			out = append(out, []simulate.Crash{crash})
		}
	}
	for range min(2**seeds, 200) {
		if pair := pairOf(t, c, singles, chance); pair != nil {
			out = append(out, pair)
		}
	}
	return out
}

// crashesOf gives the places to die at: before and after each call with an effect, and before each
// other that sees something new.
func crashesOf(calls []simulate.Call) []simulate.Crash {
	var out []simulate.Crash
	for _, call := range calls {
		if call.Effect || call.New {
			out = append(out, simulate.Crash{Point: call.Point, N: call.N})
		}
		if call.Effect {
			out = append(out, simulate.Crash{Point: call.Point, N: call.N, After: true})
		}
	}
	return out
}

// someDowns gives all downtimes that a course bears, or one of them where there is no time for all.
func someDowns(c simulate.Course, i int, _ *rand.Rand) []time.Duration {
	var all []time.Duration
	for _, d := range downs {
		if c.MostDown == 0 || d <= c.MostDown {
			all = append(all, d)
		}
	}
	if *seeds >= 500 {
		return all
	}
	return []time.Duration{all[i%len(all)]}
}

// pairOf gives two crashes: one of the first process, one of what the second does after it.
func pairOf(t *testing.T, c simulate.Course, singles []simulate.Crash, chance *rand.Rand) []simulate.Crash {
	one := singles[chance.IntN(len(singles))]
	one.Down = someDowns(c, chance.IntN(4), chance)[0]
	seconds := crashesOf(play(t, c, []simulate.Crash{one}).World.Calls(1))
	if len(seconds) == 0 {
		return nil
	}
	two := seconds[chance.IntN(len(seconds))]
	two.Down = someDowns(c, chance.IntN(4), chance)[0]
	return []simulate.Crash{one, two}
}

// play plays a course in a bubble of its own and reports all that is not as it should be.
func play(t *testing.T, c simulate.Course, crashes []simulate.Crash) (o simulate.Outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { o = simulate.Play(c, crashes...) })
	faults := o.Faults(c)
	if len(faults) == 0 {
		return o
	}
	t.Errorf("%s, with %s:\n%s\n%s", c.Name, told(crashes), strings.Join(faults, "\n"), o.World.Chronicle())
	return o
}

func told(crashes []simulate.Crash) string {
	if len(crashes) == 0 {
		return "no crash"
	}
	return fmt.Sprint(crashes)
}
