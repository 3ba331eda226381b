package measure

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// trap is a transport that panics for queries that hold a word, and is away for all others.
type trap struct{ word string }

func (t trap) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err == nil && strings.Contains(r.Form.Get("query"), t.word) {
		panic("an answer that nobody thought of")
	}
	return nil, http.ErrServerClosed
}

// A panic at one question is that question's cause, told once, and no other's.
func TestAPanicAtAQuestionIsItsCause(t *testing.T) {
	var told atomic.Int32
	c, err := New(Options{URL: "http://127.0.0.1:1", Transport: trap{"trapped"}, Panicked: func(p *caught.Panic) {
		if !strings.Contains(p.Stack, "trap.RoundTrip") {
			t.Errorf("the stack does not name the place:\n%s", p.Stack)
		}
		told.Add(1)
	}})
	if err != nil {
		t.Fatal(err)
	}
	asks := []signal.Ask{{Signal: "bad", Kind: signal.Query, PromQL: "trapped_total"}, {Signal: "good", Kind: signal.Query, PromQL: "up"}}
	read := c.Read(t.Context(), asks, Range{From: 0, To: 60, Bin: signal.Duration(60e9)})
	if read[0].Cause != signal.Fault || read[0].Signal != "bad" || read[1].Cause != signal.Away {
		t.Errorf("read %+v, want a fault for the first alone", read)
	}
	fresh := c.Newest(t.Context(), []signal.Ask{{Signal: "bad", Kind: signal.Rate, Metric: "trapped_total"}}, 60)
	if fresh.Cause != signal.Fault {
		t.Errorf("newest: %+v, want a fault", fresh)
	}
	seen := c.Buckets(t.Context(), []signal.Ask{{Signal: "bad", Kind: signal.Quantile, Metric: "trapped_seconds"}}, 60)
	if seen[0].Cause != signal.Fault {
		t.Errorf("buckets: %+v, want a fault", seen)
	}
	if n := told.Load(); n != 3 {
		t.Errorf("told of %d panics, want 3", n)
	}
}
