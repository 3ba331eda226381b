// Package fair decides whose question a server is asked next, where there are more than it is to be asked
// at once: what most hangs on first, then turn and turn about, so that nobody's many or slow questions hold
// up another's.
//
// Line is the decision, a value of its arguments; Queue waits. Neither knows what is asked.
package fair

import (
	"cmp"
	"time"
)

// Flow is on whose behalf something is asked. Whoever has no name, a command or a backtest, has the
// server to himself and no limit but its slots.
type Flow struct{ Namespace, Policy string }

// Classes is how many classes there are: 0 comes first.
const Classes = 3

// Terms are how much may be asked.
type Terms struct {
	// Slots is how many turns there are at once. A namespace has at most all but one of them, a policy at most
	// half, so that whoever comes finds one before long.
	Slots int
	// Budget is how much of a server's time a policy may use per minute; 0 is without end.
	Budget time.Duration
}

// Turn is one question that waits for its turn, or has it.
type Turn struct {
	Flow
	Class int
}

// Line is a waiting line. Its methods take the time since a beginning, which never falls, and may not be
// called from several goroutines.
//
// Among those who wait for the same class the namespace goes first that has used least of the server's time,
// then the policy within it that has; who comes anew, or again after a rest, begins at what the others have
// had by then (start-time fair queueing). A policy that has used up its budget waits in the last class.
type Line struct {
	terms      Terms
	namespaces map[string]*namespace
	running    int
	clock      time.Duration // what the namespace that was served last had used
	served     uint64
	swept      time.Duration
}

// New makes an empty line.
func New(t Terms) *Line {
	t.Slots = max(1, t.Slots)
	return &Line{terms: t, namespaces: map[string]*namespace{}}
}

type namespace struct {
	share
	policies map[string]*policy
	clock    time.Duration
}

type policy struct {
	share
	account
	queued [Classes][]*Turn
}

// Join puts a turn at the end of its policy's turns of that class.
func (l *Line) Join(t *Turn, now time.Duration) {
	l.sweep(now)
	n := l.namespaces[t.Namespace]
	if n == nil {
		n = &namespace{policies: map[string]*policy{}}
		l.namespaces[t.Namespace] = n
	}
	p := n.policies[t.Policy]
	if p == nil {
		p = &policy{}
		n.policies[t.Policy] = p
	}
	n.join(l.clock, now)
	p.join(n.clock, now)
	p.queued[t.Class] = append(p.queued[t.Class], t)
}

// Leave takes a turn out that still waits.
func (l *Line) Leave(t *Turn, now time.Duration) {
	n := l.namespaces[t.Namespace]
	p := n.policies[t.Policy]
	for i, other := range p.queued[t.Class] {
		if other == t {
			p.queued[t.Class] = append(p.queued[t.Class][:i:i], p.queued[t.Class][i+1:]...)
			n.leave(now)
			p.leave(now)
			return
		}
	}
}

// Next gives a slot to whose turn it is; nil where nobody waits who may have one.
func (l *Line) Next(now time.Duration) *Turn {
	if l.running >= l.terms.Slots {
		return nil
	}
	for class := range Classes {
		if n, p := l.pick(class, now); p != nil {
			return l.serve(n, p, class, now)
		}
	}
	return nil
}

func (l *Line) pick(class int, now time.Duration) (first *namespace, of *policy) {
	var name string
	for key, n := range l.namespaces {
		if n.waiting == 0 || key != "" && n.running >= max(1, l.terms.Slots-1) {
			continue
		}
		if first != nil && n.compare(first.share, now, key, name) >= 0 {
			continue
		}
		if p := l.pickOf(n, class, now); p != nil {
			first, of, name = n, p, key
		}
	}
	return first, of
}

func (l *Line) pickOf(n *namespace, class int, now time.Duration) (first *policy) {
	var name string
	for key, p := range n.policies {
		if p.waiting == 0 || key != "" && p.running >= max(1, l.terms.Slots/2) || p.head(class, l.over(p, now)) < 0 {
			continue
		}
		if first == nil || p.compare(first.share, now, key, name) < 0 {
			first, name = p, key
		}
	}
	return first
}

// head gives the class of the policy's own that is its turn in a class of the line; -1 where it has none.
func (p *policy) head(class int, over bool) int {
	if !over && len(p.queued[class]) > 0 {
		return class
	}
	for own := range Classes {
		if over && class == Classes-1 && len(p.queued[own]) > 0 {
			return own
		}
	}
	return -1
}

func (l *Line) serve(n *namespace, p *policy, class int, now time.Duration) *Turn {
	own := p.head(class, l.over(p, now))
	t := p.queued[own][0]
	p.queued[own] = p.queued[own][1:]
	l.running++
	l.served++
	l.clock, n.clock = max(l.clock, n.at(now)), max(n.clock, p.at(now))
	n.begin(now, l.served)
	p.settle(p.running, l.terms.Budget, now)
	p.begin(now, l.served)
	return t
}

// Done gives a slot back.
func (l *Line) Done(t *Turn, now time.Duration) {
	n := l.namespaces[t.Namespace]
	p := n.policies[t.Policy]
	l.running--
	n.end(now)
	p.settle(p.running, l.terms.Budget, now)
	p.end(now)
}

// Over tells whether a policy has used up its budget. It has one again when it was quiet for a minute, or
// less so for longer.
func (l *Line) Over(f Flow, now time.Duration) bool {
	if n := l.namespaces[f.Namespace]; n != nil && n.policies[f.Policy] != nil {
		return l.over(n.policies[f.Policy], now)
	}
	return false
}

// Overs is how many policies have used up their budgets.
func (l *Line) Overs(now time.Duration) (n int) {
	for _, of := range l.namespaces {
		for _, p := range of.policies {
			if l.over(p, now) {
				n++
			}
		}
	}
	return n
}

func (l *Line) over(p *policy, now time.Duration) bool {
	p.settle(p.running, l.terms.Budget, now)
	return p.spent
}

// forgotten is how long somebody is remembered who asks nothing; more than it takes to have a budget again.
const forgotten = 10 * time.Minute

// sweep forgets, now and then, who has not asked for long.
func (l *Line) sweep(now time.Duration) {
	if now-l.swept < time.Minute {
		return
	}
	l.swept = now
	for name, n := range l.namespaces {
		for key, p := range n.policies {
			if p.idle(now) {
				delete(n.policies, key)
			}
		}
		if len(n.policies) == 0 {
			delete(l.namespaces, name)
		}
	}
}

// share is what somebody has had of the server's time, of which all turns under way count.
type share struct {
	used             time.Duration
	seen             time.Duration // when used was so
	running, waiting int
	last             uint64 // when it was served last
}

func (s *share) at(now time.Duration) time.Duration {
	return s.used + time.Duration(s.running)*(now-s.seen)
}

func (s *share) advance(now time.Duration) { s.used, s.seen = s.at(now), now }

func (s *share) join(clock, now time.Duration) {
	s.advance(now)
	if s.running+s.waiting == 0 {
		s.used = max(s.used, clock)
	}
	s.waiting++
}

func (s *share) leave(now time.Duration) {
	s.advance(now)
	s.waiting--
}

func (s *share) begin(now time.Duration, served uint64) {
	s.leave(now)
	s.running++
	s.last = served
}

func (s *share) end(now time.Duration) {
	s.advance(now)
	s.running--
}

func (s *share) idle(now time.Duration) bool {
	return s.running+s.waiting == 0 && now-s.seen >= forgotten
}

// compare puts who has had less first, then who has not been served for longer.
func (s *share) compare(other share, now time.Duration, name, otherName string) int {
	return cmp.Or(cmp.Compare(s.at(now), other.at(now)), cmp.Compare(s.last, other.last), cmp.Compare(name, otherName))
}

// account is a policy's budget: what it owes, which a budget's worth is forgiven of per minute. Once it owes
// all of one it is spent until it owes nothing.
type account struct {
	owed, settled time.Duration
	spent         bool
}

func (a *account) settle(running int, budget, now time.Duration) {
	passed := now - a.settled
	a.settled = now
	if budget <= 0 {
		return
	}
	forgiven := time.Duration(float64(budget) * passed.Minutes())
	a.owed = min(budget, max(0, a.owed+time.Duration(running)*passed-forgiven))
	switch a.owed {
	case budget:
		a.spent = true
	case 0:
		a.spent = false
	}
}
