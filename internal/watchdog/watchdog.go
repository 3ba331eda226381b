// Package watchdog is the shell around the pure core: it observes, advances, saves if the state
// differs, performs what is pending, and feeds the outcome back.
//
// One work queue with delayed adds holds the policies that want a look; a wake-up that comes early
// does no harm, since what is due is computed anew from the saved state. Delivery to people has a
// queue of its own, so that a slow sink never holds up a rollback.
//
// The world is seen through the functions in Edges. The package decides nothing: what a release does
// next is said by package release, and what readings mean by package judge.
package watchdog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Key names a policy.
type Key struct{ Namespace, Name string }

// String gives namespace/name.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Policy is a WatchPolicy as it was last seen.
type Policy struct {
	Key Key
	// Gone is whether it does not exist any more.
	Gone bool
	// Plan is nil where the policy is not valid; Problems say why then.
	Plan       *release.Plan
	Problems   []Problem
	Generation int64
	Ledger     release.Ledger
	// Overspent is whether its status says that it has used up its budget of Prometheus' time.
	Overspent bool
	// Unmeasured is what its status says of signals that were never measured, if any.
	Unmeasured string
	// HistoryShort is what its status says of a Prometheus that keeps too little, if anything.
	HistoryShort string
	// Handle is the store's own: what it needs to save the ledger.
	Handle any
}

// Problem is what keeps a policy from being obeyed, for its Ready condition.
type Problem struct{ Reason, Message string }

// Record is a release as it is stored.
type Record struct {
	Namespace string
	Spec      release.Spec
	State     release.State
	// Handle is the store's own: what it needs to fence the next write.
	Handle any
}

// Name gives namespace/name.
func (r Record) Name() string { return r.Namespace + "/" + r.Spec.Name() }

// Sight is an observation of what a plan names.
type Sight struct {
	World    release.World
	Routes   []release.RouteMemory
	Problems []Problem
}

// Span is a row of consecutive bins, ended at To.
type Span struct {
	From, To signal.Instant
	Bin      signal.Duration
}

// last is the newest bin alone.
func (s Span) last() Span { return Span{From: s.To.Add(-s.Bin), To: s.To, Bin: s.Bin} }

// Freshness is up to when a Prometheus has samples, and how dense they are.
type Freshness struct {
	At       signal.Instant
	Interval signal.Duration
	Cause    signal.Cause
	Detail   string
}

// ErrConflict is what Save and SaveLedger give when somebody wrote in between: read and decide again.
var ErrConflict = errors.New("changed in between")

// ErrTaken is what Create gives when another release has the name, and ErrRefused what Create and Save give when
// trying again is no use: the API server finds something wrong with what is written, or forbids it.
var (
	ErrTaken   = errors.New("another release has that name")
	ErrRefused = errors.New("refused for good")
)

// Asker says who asks which Prometheus, and how much hangs on the answer.
type Asker struct {
	Prometheus string
	Policy     Key
	Class      signal.Class
}

// Edges are the daemon's ways to the world.
type Edges struct {
	// Policy gives a policy from the cache.
	Policy func(ctx context.Context, k Key) (Policy, error)
	// Fresh gives the policy with its ledger as the API server has it now.
	Fresh func(ctx context.Context, p Policy) (Policy, error)
	// Releases gives a policy's active releases; live ones are read from the API server.
	Releases func(ctx context.Context, k Key, live bool) ([]Record, error)
	// Active gives all active releases from the cache.
	Active func() []Record
	// Ledgers gives all policies' ledgers from the cache.
	Ledgers func() map[Key]release.Ledger
	// Fleet gives all active releases and all policies' ledgers as the API server has them now.
	Fleet func(ctx context.Context) ([]Record, map[Key]release.Ledger, error)
	// Observe looks at the slots and the routes.
	Observe func(ctx context.Context, plan *release.Plan, memory []release.RouteMemory, live bool) (Sight, error)
	// Leads tells what is wrong with where a slot's destination leads; empty where nothing is, or nobody can tell. It
	// may be nil.
	Leads func(ctx context.Context, namespace string, slot release.Slot, live bool) (wrong string)
	// Unready fills in since when slots have had no ready replica; a tick of the guard counts.
	Unready func(k Key, w *release.World, now signal.Instant, tick bool)
	// Befallen tells what has befallen the pods of a Deployment's revision since a moment, until now.
	Befallen func(ctx context.Context, namespace, deployment, revision string, since, now signal.Instant) (release.Troubles, error)
	// Probe asks a health endpoint of a policy's namespace how many components fail, and which; an error is that
	// nothing answers. It may be nil: then what an endpoint would say is unknown.
	Probe func(ctx context.Context, namespace string, a signal.Ask) (failing int, text string, err error)
	// Reclaim reads a release that the list lacks by its number, and gives it its labels back if it is not over;
	// open is false where it is, or is not there.
	Reclaim func(ctx context.Context, k Key, number int64) (r Record, open bool, err error)
	// LastNumber gives the greatest number of all releases that are, or seem, a policy's; 0 where there is none.
	LastNumber func(ctx context.Context, k Key) (int64, error)
	// Create makes a release; one that is there already with the same identity is given as it is.
	Create func(ctx context.Context, r Record) (Record, error)
	// Save writes what differs, fenced by the record's handle.
	Save func(ctx context.Context, old, next Record) (Record, error)
	// SaveLedger writes a policy's status if it differs.
	SaveLedger func(ctx context.Context, p Policy, l release.Ledger, problems []Problem) error
	// Prune deletes the oldest ended releases beyond the limit.
	Prune func(ctx context.Context, k Key, limit int) error
	// Perform changes the cluster, after checking the precondition live.
	Perform func(ctx context.Context, namespace string, a release.Action) (release.Result, string)
	// Read asks a Prometheus, in bins; Newest how fresh it is.
	Read   func(ctx context.Context, by Asker, asks []signal.Ask, s Span) []signal.Reading
	Newest func(ctx context.Context, by Asker, asks []signal.Ask, now signal.Instant) Freshness
	// Now reads the machine's clock, which may be wrong and may be set; nil is time.Now.
	Now func() time.Time
	// Clock asks a Prometheus for its own time; it may be nil: then its clock is taken to agree with the daemon's.
	Clock func(ctx context.Context, prometheus string) (time.Time, error)
	// Buckets asks it where the buckets of histograms end; SaveBuckets writes into a policy's status which of
	// its bounds they can show, if that differs.
	Buckets     func(ctx context.Context, by Asker, asks []signal.Ask, now signal.Instant) []signal.Buckets
	SaveBuckets func(ctx context.Context, p Policy, seen []signal.Buckets) error
	// Overlaps says of which questions the other slot's selector, their Beside, takes some of the same series. It may be nil.
	Overlaps func(ctx context.Context, by Asker, asks []signal.Ask, now signal.Instant) (texts []string, err error)
	// Overspent tells whether a policy has used up its budget of a Prometheus' time, and SaveBudget writes that
	// into its status. Without them there is no budget.
	Overspent  func(by Asker) bool
	SaveBudget func(ctx context.Context, p Policy, spent bool) error
	// SaveMeasured writes into a policy's status which signals were never measured; none is empty. It may be nil.
	SaveMeasured func(ctx context.Context, p Policy, never string) error
	// History asks it whether it keeps samples for less long than need: short says how long then, known is false where it
	// does not tell, and an error is that it does not answer. SaveHistory writes that into a policy's status, empty is that
	// it keeps enough. They may be nil.
	History     func(ctx context.Context, by Asker, need signal.Duration, now signal.Instant) (short string, known bool, err error)
	SaveHistory func(ctx context.Context, p Policy, short string) error
	// Send delivers one message and gives what the sink wants remembered. How long to wait before
	// another try, and whether to try at all, are the sink's to say.
	Send func(ctx context.Context, m Message) (ref string, err error)
	// Retry says what follows from a failed delivery.
	Retry func(m Message, attempt int, err error) Retry
	// Say tells Kubernetes' events and the log what changed between two states.
	Say func(r Record, old release.State)
}

// Retry is what follows from a failed delivery: another try after Wait, unless Again is false, since it is no use.
type Retry struct {
	Wait  time.Duration
	Again bool
	// Refusal is what is held against the sink itself, its key, its channel, rather than against the message; "" where
	// nothing is. Renewed says when that may be mended.
	Refusal string
}

// Message is one thing to tell to one sink.
type Message struct {
	Sink   string
	Action release.Action
	// Record is the release as it was saved. For a message about a policy itself it has the policy's name and no
	// number; for one about the daemon itself it is empty.
	Record Record
}

// Settings are what the daemon's file says; they may change while it runs.
type Settings struct {
	Mode        release.Mode
	Breaker     release.Breaker
	BlindFor    signal.Duration
	PageExpires signal.Duration
	// PagesPerHour is the budget of a policy's pages; 0: none.
	PagesPerHour int
	// Sinks are all sinks by name; true are pagers. SinksOnlyFor are the namespaces that some of them are for; the
	// others are for all.
	Sinks        map[string]bool
	SinksOnlyFor map[string][]string
}

// sinksOf gives the sinks that a namespace may have told. What a release's status names is not to be trusted with it:
// other people may have written that.
func (s Settings) sinksOf(namespace string) map[string]bool {
	all := maps.Clone(s.Sinks)
	maps.DeleteFunc(all, func(name string, _ bool) bool {
		only, reserved := s.SinksOnlyFor[name]
		return reserved && !slices.Contains(only, namespace)
	})
	return all
}

// Meter is where the daemon counts what it does.
type Meter interface {
	Guarded(tier judge.Tier, blind signal.Cause, forHowLong signal.Duration)
	Checked(tier judge.Tier, late bool)
	Advanced(old, next release.State)
	Delivered(sink, outcome string)
	// Refuses sets whether a sink refuses whatever greenwatch sends.
	Refuses(sink string, is bool)
	Skewed(prometheus string, ahead time.Duration)
	// Panicked counts a panic that was caught: at a look or at a delivery.
	Panicked(at string)
	// Broke counts an invariant that a state to be saved, or a deed, would have broken.
	Broke(i release.Invariant)
}

// Options are what a Daemon is made of.
type Options struct {
	Edges    Edges
	Settings func() Settings
	Meter    Meter
	Log      *zap.Logger
	// Workers is how many policies are looked at side by side.
	Workers int
}
