package watchdog

import (
	"slices"
	"sync"
)

// lanes bounds how many policies of one namespace are looked at side by side: those that wait for something slow
// must leave workers to the other namespaces.
type lanes struct {
	most int

	mu    sync.Mutex
	busy  map[string]int   // looks by namespace, with those that are promised
	aside map[string][]Key // policies that wait for a lane of their namespace
	// promised have a lane that was left to them.
	promised map[Key]bool
}

func newLanes(workers int) *lanes {
	return &lanes{most: max(1, workers/2), busy: map[string]int{}, aside: map[string][]Key{}, promised: map[Key]bool{}}
}

// begin takes a lane for a policy; if all of its namespace are busy it is put aside.
func (l *lanes) begin(k Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.promised[k]:
		delete(l.promised, k)
		return true
	case l.busy[k.Namespace] < l.most:
		l.busy[k.Namespace]++
		return true
	case !slices.Contains(l.aside[k.Namespace], k):
		l.aside[k.Namespace] = append(l.aside[k.Namespace], k)
	}
	return false
}

// end leaves the lane to the policy that was put aside first, if there is one: it is to be looked at next.
func (l *lanes) end(k Key) (next Key, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := k.Namespace
	if len(l.aside[n]) == 0 {
		delete(l.aside, n)
		if l.busy[n]--; l.busy[n] == 0 {
			delete(l.busy, n)
		}
		return Key{}, false
	}
	next, l.aside[n] = l.aside[n][0], l.aside[n][1:]
	l.promised[next] = true
	return next, true
}
