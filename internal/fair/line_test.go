package fair_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/fair"
)

// stall plays a line in virtual time: whoever is served takes as long as its flow says.
type stall struct {
	line    *fair.Line
	now     time.Duration
	takes   map[fair.Flow]time.Duration
	busy    map[*fair.Turn]time.Duration // until when
	joined  map[*fair.Turn]time.Duration
	waited  map[fair.Flow][]time.Duration
	onServe func(*fair.Turn)
}

func newStall(t fair.Terms) *stall {
	return &stall{line: fair.New(t), takes: map[fair.Flow]time.Duration{}, busy: map[*fair.Turn]time.Duration{},
		joined: map[*fair.Turn]time.Duration{}, waited: map[fair.Flow][]time.Duration{}, onServe: func(*fair.Turn) {}}
}

func (s *stall) join(f fair.Flow, class, n int) {
	for range n {
		t := &fair.Turn{Flow: f, Class: class}
		s.joined[t] = s.now
		s.line.Join(t, s.now)
	}
	s.serve()
}

func (s *stall) serve() {
	for t := s.line.Next(s.now); t != nil; t = s.line.Next(s.now) {
		s.busy[t] = s.now + s.takes[t.Flow]
		s.waited[t.Flow] = append(s.waited[t.Flow], s.now-s.joined[t])
		s.onServe(t)
	}
}

// until lets the time pass.
func (s *stall) until(end time.Duration) {
	for {
		var next *fair.Turn
		for t, at := range s.busy {
			if at <= end && (next == nil || at < s.busy[next]) {
				next = t
			}
		}
		if next == nil {
			s.now = end
			return
		}
		s.now = s.busy[next]
		delete(s.busy, next)
		s.line.Done(next, s.now)
		s.serve()
	}
}

func (s *stall) longest(f fair.Flow) time.Duration { return slices.Max(s.waited[f]) }

var (
	bad       = fair.Flow{Namespace: "evil", Policy: "slow"}
	neighbour = fair.Flow{Namespace: "evil", Policy: "beside"}
	other     = fair.Flow{Namespace: "good", Policy: "api"}
)

// One policy's 32 slow questions hold up nobody: another namespace finds a slot at once, another policy of its
// own namespace, too. First come, first served, it would be the sum of them.
func TestManySlowQuestionsHoldUpNobody(t *testing.T) {
	for _, who := range []fair.Flow{neighbour, other} {
		s := newStall(fair.Terms{Slots: 4})
		s.takes[bad], s.takes[who] = 10*time.Second, 50*time.Millisecond
		s.join(bad, 0, 32)
		for i := range 30 {
			s.until(time.Duration(i) * time.Second)
			s.join(who, 0, 3)
		}
		s.until(time.Hour)
		if got := s.longest(who); got > 200*time.Millisecond {
			t.Errorf("%v waited %s", who, got)
		}
		if n := len(s.waited[bad]); n != 32 {
			t.Errorf("%d of the 32 slow questions were asked", n)
		}
	}
}

// Four namespaces, each with slow questions, can hold all slots: then a neighbour waits until the first of
// those that are under way has ended, and for no more of them.
func TestAllSlotsTakenAreWaitedForOnce(t *testing.T) {
	s := newStall(fair.Terms{Slots: 4})
	s.takes[other] = 50 * time.Millisecond
	for i := range 4 {
		f := fair.Flow{Namespace: fmt.Sprint("evil-", i), Policy: "slow"}
		s.takes[f] = 2 * time.Second
		s.join(f, 0, 32)
	}
	for i := range 20 {
		s.until(time.Duration(i)*5*time.Second + time.Second)
		s.join(other, 0, 1)
	}
	s.until(time.Hour)
	if got := s.longest(other); got > 2*time.Second {
		t.Errorf("waited %s, want no longer than one question takes", got)
	}
}

// What a rollback rests on goes before what is recorded, of whomever.
func TestTheClassGoesFirst(t *testing.T) {
	s := newStall(fair.Terms{Slots: 1})
	s.takes[bad], s.takes[other] = time.Second, time.Second
	var order []int
	s.onServe = func(t *fair.Turn) { order = append(order, t.Class) }
	s.join(other, 2, 1)
	s.join(other, 2, 2)
	s.join(bad, 1, 2)
	s.join(other, 0, 2)
	s.until(time.Minute)
	if want := []int{2, 0, 0, 1, 1, 2, 2}; !slices.Equal(order, want) {
		t.Errorf("served by classes %v, want %v", order, want)
	}
}

// Policies that ask as much as they may get the same of the server's time, whatever their questions take; so
// do namespaces, however many policies they have.
func TestTimeIsSharedEvenly(t *testing.T) {
	s := newStall(fair.Terms{Slots: 4})
	flows := []fair.Flow{{"one", "a"}, {"two", "a"}, {"two", "b"}, {"two", "c"}, {"three", "a"}}
	used := map[string]time.Duration{}
	s.onServe = func(t *fair.Turn) { used[t.Namespace] += s.takes[t.Flow] }
	for i, f := range flows {
		s.takes[f] = time.Duration(i+1) * 700 * time.Millisecond
		s.join(f, 0, 10_000)
	}
	s.until(20 * time.Minute)
	for name, had := range used {
		if share := had.Minutes() / 80; share < 0.31 || share > 0.36 {
			t.Errorf("namespace %s had %.2f of the time, want a third", name, share)
		}
	}
	if a, b := len(s.waited[flows[1]])*2, len(s.waited[flows[2]])*3; a*20 < b*19 || b*20 < a*19 {
		t.Errorf("policies of a namespace had %d and %d, want the same", a, b)
	}
}

// Whoever rested has no claim to what it did not use: one that comes after an hour takes half, and no more.
func TestRestEarnsNothing(t *testing.T) {
	s := newStall(fair.Terms{Slots: 1})
	s.takes[bad], s.takes[other] = time.Second, time.Second
	s.join(other, 0, 1)
	s.until(time.Second)
	s.join(bad, 0, 10_000)
	s.until(time.Hour)
	s.join(other, 0, 10_000)
	before := len(s.waited[bad])
	s.until(time.Hour + time.Minute)
	if n := len(s.waited[bad]) - before; n < 29 || n > 31 {
		t.Errorf("%d of the next 60 s were left to who had them before, want half", n)
	}
}

// What a policy without a budget asks has no precedence, whatever hangs on it.
func TestWithoutABudgetThereIsNoPrecedence(t *testing.T) {
	for _, budget := range []time.Duration{0, 10 * time.Second} {
		s := newStall(fair.Terms{Slots: 1, Budget: budget})
		s.takes[bad], s.takes[other] = 20*time.Second, time.Second
		s.join(bad, 0, 1)
		s.join(bad, 0, 1)
		s.join(other, 2, 2)
		var order []string
		s.onServe = func(t *fair.Turn) { order = append(order, t.Policy) }
		s.until(time.Minute)
		want := []string{"slow", "api", "api"}
		if budget > 0 {
			want = []string{"api", "api", "slow"}
		}
		if !slices.Equal(order, want) {
			t.Errorf("budget %s: served %v, want %v", budget, order, want)
		}
	}
}

// However long a policy was beyond its budget, it has one again after a minute's rest.
func TestABudgetComesBack(t *testing.T) {
	s := newStall(fair.Terms{Slots: 4, Budget: 10 * time.Second})
	s.takes[bad] = time.Second
	s.join(bad, 0, 2000)
	s.until(17 * time.Minute)
	if !s.line.Over(bad, s.now) {
		t.Fatal("not over")
	}
	if s.until(s.now + 30*time.Second); !s.line.Over(bad, s.now) {
		t.Error("not over after half a minute's rest")
	}
	if s.until(s.now + 31*time.Second); s.line.Over(bad, s.now) {
		t.Error("over after a minute's rest")
	}
}

// A policy that has used up its budget waits behind all others, and has one again after a minute's rest.
func TestBudget(t *testing.T) {
	s := newStall(fair.Terms{Slots: 4, Budget: 30 * time.Second})
	s.takes[bad], s.takes[other] = 2*time.Second, 2*time.Second
	s.join(bad, 0, 100)
	for at := time.Second; at < 19*time.Second; at += time.Second {
		if s.until(at); s.line.Over(bad, s.now) {
			t.Fatalf("over after %s; two at once use 30 s, less what is forgiven, in 20 s", at)
		}
	}
	if s.until(21 * time.Second); !s.line.Over(bad, s.now) || s.line.Over(other, s.now) || s.line.Overs(s.now) != 1 {
		t.Error("not over after 21 s, or another one is")
	}
	var order []fair.Flow
	s.onServe = func(t *fair.Turn) { order = append(order, t.Flow) }
	twin := fair.Flow{Namespace: "evil", Policy: "twin"}
	s.takes[twin] = 2 * time.Second
	s.join(twin, 2, 3)
	if slices.Contains(order, bad) {
		t.Errorf("served %v, want those first who have a budget", order)
	}
	s.until(time.Hour)
	if s.line.Over(bad, s.now) {
		t.Error("still over after an hour")
	}
	s.join(bad, 0, 11)
	s.until(s.now + 10*time.Second)
	if s.line.Over(bad, s.now) {
		t.Error("over after 20 s of use: the budget did not come back whole")
	}
}

// Whatever comes: nobody waits for ever, no slot is lost or given twice, and the bounds hold.
func TestProperties(t *testing.T) {
	for seed := range uint64(300) {
		chance := rand.New(rand.NewPCG(seed, 1))
		slots := 1 + chance.IntN(8)
		s := newStall(fair.Terms{Slots: slots, Budget: time.Duration(chance.IntN(3)) * 20 * time.Second})
		var flows []fair.Flow
		for i := range 1 + chance.IntN(12) {
			f := fair.Flow{Namespace: fmt.Sprint("n", chance.IntN(4)), Policy: fmt.Sprint("p", i)}
			s.takes[f] = time.Duration(1+chance.IntN(5000)) * time.Millisecond
			flows = append(flows, f)
		}
		joined, served := 0, 0
		s.onServe = func(*fair.Turn) {
			served++
			namespaces, policies := map[string]int{}, map[fair.Flow]int{}
			for t := range s.busy {
				namespaces[t.Namespace]++
				policies[t.Flow]++
			}
			for _, n := range namespaces {
				if n > max(1, slots-1) {
					t.Fatalf("seed %d: a namespace has %d of %d slots", seed, n, slots)
				}
			}
			for _, n := range policies {
				if n > max(1, slots/2) {
					t.Fatalf("seed %d: a policy has %d of %d slots", seed, n, slots)
				}
			}
			if len(s.busy) > slots {
				t.Fatalf("seed %d: %d of %d slots are taken", seed, len(s.busy), slots)
			}
		}
		for range 200 {
			f, class := flows[chance.IntN(len(flows))], chance.IntN(fair.Classes)
			joined++
			s.join(f, class, 1)
			if chance.IntN(10) == 0 {
				leaver := &fair.Turn{Flow: f, Class: class}
				s.line.Join(leaver, s.now)
				s.line.Leave(leaver, s.now)
			}
			s.until(s.now + time.Duration(chance.IntN(1500))*time.Millisecond)
		}
		s.until(s.now + time.Hour)
		if served != joined || len(s.busy) != 0 {
			t.Errorf("seed %d: %d of %d were served, %d are under way", seed, served, joined, len(s.busy))
		}
	}
}
