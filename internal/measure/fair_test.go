package measure_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// queue is a server that answers each question after a while, and counts how often and when each was asked.
type queue struct {
	server
	takes map[string]time.Duration

	mu    sync.Mutex
	asked map[string]int
	order []string
}

func queued(t *testing.T, takes map[string]time.Duration) *queue {
	t.Helper()
	q := &queue{takes: takes, asked: map[string]int{}}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for word, long := range q.takes {
			if !strings.Contains(r.FormValue("query"), word) {
				continue
			}
			q.mu.Lock()
			q.asked[word]++
			q.order = append(q.order, word)
			q.mu.Unlock()
			select {
			case <-time.After(long):
			case <-r.Context().Done():
				return
			}
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767225660,"1"]]}]}}`)
	}))
	t.Cleanup(h.Close)
	q.server = server{url: h.URL}
	return q
}

func (q *queue) times(word string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[word]
}

func queriesFor(word string, n int) []signal.Ask {
	asks := make([]signal.Ask, n)
	for i := range asks {
		asks[i] = signal.Ask{Signal: word, Kind: signal.Query, PromQL: word}
	}
	return asks
}

var oneBin = measure.Range{From: t0, To: t0 + 60, Bin: minute}

// One policy's many slow questions hold up no other policy, in another namespace or its own: its first question is
// answered while all but a few of them still wait.
func TestManySlowQuestionsOfOnePolicyHoldUpNoOther(t *testing.T) {
	for _, namespace := range []string{"evil", "good"} {
		q := queued(t, map[string]time.Duration{"slow": 100 * time.Millisecond, "quick": 0})
		c := q.client(t)
		bad := c.For(measure.Asker{Namespace: "evil", Policy: "bad"})
		var all sync.WaitGroup
		all.Go(func() { bad.Read(t.Context(), queriesFor("slow", 32), oneBin) })
		for q.times("slow") == 0 {
			time.Sleep(time.Millisecond)
		}
		r := c.For(measure.Asker{Namespace: namespace, Policy: "shop"}).Read(t.Context(), queriesFor("quick", 1), oneBin)[0]
		if n := q.times("slow"); r.Cause != signal.Known || n > 4 {
			t.Errorf("namespace %s: answered (%q) after %d of the slow questions, want before the fifth", namespace, r.Cause, n)
		}
		all.Wait()
		if n := q.times("slow"); n != 32 {
			t.Errorf("%d of the slow questions were asked in the end", n)
		}
	}
}

// What acts is asked before what is recorded, though it comes later.
func TestWhatActsIsAskedFirst(t *testing.T) {
	q := queued(t, map[string]time.Duration{"first": 200 * time.Millisecond, "recorded": 0, "acting": 0})
	c := q.client(t, func(o *measure.Options) { o.Concurrency = 1 })
	of := func(class signal.Class) *measure.Client {
		return c.For(measure.Asker{Namespace: "production", Policy: "shop", Class: class})
	}
	var all sync.WaitGroup
	all.Go(func() { of(signal.Tells).Read(t.Context(), queriesFor("first", 1), oneBin) })
	for q.times("first") == 0 {
		time.Sleep(time.Millisecond)
	}
	all.Go(func() { of(signal.Tells).Read(t.Context(), queriesFor("recorded", 3), oneBin) })
	time.Sleep(50 * time.Millisecond)
	all.Go(func() { of(signal.Acts).Read(t.Context(), queriesFor("acting", 3), oneBin) })
	all.Wait()
	if got := strings.Join(q.order, " "); got != "first acting acting acting recorded recorded recorded" {
		t.Errorf("asked in the order %s", got)
	}
}

// A budget that is used up is a cause, of what is not asked then: all but what acts, and of that too what is in the
// policy's own words. Another policy asks on.
func TestABudgetThatIsUsedUp(t *testing.T) {
	q := queued(t, map[string]time.Duration{"slow": 60 * time.Millisecond, "mine": 0, "m{": 0})
	c := q.client(t, func(o *measure.Options) { o.Budget = 100 * time.Millisecond })
	of := func(policy string, class signal.Class) *measure.Client {
		return c.For(measure.Asker{Namespace: "production", Policy: policy, Class: class})
	}
	own := func(c *measure.Client) signal.Reading { return c.Read(t.Context(), queriesFor("mine", 1), oneBin)[0] }
	counted := func(c *measure.Client) signal.Reading {
		return c.Read(t.Context(), []signal.Ask{{Signal: "rate", Kind: signal.Rate, Metric: "m", Match: `a="b"`}}, oneBin)[0]
	}
	if r := own(of("shop", signal.Acts)); r.Cause != signal.Known {
		t.Fatalf("before: %+v", r)
	}
	of("shop", signal.Acts).Read(t.Context(), queriesFor("slow", 8), oneBin)
	if !c.IsOverspent("production", "shop") || c.IsOverspent("production", "other") || c.Overspent() != 1 {
		t.Errorf("%d have used up their budgets, want the one", c.Overspent())
	}
	before := q.times("mine") + q.times("m{")
	checkUnknown(t, own(of("shop", signal.Acts)), signal.Budget, "queryBudget")
	checkUnknown(t, counted(of("shop", signal.Pages)), signal.Budget, "queryBudget")
	if n := q.times("mine") + q.times("m{"); n != before {
		t.Errorf("%d questions were asked though the budget is used up", n-before)
	}
	counted(of("shop", signal.Acts))
	if n := q.times("m{"); n == 0 {
		t.Error("what a rollback rests on was not asked")
	}
	if r := own(of("other", signal.Tells)); r.Cause != signal.Known {
		t.Errorf("another policy: %+v", r)
	}
	if r := own(c); r.Cause != signal.Known {
		t.Errorf("without a name: %+v", r)
	}
}

// A policy's own words have two seconds, however long the server may take for others.
func TestOwnWordsHaveLittleTime(t *testing.T) {
	s, _ := hanging(t)
	c := s.client(t, func(o *measure.Options) { o.Timeout = time.Minute })
	begun := time.Now()
	r := c.For(measure.Asker{Namespace: "production", Policy: "shop"}).Read(t.Context(), queriesFor("slow", 1), oneBin)[0]
	checkUnknown(t, r, signal.Timeout, "no answer in time")
	if took := time.Since(begun); took < 2*time.Second || took > 30*time.Second {
		t.Errorf("given up after %s, want 2 s", took)
	}
}
