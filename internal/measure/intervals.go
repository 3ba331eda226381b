package measure

import (
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	// intervalKept is how long a scrape interval is taken for granted: a look has one question less to wait for.
	intervalKept = signal.Duration(time.Minute)
	// settledSamples is how many samples a series must have for its interval to be remembered.
	settledSamples = 5
)

// intervals remembers the scrape intervals of series, by the question that they were learnt from.
type intervals struct {
	mu   sync.Mutex
	kept map[string]keptInterval
}

type keptInterval struct {
	interval signal.Duration
	at       signal.Instant
}

func (i *intervals) recall(expr string, at signal.Instant) (signal.Duration, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.kept[expr]
	return k.interval, ok && k.fresh(at)
}

func (k keptInterval) fresh(at signal.Instant) bool {
	return at >= k.at && at.Sub(k.at) < intervalKept
}

// keep forgets what nobody has asked for lately.
func (i *intervals) keep(expr string, interval signal.Duration, at signal.Instant) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for e, k := range i.kept {
		if !k.fresh(at) {
			delete(i.kept, e)
		}
	}
	i.kept[expr] = keptInterval{interval, at}
}
