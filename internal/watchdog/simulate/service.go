package simulate

import (
	"time"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// The slots.
const (
	Blue  = "blue"
	Green = "green"
)

// Service is a blue/green service with its policy and releases.
type Service struct {
	w   *World
	key watchdog.Key

	slots    map[string]*history[deployment]
	vs       history[routing]
	quality  map[string]*history[Quality]
	alerts   map[string]*history[bool]
	doubted  bool
	troubles release.Troubles
	full     map[string]signal.Number
	health   map[string]health
	policy   history[policy]
	releases map[string]*history[object]

	histograms Buckets
	measured   Measured
	kept       Measured
	overlaps   Overlaps
	problems   []watchdog.Problem // what the policy's status says
	panics     map[string]bool    // at which edges greenwatch panics

	// Rate is all requests per second, Probes what reaches each slot without any share.
	Rate, Probes float64
	// Source is what keeps the VirtualService, if anything does.
	Source string
	// Warm is how long a pod takes to become ready.
	Warm time.Duration

	begun   map[string]bool // releases that the ledger has known
	moves   map[string]int  // how often greenwatch set weights, by release
	turns   map[string]int  // the same, by ladder
	movedAt map[string]time.Time
	refused int
	looks   map[int64]int // per minute
	writes  int
}

// policy is the WatchPolicy's object at one moment.
type policy struct {
	plan    *release.Plan
	gone    bool
	ledger  release.Ledger
	version int
}

// object is a Release's object at one moment.
type object struct {
	spec    release.Spec
	state   release.State
	active  bool
	version int
}

// Add adds a service to namespace production that runs revision blue-1 in blue, with all the traffic, and
// green-0 in green.
func (w *World) Add(name string, plan *release.Plan) *Service {
	return w.AddTo("production", name, plan)
}

// AddTo adds a service to a namespace. Its name must be the only one in all of them.
func (w *World) AddTo(namespace, name string, plan *release.Plan) *Service {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &Service{w: w, key: watchdog.Key{Namespace: namespace, Name: name},
		slots: map[string]*history[deployment]{Blue: {}, Green: {}}, quality: map[string]*history[Quality]{}, alerts: map[string]*history[bool]{}, full: map[string]signal.Number{},
		releases: map[string]*history[object]{}, Rate: 20, Probes: 0.2, Warm: 20 * time.Second,
		begun: map[string]bool{}, moves: map[string]int{}, turns: map[string]int{}, movedAt: map[string]time.Time{}, looks: map[int64]int{}}
	plan.Namespace, plan.Policy = s.key.Namespace, name
	for i := range plan.Slots {
		plan.Slots[i].Deployment = name
	}
	now := time.Now()
	long := now.Add(-24 * time.Hour)
	for slot, revision := range map[string]string{Blue: "blue-1", Green: "green-0"} {
		d := deployment{revision: revision, since: long}
		s.slots[slot].put(long, d.scaled(3, long, 0))
	}
	s.vs.put(long, routing{shares: map[string]float64{Blue: 1, Green: 0}, writer: "pipeline"})
	s.policy.put(long, policy{plan: plan})
	w.services[s.key] = s
	w.keys = append(w.keys, s.key)
	if w.proms[plan.Prometheus] == nil {
		w.proms[plan.Prometheus] = &prometheus{scrape: 5 * time.Second}
	}
	s.wakeAt(0)
	return s
}

// change changes something in the cluster and lets the daemon know once its caches do.
func (s *Service) change(do func(now time.Time)) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	do(time.Now())
	s.wakeAt(0)
}

// wakeAt wakes the daemon for this service some time from now, and as much later as the caches lag.
func (s *Service) wakeAt(in time.Duration) {
	if in < 0 {
		return
	}
	time.AfterFunc(in+s.w.lag+time.Millisecond, func() { s.w.wake(s.key) })
	if more := s.w.stale.most(); more > 0 {
		time.AfterFunc(in+s.w.lag+more+time.Millisecond, func() { s.w.wake(s.key) })
	}
}

// Edit edits the policy.
func (s *Service) Edit(edit func(*release.Plan)) {
	s.change(func(now time.Time) {
		p := s.policy.live()
		p.plan = p.plan.DeepCopy()
		edit(p.plan)
		p.plan.Generation++
		p.version++
		s.policy.put(now, p)
	})
}

// Remove deletes the policy.
func (s *Service) Remove() {
	s.change(func(now time.Time) {
		p := s.policy.live()
		p.gone, p.plan, p.ledger = true, nil, release.Ledger{}
		p.version++
		s.policy.put(now, p)
	})
}

// Restore makes the policy again after it was deleted.
func (s *Service) Restore(plan *release.Plan) {
	s.change(func(now time.Time) {
		p := s.policy.live()
		plan.Namespace, plan.Policy = s.key.Namespace, s.key.Name
		for i := range plan.Slots {
			plan.Slots[i].Deployment = s.key.Name
		}
		p.gone, p.plan = false, plan
		p.version++
		s.policy.put(now, p)
	})
}

// Say writes a person's word on a release, if there is such a release.
func (s *Service) Say(number int64, say func(*release.People)) bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	h, ok := s.releases[s.releaseName(number)]
	if !ok {
		return false
	}
	o := h.live()
	o.spec = *o.spec.DeepCopy()
	say(&o.spec.People)
	o.version++
	h.put(time.Now(), o)
	s.wakeAt(0)
	return true
}

func (s *Service) releaseName(number int64) string {
	return release.Spec{Policy: s.key.Name, Number: number}.Name()
}

// Release gives a release as it is now.
func (s *Service) Release(number int64) (release.Spec, release.State, bool) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	h, ok := s.releases[s.releaseName(number)]
	if !ok {
		return release.Spec{}, release.State{}, false
	}
	o := h.live()
	return o.spec, *o.state.DeepCopy(), true
}

// Phase gives a release's phase, or nothing where there is no such release.
func (s *Service) Phase(number int64) release.Phase {
	_, state, _ := s.Release(number)
	return state.Phase
}

// Moves is how often greenwatch set weights for a release.
func (s *Service) Moves(number int64) int {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.moves[s.releaseName(number)]
}

// MovedAt is when greenwatch set weights for a release, last; zero if it never did.
func (s *Service) MovedAt(number int64) time.Time {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.movedAt[s.releaseName(number)]
}

// Looks is how often the daemon looked at the policy so far.
func (s *Service) Looks() int {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	n := 0
	for _, m := range s.looks {
		n += m
	}
	return n
}

// Known tells whether the daemon has taken what runs as accepted.
func (s *Service) Known() bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return len(s.policy.live().ledger.Accepted) > 0
}

// Writes is how often the daemon wrote to the store for this service.
func (s *Service) Writes() int {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.writes
}

const (
	second = signal.Duration(time.Second)
	minute = signal.Duration(time.Minute)
	hour   = signal.Duration(time.Hour)
)

func num(f float64) *signal.Number {
	n := signal.Number(f)
	return &n
}

// rows is a matrix of three signals; the bounds last as long as they are told.
func rows(rollback, consider signal.Duration) []judge.Row {
	return []judge.Row{
		{Signal: "errors", Kind: signal.Ratio, Unit: "%", Required: true, SLO: &judge.SLO{Than: judge.Below, Value: 0.001}, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: num(0.05)}, For: rollback},
			{Tier: judge.Consider, Bound: judge.Bound{Above: num(0.01)}, For: consider},
			{Tier: judge.Consider, Bound: judge.Bound{Above: num(0.02)}, Canary: true},
			{Tier: judge.Investigate, Bound: judge.Bound{Above: num(0.005)}},
		}},
		{Signal: "latency", Kind: signal.Quantile, Unit: "seconds", SLO: &judge.SLO{Than: judge.Below, Value: 0.1}, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Above: num(1)}, For: rollback},
			{Tier: judge.Investigate, Bound: judge.Bound{Above: num(0.1)}},
		}},
		{Signal: "available", Kind: signal.Kubernetes, Cells: []judge.Cell{
			{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}},
		}},
	}
}

// selector says which service and which slot a question is about: the Deployments of a service share
// its policy's name here.
const selector = "${namespace}/${deployment}/${slot}"

// questions are what the rows are measured by.
func questions() []release.Question {
	return []release.Question{
		{Signal: "errors", Kind: signal.Ratio, Metric: "requests", Match: selector, Part: "5xx"},
		{Signal: "latency", Kind: signal.Quantile, Metric: "seconds", Match: selector, Q: 0.99},
		{Signal: "available", Kind: signal.Kubernetes},
	}
}

func plan(m judge.Matrix, s schedule.Schedule, guard signal.Duration, l release.Limits) *release.Plan {
	q := questions()
	return &release.Plan{Generation: 1, Mode: release.Enforce, VirtualService: "service", Prometheus: "main",
		Slots:    []release.Slot{{Name: Blue, Deployment: "service-blue", Host: "blue"}, {Name: Green, Deployment: "service-green", Host: "green"}},
		Requests: &q[0], Schedule: s, GuardEvery: guard, Matrix: m, Questions: q, Notify: []string{"oncall", "chat"}, Limits: l, HistoryLimit: 50}
}

// Probed lets a policy ask the health endpoint of each slot, too.
func Probed(p *release.Plan) {
	q := release.Question{Signal: "health", Kind: signal.Probe, URL: selector}
	p.Questions = append(p.Questions, q)
	p.Matrix.Rows = append(p.Matrix.Rows, judge.Row{Signal: q.Signal, Kind: q.Kind, Cells: []judge.Cell{{Tier: judge.Consider, Bound: judge.Bound{Above: num(0)}, For: minute}}})
}

// Week is a policy with the default times: seven days, 64 checks.
func Week() *release.Plan {
	return plan(judge.Matrix{Bin: minute, UnavailableFor: 30 * second, Requests: "errors", Rows: rows(5*minute, 10*minute)},
		schedule.Default(), 15*second, release.Limits{Settle: 30 * second, WatchStableFor: 5 * minute, EpisodeClear: 30 * minute,
			ReassertWithin: 2 * minute, AutomaticFor: 24 * hour, ProofWithin: 5 * minute, KeepCandidateFor: hour, KeepStableFor: 24 * hour})
}

// Brief is a policy whose week lasts ten minutes, with 8 checks.
func Brief() *release.Plan {
	return plan(judge.Matrix{Bin: 10 * second, UnavailableFor: 20 * second, Requests: "errors", Rows: rows(30*second, minute)},
		schedule.Schedule{{Name: "active", Until: 3 * minute, Every: 30 * second}, {Name: "enhanced", Until: 9 * minute, Every: 3 * minute}},
		10*second, release.Limits{Settle: 10 * second, WatchStableFor: 30 * second, EpisodeClear: minute,
			ReassertWithin: minute, AutomaticFor: 24 * hour, ProofWithin: 2 * minute, KeepCandidateFor: minute, KeepStableFor: 24 * hour})
}

// Panic lets calls of an edge (Observe, Save or Read) panic for this service, until it is taken back.
func (s *Service) Panic(edge string, does bool) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.panics == nil {
		s.panics = map[string]bool{}
	}
	s.panics[edge] = does
}

func (s *Service) panicsAt(edge string) {
	s.w.mu.Lock()
	does := s.panics[edge]
	s.w.mu.Unlock()
	if does {
		panic("index out of range in " + edge)
	}
}
