package watchdog_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// strayedOnce are walks that broke a promise before: in 62 an incident about a Prometheus stayed open, since the
// answer to its trigger was lost; in 10 a rollback that began and ended before the caches saw it was not counted; in 226
// each look made releases anew while the policy's status could not be saved; in 335 each look saved a ledger that was
// older than the last; in 1525 each write was more than one look.
var strayedOnce = []uint64{10, 62, 226, 335, 1525}

// Whatever happens in whatever order, no promise is broken: ready-first, never-worse, once,
// blind-is-not-bad, no-lost-check, people-win and bounded.
func TestSimulateWalks(t *testing.T) {
	var lives atomic.Int64
	var mu sync.Mutex
	ends := map[string]int{}
	t.Run("walks", func(t *testing.T) {
		walks := slices.Clone(strayedOnce)
		for i := range *seeds {
			walks = append(walks, *first+uint64(i))
		}
		for _, seed := range walks {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				var o simulate.Outcome
				synctest.Test(t, func(*testing.T) { o = simulate.Walk(seed) })
				lives.Add(int64(o.World.Lives))
				mu.Lock()
				for what, n := range o.Ends() {
					ends[what] += n
				}
				mu.Unlock()
				if strayed := o.Strayed(); len(strayed) > 0 {
					t.Errorf("seed %d:\n%s\n%s", seed, strings.Join(strayed, "\n"), o.World.Chronicle())
				}
			})
		}
	})
	t.Logf("%d lives in %d walks: %v", lives.Load(), len(strayedOnce)+*seeds, ends)
}
