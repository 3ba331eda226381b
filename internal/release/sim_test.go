package release_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	t0    = signal.Instant(1_700_000_000)
	blue  = "blue"
	green = "green"
)

func dur(d time.Duration) signal.Duration { return signal.Duration(d) }

func above(n signal.Number) judge.Bound { return judge.Bound{Above: &n} }

// thePlan is the checklist's policy, cut down to two signals.
func thePlan() *release.Plan {
	return &release.Plan{
		Namespace: "production", Policy: "kb", Generation: 3, Mode: release.Enforce, VirtualService: "kb", Prometheus: "main",
		Slots:    []release.Slot{{Name: blue, Deployment: "kb-blue", Host: "kb-blue"}, {Name: green, Deployment: "kb-green", Host: "kb-green"}},
		Requests: &release.Question{Signal: "requests", Kind: signal.Ratio, Metric: "http_requests_total", Match: `deployment="${slot}"`},
		Schedule: schedule.Default(), GuardEvery: dur(15 * time.Second), Notify: []string{"oncall", "deployments"},
		Matrix: judge.Matrix{Bin: dur(time.Minute), UnavailableFor: dur(30 * time.Second), Requests: "error-rate", Rows: []judge.Row{
			{Signal: "error-rate", Kind: signal.Ratio, Required: true, Cells: []judge.Cell{
				{Tier: judge.Rollback, Bound: above(0.05), For: dur(4 * time.Minute)},
				{Tier: judge.Consider, Bound: above(0.01), For: dur(9 * time.Minute)},
				{Tier: judge.Investigate, Bound: above(0.001)},
			}},
			{Signal: "availability", Kind: signal.Kubernetes, Required: true, Cells: []judge.Cell{{Tier: judge.Rollback, Bound: judge.Bound{Unavailable: true}}}},
		}},
		Questions: []release.Question{{Signal: "error-rate", Kind: signal.Ratio, Metric: "http_requests_total", Match: `deployment="${slot}"`, Part: `status=~"5.."`}},
		Limits: release.Limits{Settle: dur(30 * time.Second), WatchStableFor: dur(5 * time.Minute), EpisodeClear: dur(30 * time.Minute),
			ReassertWithin: dur(2 * time.Minute), AutomaticFor: dur(24 * time.Hour), ProofWithin: dur(5 * time.Minute),
			KeepCandidateFor: dur(time.Hour), KeepStableFor: dur(24 * time.Hour)},
	}
}

// trouble is a stretch in which a share of a slot's requests fails.
type trouble struct {
	slot     string
	from, to time.Duration
	share    float64
}

// sim plays one release: a scripted world around the real Advance, Pending, Need and Wake.
type sim struct {
	// compared is what of blue the guard compares with, if anything.
	compared judge.Against
	t        *testing.T
	now      signal.Instant
	plan     *release.Plan
	invalid  string
	mode     release.Mode
	spec     release.Spec
	state    release.State
	world    release.World
	newer    []release.Newer
	replaced bool // the policy knows green's slot to hold something else
	fleet    []release.Rollback
	perHour  int            // the budget of pages
	pages    []release.Page // of the policy's other releases
	guard    func(*judge.Verdict)
	last     *judge.Verdict // what stable served last, where it has no traffic
	breaker  release.Breaker
	troubles []trouble
	blind    map[string]signal.Cause // by slot: nothing can be read
	sticky   bool                    // requests go on reaching the candidate
	warmUp   time.Duration           // how long new replicas take; negative: they never get ready
	dead     map[string]bool         // sinks that can't be reached
	away     bool                    // no milestone can be measured
	missed   bool                    // the SLO is missed
	attempts int                     // to make a milestone
	perform  map[release.Deed]func(release.Action) (release.Result, string)
	script   []event
	outcomes []release.Outcome // fed to every call, again and again
	tick     int64
	before   func(release.Action) // called before each deed
	forged   bool                 // the status is not greenwatch's own, and may break invariants
	schema   schema               // of a Release's status
	calls    int
	changes  int
	log      []string
}

type event struct {
	at time.Duration
	do func(*sim)
}

// newSim has the candidate, green, rolled out without traffic; stable, blue, has it all.
func newSim(t *testing.T) *sim {
	t.Helper()
	s := &sim{t: t, schema: statusSchema(t), now: t0, plan: thePlan(), mode: release.Enforce, tick: -1, warmUp: 40 * time.Second,
		breaker: release.Breaker{Namespaces: 3, Rollbacks: 3, Within: dur(10 * time.Minute)},
		blind:   map[string]signal.Cause{}, dead: map[string]bool{}, perform: map[release.Deed]func(release.Action) (release.Result, string){},
		spec: release.Spec{Policy: "kb", Number: 7, FirstSeen: t0,
			Candidate: release.Side{Slot: green, Revision: "g2", Version: "2.0", Replicas: 3},
			Stable:    release.Side{Slot: blue, Revision: "b1", Version: "1.9", Replicas: 3}},
		world: release.World{Live: true, Writer: "deployer", Slots: []release.SlotView{running(blue, "b1", 3), running(green, "g2", 3)},
			Routes: []release.RouteView{{Key: "main", Shares: map[string]float64{blue: 1, green: 0}}}},
	}
	return s
}

func running(slot, revision string, n int32) release.SlotView {
	return release.SlotView{Slot: slot, Found: true, Revision: revision, Version: revision, Wanted: n, Ready: n, Updated: n, Pods: n, RolledOut: true}
}

// at adds to the script.
func (s *sim) at(d time.Duration, do func(*sim)) *sim {
	s.script = append(s.script, event{d, do})
	slices.SortStableFunc(s.script, func(a, b event) int { return int(a.at - b.at) })
	return s
}

// shares gives the candidate a share, by a field manager.
func shares(candidate float64, by string) func(*sim) {
	return func(s *sim) {
		for i := range s.world.Routes {
			s.world.Routes[i].Shares = map[string]float64{green: candidate, blue: 1 - candidate}
		}
		s.world.Writer = by
	}
}

var cutover = shares(1, "deployer")

// errors makes a share of a slot's requests fail from one time to another.
func (s *sim) errors(slot string, from, to time.Duration, share float64) *sim {
	s.troubles = append(s.troubles, trouble{slot, from, to, share})
	return s
}

func (s *sim) slot(name string) *release.SlotView {
	for i := range s.world.Slots {
		if s.world.Slots[i].Slot == name {
			return &s.world.Slots[i]
		}
	}
	s.t.Fatalf("no slot %s", name)
	return nil
}

func ready(slot string, wanted, ready int32) func(*sim) {
	return func(s *sim) { v := s.slot(slot); v.Wanted, v.Ready = wanted, ready }
}

func revision(slot, rev string) func(*sim) { return func(s *sim) { s.slot(slot).Revision = rev } }

// rolledBack gives automatic rollbacks of other releases, decided so many seconds after the start.
func rolledBack(namespace string, seconds ...signal.Instant) []release.Rollback {
	var out []release.Rollback
	for _, at := range seconds {
		out = append(out, release.Rollback{Namespace: namespace, Decided: t0 + at})
	}
	return out
}

// threeNamespaces have a rollback each, the last at 20m.
func threeNamespaces() []release.Rollback {
	return slices.Concat(rolledBack("a", 1000), rolledBack("b", 1100), rolledBack("c", 1200))
}

func hold(until time.Duration) func(*sim) {
	return func(s *sim) {
		s.spec.People.Hold = &release.Hold{By: "ann", Reason: "looking", Until: t0.Add(dur(until))}
	}
}

func decision(c release.Choice, by string) func(*sim) {
	return func(s *sim) {
		s.spec.People.Decision = &release.Decision{Choice: c, By: by, Reason: "said so"}
	}
}

func (s *sim) since() time.Duration { return s.now.Sub(t0).D() }

func (s *sim) say(format string, args ...any) {
	s.log = append(s.log, s.since().String()+" "+fmt.Sprintf(format, args...))
}

// until plays until the given time after the start.
func (s *sim) until(end time.Duration) *sim {
	s.t.Helper()
	for s.since() <= end {
		for len(s.script) > 0 && s.script[0].at <= s.since() {
			do := s.script[0].do
			s.script = s.script[1:]
			do(s)
		}
		s.look()
		next := t0.Add(dur(end)) + 1
		if wake := release.Wake(s.state, s.plan, s.now); !wake.IsZero() {
			if wake <= s.now {
				s.t.Fatalf("%s: wants to wake at %s, which is not later", s.since(), wake)
			}
			next = min(next, wake)
		}
		if len(s.script) > 0 {
			next = min(next, t0.Add(dur(s.script[0].at)))
		}
		s.now = max(s.now+1, next)
	}
	s.now = t0.Add(dur(end))
	return s
}

// look is what the shell does at one wake: rounds, until nothing more is to be done now.
func (s *sim) look() {
	s.t.Helper()
	for range 8 {
		before := s.state
		o := s.observe()
		s.advance(o)
		done := s.act(o)
		if !done && (release.Same(before, s.state) || s.state.Ladder == nil) {
			return
		}
	}
}

func (s *sim) observe() release.Observed {
	o := release.Observed{Now: s.now, Namespace: "production", Spec: s.spec, Plan: s.plan, Invalid: s.invalid, Mode: s.mode, World: s.world,
		Newer: s.newer, Replaced: s.replaced, Fleet: release.Fleet{Rollbacks: s.fleet}, Sinks: []release.Sink{{Name: "oncall", Pages: true}, {Name: "deployments"}},
		BlindFor: dur(15 * time.Minute), Breaker: s.breaker, PagesPerHour: s.perHour, Pages: s.pages, Outcomes: s.outcomes}
	o.World.Slots = slices.Clone(s.world.Slots)
	plan := s.plan
	if l := s.state.Ladder; l != nil && l.Step != release.Done {
		plan = &l.Plan
	}
	need := release.Need(s.state, s.spec.People, s.plan, s.now, s.tick)
	if need.Guard {
		v := s.judge(plan, green, need.Consider)
		o.Guard, o.GuardConsider = &v, need.Consider
		if s.guard != nil {
			s.guard(o.Guard)
			o.GuardConsider = true
		}
		s.tick = release.Tick(s.state, plan, s.now)
		if v.Tier == judge.Rollback && s.world.Most(blue) > 0 {
			v := s.judge(plan, blue, false)
			o.Stable = &v
		} else if v.Tier == judge.Rollback {
			o.StableLast = s.last
		}
	}
	if need.Stable {
		v := s.judge(plan, blue, false)
		o.Stable = &v
		s.tick = release.Tick(s.state, plan, s.now)
	}
	if need.Before {
		n := signal.Number(0.1)
		o.Before = &n
	}
	if need.Traffic {
		o.Traffic = s.traffic()
	}
	if c, ok := s.state.Grid.Check(s.state.Cutover, int(s.state.Checks)+1); need.Check && ok {
		o.Check = &release.CheckVerdict{Check: c, Late: s.now > c.At.Add(dur(time.Minute)), Verdict: s.check(c)}
	}
	if c, due := release.DueMilestone(s.state, need.Check); need.Milestone && due {
		o.Milestone = s.milestone(c)
	}
	return o
}

func (s *sim) milestone(c schedule.Check) *milestone.Milestone {
	s.attempts++
	m := milestone.Milestone{Window: c.Window, At: c.At, After: c.At.Sub(s.state.Cutover), Met: 1}
	switch {
	case s.away:
		return nil
	case s.missed:
		m.Met, m.Missed = 0, 1
	}
	return &m
}

// judge judges a slot now, from what the script says.
func (s *sim) judge(plan *release.Plan, slot string, consider bool) judge.Verdict {
	m := plan.Matrix.Only(func(c judge.Cell) bool { return c.Tier == judge.Rollback || consider && c.Tier == judge.Consider })
	in := judge.Input{At: s.now, Readings: s.readings(slot, s.now, 10), Split: s.world.Split(green), FirstTraffic: s.state.FirstTraffic}
	if s.compared != "" && slot == green {
		in.Others = []judge.Other{{Signal: "error-rate", Against: s.compared, Slot: blue, Bins: s.readings(blue, s.now, 10)[0].Bins}}
	}
	return judge.Judge(m, in)
}

func (s *sim) check(c schedule.Check) judge.Verdict {
	n := int(c.At.Sub(c.From)/dur(time.Minute)) + 10
	return judge.Judge(s.plan.Matrix, judge.Input{At: c.At, Stretch: judge.Whole, Since: c.From, Readings: s.readings(green, c.At, min(n, 60)), Generation: s.plan.Generation})
}

func (s *sim) readings(slot string, at signal.Instant, bins int) []signal.Reading {
	v := s.world.Slot(slot)
	a := signal.Availability{Wanted: v.Wanted, Ready: v.Ready, Gone: !v.Found, UnreadySince: v.UnreadySince, Ticks: v.Ticks}
	r := signal.Reading{Signal: "error-rate", Queries: []string{"sum(x)"}, Cause: s.blind[slot]}
	for i := bins - 1; i >= 0 && r.Cause == signal.Known; i-- {
		end := at - signal.Instant(60*i)
		if slot == green && end-60 < s.state.FirstTraffic {
			continue
		}
		r.Bins = append(r.Bins, s.bin(slot, end))
	}
	return []signal.Reading{r, {Signal: "availability", Availability: &a}}
}

// bin counts 600 requests a minute, and those of them that fall into trouble.
func (s *sim) bin(slot string, end signal.Instant) signal.Bin {
	b := signal.Bin{End: end, Total: 600}
	for _, x := range s.troubles {
		from, to := max(end-60, t0.Add(dur(x.from))), min(end, t0.Add(dur(x.to)))
		if x.slot == slot && to > from {
			b.Part += signal.Number(float64(to-from) * 10 * x.share)
		}
	}
	b.Value = b.Part / b.Total
	return b
}

func (s *sim) traffic() *release.Traffic {
	if s.now-10 < s.state.Ladder.Shifted {
		return nil
	}
	m := &release.Traffic{From: s.now - 10, To: s.now, Stable: 100}
	if s.sticky || s.world.Most(green) > 0 {
		m.Candidate, m.Stable = 50, 50
	}
	return m
}

// act does what is pending, and tells whether the cluster was changed.
func (s *sim) act(o release.Observed) bool {
	s.t.Helper()
	touched := false
	var outcomes []release.Outcome
	for _, a := range release.Pending(s.state, o) {
		out := release.Outcome{Action: a, At: s.now, Result: release.Performed}
		switch {
		case a.Tells() && s.dead[a.Sink]:
			continue
		case a.Tells():
			out.Ref = "ref"
			if a.Deed != release.TellStory {
				s.say("%s %s", a.Deed, a.Incident.Code)
			}
		default:
			out.Result, out.Detail = s.deed(a, o)
			touched = out.Result == release.Performed
			s.say("%s %s", a.Deed, out.Result)
		}
		outcomes = append(outcomes, out)
	}
	if len(outcomes) > 0 {
		o = s.observe()
		o.Outcomes = outcomes
		s.advance(o)
	}
	return touched
}

func (s *sim) deed(a release.Action, o release.Observed) (release.Result, string) {
	if s.before != nil {
		s.before(a)
	}
	for _, b := range release.Forbidden(s.state, a, o) {
		if s.world.Live { // the shell looks at the world live as long as a ladder is open
			s.t.Errorf("%s: %s: %s", s.since(), b.Invariant, b.Text)
		}
	}
	if p := s.perform[a.Deed]; p != nil {
		if result, detail := p(a); result != release.Performed {
			return result, detail
		}
	}
	switch a.Deed {
	case release.ScaleUp:
		s.slot(blue).Wanted = a.Replicas
		if s.warmUp >= 0 {
			s.at(s.since()+s.warmUp, ready(blue, a.Replicas, a.Replicas))
		}
	case release.SetShares:
		shares(0, "greenwatch")(s)
	case release.ScaleAway:
		ready(green, 0, 0)(s)
	}
	return release.Performed, ""
}

// advance makes one call of Advance and holds all that must be so of any call against it.
func (s *sim) advance(o release.Observed) {
	s.t.Helper()
	s.calls++
	var next release.State
	if s.calls%64 == 0 || o.Check != nil || o.Guard != nil && o.Guard.Tier == judge.Rollback {
		in := string(encode(s.t, s.state)) + string(encode(s.t, o))
		next = release.Advance(s.state, o)
		if in != string(encode(s.t, s.state))+string(encode(s.t, o)) {
			s.t.Fatalf("%s: Advance changed its arguments", s.since())
		}
	} else {
		next = release.Advance(s.state, o)
	}
	if !next.Cutover.IsZero() && s.spec.Cutover.IsZero() {
		s.spec.Cutover = next.Cutover
	}
	if release.Same(s.state, next) {
		return
	}
	s.changes++
	for _, b := range release.Broken(s.state, next, o) {
		if !s.forged {
			s.t.Errorf("%s: %s: %s", s.since(), b.Invariant, b.Text)
		}
	}
	s.must(next, o)
	s.note(s.state, next)
	s.state = saved(s.t, next)
}

// must holds against a state what must be so of any.
func (s *sim) must(next release.State, o release.Observed) {
	s.t.Helper()
	if !release.Same(next, saved(s.t, next)) {
		s.t.Errorf("%s: the state is another after it was saved", s.since())
	}
	if b := encode(s.t, next); len(b) > release.MaxBytes {
		s.t.Errorf("%s: the state takes %d bytes", s.since(), len(b))
	}
	for _, wrong := range s.schema.refuses(s.t, next) {
		s.t.Errorf("%s: the API server refuses the state: %s", s.since(), wrong)
	}
	climbing := next.Ladder != nil && next.Ladder.Step != release.Done
	// What a rule changed is seen by those before it in the next call: then all is settled.
	twice := release.Advance(next, o)
	climbing = climbing || twice.Ladder != nil && twice.Ladder.Step != release.Done
	if thrice := release.Advance(twice, o); !climbing && !release.Same(twice, thrice) {
		s.t.Errorf("%s: the same observation goes on changing something:\n%s", s.since(), difference(s.t, twice, thrice))
	}
	if moved := next.Phase != s.state.Phase; !moved && !climbing && !release.Same(next, twice) {
		s.t.Errorf("%s: the same observation changes something the second time:\n%s", s.since(), difference(s.t, next, twice))
	}
	for _, a := range release.Pending(next, o) {
		if want, is := stepOf[a.Deed]; is && (next.Ladder == nil || next.Ladder.Step != want) {
			s.t.Errorf("%s: %s is pending at another step than %s", s.since(), a.Deed, want)
		}
	}
}

// difference shows two states as they are saved.
func difference(t *testing.T, a, b release.State) string {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(encode(t, a), &x), json.Unmarshal(encode(t, b), &y)); err != nil {
		t.Fatal(err)
	}
	return cmp.Diff(x, y)
}

var stepOf = map[release.Deed]release.Step{release.ScaleUp: release.Ready, release.SetShares: release.Shift, release.ScaleAway: release.ScaleDown}

func (s *sim) note(old, next release.State) {
	was, is := "", ""
	if old.Ladder != nil {
		was = string(old.Ladder.Step)
	}
	if next.Ladder != nil {
		is = string(next.Ladder.Step)
	}
	if old.Phase != next.Phase || was != is {
		s.say("%s", strings.TrimSpace(string(next.Phase)+" "+is))
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	return b
}

func saved(t *testing.T, s release.State) (out release.State) {
	t.Helper()
	if err := json.Unmarshal(encode(t, s), &out); err != nil {
		t.Fatalf("read: %v", err)
	}
	return out
}

// happened fails unless the log holds these lines, in this order, whatever is between.
func (s *sim) happened(lines ...string) {
	s.t.Helper()
	rest := s.log
	for _, want := range lines {
		i := slices.Index(rest, want)
		if i < 0 {
			s.t.Fatalf("missing, or not in this order: %q\nin\n%s", want, strings.Join(s.log, "\n"))
		}
		rest = rest[i+1:]
	}
}

// never fails if a line of the log holds the text.
func (s *sim) never(text string) {
	s.t.Helper()
	if n := s.count(text); n > 0 {
		s.t.Fatalf("%q happened in\n%s", text, strings.Join(s.log, "\n"))
	}
}

func (s *sim) count(text string) int {
	n := 0
	for _, line := range s.log {
		if _, what, _ := strings.Cut(line, " "); strings.HasPrefix(what, text) {
			n++
		}
	}
	return n
}

func (s *sim) phase(want release.Phase) {
	s.t.Helper()
	if s.state.Phase != want {
		s.t.Fatalf("%s: the phase is %s, want %s\n%s", s.since(), s.state.Phase, want, strings.Join(s.log, "\n"))
	}
}

// withheld fails unless the rollback is withheld for that reason; an empty one: not at all.
func (s *sim) withheld(reason string) {
	s.t.Helper()
	if c := s.state.Condition(release.ConditionWithheld); s.state.Is(release.ConditionWithheld) != (reason != "") || reason != "" && c.Reason != reason {
		s.t.Fatalf("%s: withheld is %+v, want %q\n%s", s.since(), c, reason, strings.Join(s.log, "\n"))
	}
}

type schema struct {
	Type       string            `json:"type"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Enum       []any             `json:"enum"`
	MaxLength  *int              `json:"maxLength"`
	MaxItems   *int              `json:"maxItems"`
	Items      *schema           `json:"items"`
}

// statusSchema is the schema that the API server holds against a Release's status.
func statusSchema(t *testing.T) schema {
	t.Helper()
	text, err := os.ReadFile("../../deploy/crds/greenwatch.dev_releases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
}

// refuses gives what the schema finds wrong with a status.
func (s schema) refuses(t *testing.T, state release.State) []string {
	t.Helper()
	var status any
	if err := json.Unmarshal(encode(t, state), &status); err != nil {
		t.Fatal(err)
	}
	return s.wrong("status", status)
}

func (s schema) wrong(path string, v any) (all []string) {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		all = append(all, fmt.Sprintf("%s is %v, want one of %v", path, v, s.Enum))
	}
	switch x := v.(type) {
	case string:
		if s.MaxLength != nil && len([]rune(x)) > *s.MaxLength {
			all = append(all, fmt.Sprintf("%s has %d characters, at most %d may be", path, len(x), *s.MaxLength))
		}
	case []any:
		if s.MaxItems != nil && len(x) > *s.MaxItems {
			all = append(all, fmt.Sprintf("%s has %d items, at most %d may be", path, len(x), *s.MaxItems))
		}
		for i, item := range x {
			all = append(all, s.Items.wrong(fmt.Sprintf("%s[%d]", path, i), item)...)
		}
	case map[string]any:
		for _, name := range s.Required {
			if x[name] == nil {
				all = append(all, path+"."+name+" is missing")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(x)) {
			switch p, ok := s.Properties[name]; {
			case !ok:
				all = append(all, path+"."+name+" is not declared")
			case x[name] != nil:
				all = append(all, p.wrong(path+"."+name, x[name])...)
			}
		}
	}
	return all
}
