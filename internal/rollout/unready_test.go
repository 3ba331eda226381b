package rollout

import (
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestUnready(t *testing.T) {
	policy := types.NamespacedName{Namespace: "shop", Name: "echo"}
	type moment struct {
		at            signal.Instant
		look          bool // rather than a tick
		revision      string
		wanted, ready int32
		gone          bool
		idle, unknown bool // it has no share, or nobody knows
		since         signal.Instant
		ticks         int32
	}
	tests := map[string][]moment{
		"ticks count": {
			{at: 100, revision: "r", wanted: 3, since: 100, ticks: 1},
			{at: 115, revision: "r", wanted: 3, since: 100, ticks: 2},
		},
		"looks between ticks don't": {
			{at: 100, look: true, revision: "r", wanted: 3, since: 100, ticks: 0},
			{at: 101, look: true, revision: "r", wanted: 3, since: 100, ticks: 0},
			{at: 115, revision: "r", wanted: 3, since: 100, ticks: 1},
		},
		"a ready replica ends it, even between ticks": {
			{at: 100, revision: "r", wanted: 3, since: 100, ticks: 1},
			{at: 110, look: true, revision: "r", wanted: 3, ready: 1},
			{at: 115, revision: "r", wanted: 3, since: 115, ticks: 1},
		},
		"nobody wants any, and it has a share": {
			{at: 100, revision: "r", wanted: 3, since: 100, ticks: 1},
			{at: 115, revision: "r", wanted: 0, since: 100, ticks: 2},
		},
		"nobody wants any, nor is anybody led there": {
			{at: 100, revision: "r", wanted: 3, since: 100, ticks: 1},
			{at: 115, revision: "r", wanted: 0, idle: true},
			{at: 130, revision: "r", wanted: 3, since: 130, ticks: 1},
		},
		"it is deleted": {
			{at: 100, revision: "r", wanted: 3, ready: 3},
			{at: 115, gone: true, since: 115, ticks: 1},
			{at: 130, gone: true, since: 115, ticks: 2},
			{at: 145, revision: "r", wanted: 3, since: 115, ticks: 3},
			{at: 160, revision: "r", wanted: 3, ready: 1},
		},
		"it is deleted, and nobody is led there": {
			{at: 100, gone: true, idle: true},
		},
		"shares that are not known end nothing": {
			{at: 100, revision: "r", wanted: 0, since: 100, ticks: 1},
			{at: 115, revision: "r", wanted: 0, unknown: true, since: 100, ticks: 2},
		},
		"shares that are not known begin nothing where none are wanted": {
			{at: 100, revision: "r", wanted: 0, unknown: true},
			{at: 115, revision: "r", wanted: 3, unknown: true, since: 115, ticks: 1},
		},
		"another revision begins anew": {
			{at: 100, revision: "r", wanted: 3, since: 100, ticks: 1},
			{at: 115, revision: "s", wanted: 3, since: 115, ticks: 1},
		},
		"healthy all along": {{at: 100, revision: "r", wanted: 3, ready: 3}},
	}
	for name, moments := range tests {
		t.Run(name, func(t *testing.T) {
			var u Unready
			for _, m := range moments {
				w := release.World{Slots: []release.SlotView{
					{Slot: "blue", Wanted: 1, Ready: 1},
					{Slot: "green", Found: !m.gone, Revision: m.revision, Wanted: m.wanted, Ready: m.ready, Ticks: 99},
				}, Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{"green": 1}}}}
				if m.idle {
					w.Routes[0].Shares = map[string]float64{"blue": 1}
				}
				if m.unknown {
					w.Problem = "there is no VirtualService"
				}
				if m.look {
					u.Look(policy, &w, m.at)
				} else {
					u.Tick(policy, &w, m.at)
				}
				if s := w.Slots[1]; s.UnreadySince != m.since || s.Ticks != m.ticks {
					t.Errorf("at %d: since %d with %d ticks, want since %d with %d", m.at, s.UnreadySince, s.Ticks, m.since, m.ticks)
				}
			}
		})
	}
}

func TestUnreadyKeepsNothingOfTheHealthyAndTheGone(t *testing.T) {
	var u Unready
	led := []release.RouteView{{Key: "main", Shares: map[string]float64{"blue": 1}}}
	bad := release.World{Slots: []release.SlotView{{Slot: "blue", Wanted: 1}}, Routes: led}
	good := release.World{Slots: []release.SlotView{{Slot: "blue", Wanted: 1, Ready: 1}}}
	a, b := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "b"}
	var together sync.WaitGroup
	for _, policy := range []types.NamespacedName{a, b} {
		w := release.World{Slots: []release.SlotView{bad.Slots[0]}, Routes: led}
		together.Go(func() { u.Tick(policy, &w, 100) })
	}
	together.Wait()
	u.Tick(a, &good, 115)
	u.Forget(b)
	if len(u.policies) != 0 {
		t.Errorf("remembers %v, want nothing", u.policies)
	}
}
