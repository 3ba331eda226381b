package backtest

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// Fetch asks for the bins of a span whose ends lie every so often apart; they overlap where that is less
// than a bin.
type Fetch func(ctx context.Context, asks []signal.Ask, s watchdog.Span, every signal.Duration) []signal.Reading

// Blocks are what is asked for at once. A query's is short: that several series answer it is a verdict
// on the whole block.
const (
	block      = signal.Duration(24 * 3600e9)
	queryBlock = signal.Duration(3600e9)
)

// shelf holds the bins at the guard's pace, block by block: the bins of a tick are among those of the
// ticks before, and asking for each tick would take Prometheus days.
type shelf struct {
	mu     sync.Mutex
	fetch  Fetch
	origin signal.Instant // a tick
	until  signal.Instant
	every  signal.Duration
	blocks map[place]*volume
	fail   func(error) // ends the backtest
}

// place is a block of a question's: its signal, what sets it apart from the other slot's, and how long its bins are.
type place struct {
	signal, match, promql string
	bin                   signal.Duration
	n                     int64
}

// volume is a block's reading, its bins by their ends.
type volume struct {
	signal.Reading
	bins map[signal.Instant]signal.Bin
}

func newShelf(o Options, fail func(error)) *shelf {
	return &shelf{fetch: o.Fetch, fail: fail, origin: o.Deployed, until: o.Until, every: o.Plan.GuardEvery, blocks: map[place]*volume{}}
}

// read answers like a Prometheus. What does not lie on the guard's grid is asked for by itself.
func (s *shelf) read(ctx context.Context, _ watchdog.Asker, asks []signal.Ask, span watchdog.Span) []signal.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []signal.Reading
	for _, a := range asks {
		if span.Bin%s.every != 0 || span.To.Sub(s.origin)%s.every != 0 || s.every%signal.Duration(1e9) != 0 {
			out = append(out, s.heard(s.fetch(ctx, []signal.Ask{a}, span, span.Bin)[0]))
			continue
		}
		out = append(out, s.gather(ctx, a, span))
	}
	return out
}

// gather puts a reading together from the blocks that it lies in.
func (s *shelf) gather(ctx context.Context, a signal.Ask, span watchdog.Span) signal.Reading {
	out := signal.Reading{Signal: a.Signal}
	missing := signal.Reading{}
	for end := span.From.Add(span.Bin); end <= span.To; end = end.Add(span.Bin) {
		v := s.volume(ctx, a, end, span.Bin)
		bin, ok := v.bins[end]
		if !ok {
			missing = v.Reading
			bin = signal.Bin{End: end, Cause: cmp.Or(v.Cause, signal.Gap)}
		}
		out.Queries = v.Queries
		out.Bins = append(out.Bins, bin)
	}
	if missing.Cause != signal.Known && !(absent(missing.Cause) && seen(out.Bins)) {
		return signal.Reading{Signal: a.Signal, Cause: missing.Cause, Detail: missing.Detail, Queries: out.Queries}
	}
	return out
}

// absent tells whether a block has no bins because there were no series in it: they may have begun later.
func absent(c signal.Cause) bool { return c == signal.Empty || c == signal.Mismatch }

func seen(bins []signal.Bin) bool {
	for _, b := range bins {
		if !absent(b.Cause) {
			return true
		}
	}
	return false
}

// volume gives the block that a bin's end lies in, and fetches it if need be.
func (s *shelf) volume(ctx context.Context, a signal.Ask, end signal.Instant, bin signal.Duration) *volume {
	size := block
	if a.Kind == signal.Query {
		size = queryBlock
	}
	size -= size % s.every
	n := int64(end.Sub(s.origin) / size)
	if end < s.origin.Add(signal.Duration(n)*size) {
		n-- // before the origin
	}
	at := place{a.Signal, a.Match, a.PromQL, bin, n}
	if v := s.blocks[at]; v != nil {
		return v
	}
	if ctx.Err() != nil {
		return &volume{Reading: signal.Reading{Signal: a.Signal, Cause: signal.Timeout}}
	}
	first := s.origin.Add(signal.Duration(n) * size)
	last := min(first.Add(size-s.every), s.origin.Add(s.until.Sub(s.origin)/s.every*s.every))
	reading := s.heard(s.fetch(ctx, []signal.Ask{a}, watchdog.Span{From: first.Add(-bin), To: last, Bin: bin}, s.every)[0])
	v := &volume{Reading: reading, bins: make(map[signal.Instant]signal.Bin, len(reading.Bins))}
	for _, b := range reading.Bins {
		v.bins[b.End] = b
	}
	v.Bins = nil
	s.blocks[at] = v
	return v
}

// heard ends the backtest if a server could not be asked: of the past that is no verdict but an error.
func (s *shelf) heard(r signal.Reading) signal.Reading {
	if r.Cause == signal.Away || r.Cause == signal.Timeout {
		s.fail(fmt.Errorf("ask for %s: %s", r.Signal, r.Detail))
	}
	return r
}
