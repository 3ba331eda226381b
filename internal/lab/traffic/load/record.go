package load

import (
	"sync"
	"time"
)

// Call is one request as its caller saw it. Slot and version are empty when it reached none;
// the error is empty when it was answered.
type Call struct {
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Slot    string    `json:"slot"`
	Version string    `json:"version"`
	Error   string    `json:"error"`
}

// Counts are all calls since the start. BySlot counts the calls that reached a slot, failed
// ones too.
type Counts struct {
	Total  int            `json:"total"`
	Errors int            `json:"errors"`
	BySlot map[string]int `json:"bySlot"`
}

// record counts all calls and remembers the newest ones, in the order in which they ended.
type record struct {
	mu     sync.Mutex
	counts Counts
	ring   []Call
	next   int // where the next call goes once the ring is full
	size   int
}

func newRecord(size int) *record {
	return &record{size: size, counts: Counts{BySlot: map[string]int{"blue": 0, "green": 0}}}
}

func (r *record) add(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Total++
	if c.Error != "" {
		r.counts.Errors++
	}
	if c.Slot != "" {
		r.counts.BySlot[c.Slot]++
	}
	if len(r.ring) < r.size {
		r.ring = append(r.ring, c)
		return
	}
	r.ring[r.next] = c
	r.next = (r.next + 1) % r.size
}

func (r *record) snapshot() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.BySlot = make(map[string]int, len(r.counts.BySlot))
	for slot, n := range r.counts.BySlot {
		c.BySlot[slot] = n
	}
	return c
}

// since returns the remembered calls that ended at t or later: all that started after t are
// among them.
func (r *record) since(t time.Time) []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := []Call{}
	for _, part := range [][]Call{r.ring[r.next:], r.ring[:r.next]} {
		for _, c := range part {
			if !c.End.Before(t) {
				calls = append(calls, c)
			}
		}
	}
	return calls
}
