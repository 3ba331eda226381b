package backtest

import (
	"context"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// A series that begins with the release is read from there on, whatever the blocks before it are missing for: that
// the metric is not there, or that it is with other labels alone. A block that could not be understood spoils the
// reading, and so do blocks that are all without the series.
func TestASeriesThatBeginsInALaterBlock(t *testing.T) {
	const second = signal.Duration(time.Second)
	origin := signal.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		before signal.Cause
		span   signal.Duration // how far the blocks of the series are read
		want   signal.Cause
	}{
		{signal.Empty, 4 * second, signal.Known},
		{signal.Mismatch, 4 * second, signal.Known},
		{signal.QueryError, 4 * second, signal.QueryError},
		{signal.Empty, -2 * second, signal.Empty},
		{signal.Mismatch, -2 * second, signal.Mismatch},
	} {
		fetch := func(_ context.Context, asks []signal.Ask, s watchdog.Span, every signal.Duration) []signal.Reading {
			r := signal.Reading{Signal: asks[0].Signal}
			if s.To < origin {
				r.Cause = c.before
				return []signal.Reading{r}
			}
			for end := s.From.Add(s.Bin); end <= s.To; end = end.Add(every) {
				r.Bins = append(r.Bins, signal.Bin{End: end, Total: 100})
			}
			return []signal.Reading{r}
		}
		shelf := newShelf(Options{Fetch: fetch, Deployed: origin, Until: origin.Add(60 * second), Plan: &release.Plan{GuardEvery: second}}, nil)
		got := shelf.read(t.Context(), watchdog.Asker{}, []signal.Ask{{Signal: "error-rate", Kind: signal.Ratio}},
			watchdog.Span{From: origin.Add(-60 * second), To: origin.Add(c.span), Bin: 2 * second})[0]
		if got.Cause != c.want {
			t.Errorf("after %s up to %s the cause is %q, want %q", c.before, c.span, got.Cause, c.want)
		}
		if n := len(got.Bins); c.want == signal.Known && (n != 32 || got.Bins[n-1].Total != 100 || got.Bins[0].Total != 0) {
			t.Errorf("after %s: %+v", c.before, got.Bins)
		}
	}
}
