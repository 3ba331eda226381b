package measure

import (
	"context"
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// ableFor is how long what a server can do is taken for granted: it may be replaced by a newer one.
const ableFor = 24 * time.Hour

// able remembers what a server can do, so that it is not asked for what it refuses again and again.
type able struct {
	mu    sync.Mutex
	lacks bool // native histograms' functions
	until time.Time
	// asking is held by whoever finds out; it is a channel so that waiting for it ends with the caller.
	asking chan struct{}
}

func newAble() *able { return &able{asking: make(chan struct{}, 1)} }

// native tells whether a server may be asked for native histograms: all but those that are known to know no such
// functions.
func (a *able) native() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.lacks || time.Now().After(a.until)
}

func (a *able) recall() (lacks, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lacks, time.Now().Before(a.until)
}

func (a *able) learn(lacks bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lacks, a.until = lacks, time.Now().Add(ableFor)
}

// nativeProbe has nothing in it that a server could refuse but the functions.
const nativeProbe = "histogram_count(vector(0)) or histogram_fraction(0, 1, vector(0))"

// lacksNative tells whether a question was refused since the server knows no functions of native histograms, so that
// the question can be asked without them. It asks for nothing else to find that out, once: what servers say of a
// function that they don't know is up to each.
func (c *Client) lacksNative(ctx context.Context, err error) bool {
	if cause, _ := explain(err); cause != signal.QueryError {
		return false
	}
	select {
	case c.able.asking <- struct{}{}:
		defer func() { <-c.able.asking }()
	case <-ctx.Done():
		return false
	}
	if lacks, known := c.able.recall(); known {
		return lacks
	}
	switch _, err := c.instant(ctx, nativeProbe, time.Now(), 2); {
	case err == nil:
		c.able.learn(false)
	default:
		if cause, _ := explain(err); cause == signal.QueryError {
			c.able.learn(true)
			return true
		}
	}
	return false
}
