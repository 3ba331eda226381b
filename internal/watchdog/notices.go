package watchdog

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// clearFor is how long what a notice speaks of must be well before its incident is over: what comes and
// goes is one incident.
const clearFor = signal.Duration(30 * 60e9)

// notice is one thing that may be wrong with one policy.
type notice struct {
	policy Key
	code   release.Code
}

// notices are the incidents of policies themselves. They are kept in the policies' ledgers; where those
// can't be written, what stands here is told all the same.
type notices struct {
	mu    sync.Mutex
	of    map[Key]release.Notices
	sinks map[Key][]string          // whom a policy tells
	well  map[notice]signal.Instant // since when what is open has been well
}

// meet takes over what a policy's ledger remembers from before this process, and whom it tells.
func (n *notices) meet(p Policy) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.of[p.Key]; !known && !p.Gone {
		n.of[p.Key] = p.Ledger.Notices
	}
	if p.Plan != nil {
		n.sinks[p.Key] = p.Plan.Notify
	}
}

// now gives the incidents of a policy; those of its ledger where it was not met yet.
func (n *notices) now(k Key, ledger release.Ledger) release.Notices {
	n.mu.Lock()
	defer n.mu.Unlock()
	if of, known := n.of[k]; known {
		return of
	}
	return ledger.Notices
}

// raise opens an incident of a policy.
func (n *notices) raise(k Key, code release.Code, severity release.Severity, text string, at signal.Instant) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.well, notice{k, code})
	n.of[k] = n.of[k].Raise(code, severity, text, at)
}

// delivered keeps what a sink was told.
func (n *notices) delivered(k Key, o release.Outcome) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[k] = n.of[k].Delivered(o)
}

// resolve closes it once it has been well for long enough, and tells how long it is until then; 0 where
// nothing is open any more.
func (n *notices) resolve(k Key, code release.Code, at signal.Instant) (left signal.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	this := notice{k, code}
	if !n.of[k].Open(code) {
		delete(n.well, this)
		return 0
	}
	if _, well := n.well[this]; !well {
		n.well[this] = at
	}
	if left = clearFor - at.Sub(n.well[this]); left > 0 {
		return left
	}
	n.of[k] = n.of[k].Resolve(code, at)
	return 0
}

// end closes all incidents of a policy that is gone, and forgets it once everybody was told.
func (n *notices) end(k Key, all map[string]bool, at signal.Instant) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, in := range n.of[k].Incidents {
		n.of[k] = n.of[k].Resolve(in.Code, at)
	}
	maps.DeleteFunc(n.well, func(w notice, _ signal.Instant) bool { return w.policy == k })
	if len(n.owedOf(k, all)) == 0 {
		delete(n.of, k)
		delete(n.sinks, k)
	}
}

// owed gives what the policy's sinks have not been told; where nobody knows whom it tells, all that its namespace may have told are.
func (n *notices) owed(k Key, all map[string]bool) []release.Action {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owedOf(k, all)
}

func (n *notices) owedOf(k Key, all map[string]bool) []release.Action {
	names, known := n.sinks[k]
	if !known {
		names = slices.Sorted(maps.Keys(all))
	}
	return n.of[k].Owed(k.Namespace, k.Name, sinks(names, all))
}

// raise tells people of something that no release can carry, once; it is over when resolve has been
// called for half an hour and raise has not.
func (d *Daemon) raise(k Key, code release.Code, severity release.Severity, text string) {
	d.notices.raise(k, code, severity, text, d.now())
	d.postNotices(k)
}

// resolve says that it is well now. A policy with nothing else to do is looked at again in time.
func (d *Daemon) resolve(k Key, code release.Code) {
	if left := d.notices.resolve(k, code, d.now()); left > 0 {
		d.policies.AddAfter(k, left.D())
	}
	d.postNotices(k)
}

// meetPolicy takes over what is known of a policy's own incidents, and ends those of one that is gone.
func (d *Daemon) meetPolicy(p Policy) {
	d.notices.meet(p)
	if p.Gone {
		d.notices.end(p.Key, d.settings().sinksOf(p.Key.Namespace), d.now())
	}
	d.postNotices(p.Key)
}

func (d *Daemon) postNotices(k Key) {
	for _, a := range d.notices.owed(k, d.settings().sinksOf(k.Namespace)) {
		d.letters.Add(letter{policy: k, sink: a.Sink})
	}
}

// writeNotices delivers what one sink has not been told of a policy itself. The first failure stops it.
func (d *Daemon) writeNotices(ctx context.Context, l letter) {
	m := Message{Sink: l.sink, Record: Record{Namespace: l.policy.Namespace, Spec: release.Spec{Policy: l.policy.Name}}}
	for _, a := range d.notices.owed(l.policy, d.settings().sinksOf(l.policy.Namespace)) {
		if a.Sink != l.sink {
			continue
		}
		m.Action = a
		if !d.send(ctx, l, m, func(o release.Outcome) { d.notices.delivered(l.policy, o) }) {
			return
		}
		d.policies.Add(l.policy)
	}
}

// saveLedger writes a policy's status, with the incidents of its own.
func (d *Daemon) saveLedger(ctx context.Context, p Policy, ledger release.Ledger, problems []Problem) error {
	ledger.Notices = d.notices.now(p.Key, p.Ledger)
	return d.SaveLedger(ctx, p, ledger, problems)
}
