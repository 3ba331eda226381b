package rollout

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Unready remembers since when slots with traffic have had no ready replica (see [release.Lulls]), and how
// many ticks of the guard in a row found it so. It remembers in memory alone: after a restart the
// count begins anew, which is late by seconds and never wrong. The zero value is ready for use, from
// any goroutine.
type Unready struct {
	mu       sync.Mutex
	policies map[types.NamespacedName]release.Lulls
}

// Tick takes a tick of the guard into account and fills in the world's slots.
func (u *Unready) Tick(policy types.NamespacedName, w *release.World, now signal.Instant) {
	u.note(policy, w, now, 1)
}

// Look is Tick for a look between two ticks: a lull can begin and end with it, but it does not count.
func (u *Unready) Look(policy types.NamespacedName, w *release.World, now signal.Instant) {
	u.note(policy, w, now, 0)
}

// Forget forgets a policy that is gone.
func (u *Unready) Forget(policy types.NamespacedName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.policies, policy)
}

func (u *Unready) note(policy types.NamespacedName, w *release.World, now signal.Instant, ticks int32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.keep(policy, u.policies[policy].Note(w, now, ticks))
}

// keep holds memory only for policies in a lull.
func (u *Unready) keep(policy types.NamespacedName, lulls release.Lulls) {
	if len(lulls) == 0 {
		delete(u.policies, policy)
		return
	}
	if u.policies == nil {
		u.policies = map[types.NamespacedName]release.Lulls{}
	}
	u.policies[policy] = lulls
}
