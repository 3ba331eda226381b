package watchdog_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// Whatever happens in whatever order, no promise is broken: ready-first, never-worse, once,
// blind-is-not-bad, no-lost-check, people-win and bounded.
func TestSimulateWalks(t *testing.T) {
	var lives atomic.Int64
	var mu sync.Mutex
	ends := map[string]int{}
	t.Run("walks", func(t *testing.T) {
		for i := range *seeds {
			seed := *first + uint64(i)
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
	t.Logf("%d lives in %d walks: %v", lives.Load(), *seeds, ends)
}
