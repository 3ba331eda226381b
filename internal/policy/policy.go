// Package policy makes a plan of what a team wrote: it fills in what a WatchPolicy leaves out from
// the daemon's own defaults, reads durations and bounds by their kind, and says everything that is
// wrong with it at once, each mistake with its path.
//
// It knows nothing of the cluster: whether a Deployment or a VirtualService exists is found out
// elsewhere and told with Because.
package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// RequestsSignal is the name of the question that counts requests. No signal of a policy can have
// it, since theirs hold no dot.
const RequestsSignal = "traffic.requests"

// Parse gives the plan that a policy asks for, or all that is wrong with it, each an Error.
func Parse(p *v1alpha1.WatchPolicy, d Defaults) (*release.Plan, []error) {
	all := d
	d = d.For(p.Namespace)
	spec, _ := lift(InForce(p.Spec, d), d.Floors)
	r := &reader{trust: d.Probes, namespace: p.Namespace}
	plan := &release.Plan{
		Namespace:      p.Namespace,
		Policy:         p.Name,
		Generation:     p.Generation,
		Mode:           r.mode(spec.Mode),
		VirtualService: r.filled("spec.traffic.virtualService", spec.Traffic.VirtualService),
		HTTPRoutes:     slices.Clone(spec.Traffic.HTTPRoutes),
		Slots:          r.slots(p.Namespace, spec.Slots),
		Schedule:       r.windows(spec.Schedule.Windows),
		GuardEvery:     r.duration("spec.schedule.guardEvery", spec.Schedule.GuardEvery, time.Second),
		Baseline:       r.grid("spec.baseline.window", spec.Baseline.Window),
		Prometheus:     r.known("spec.prometheus", spec.Prometheus, d.Servers, all.Servers, "Prometheus"),
		Notify:         r.notify(spec.Notify, d.Notifiers, all.Notifiers),
		HistoryLimit:   ptr.Deref(spec.HistoryLimit, 0),
		Limits:         r.limits(spec),
	}
	if plan.HistoryLimit < 1 {
		r.fail("spec.historyLimit", "%d keeps no release, and the last one is needed; write at least 1", plan.HistoryLimit)
	}
	r.reporter(d.Istio.Reporter)
	if plan.Mode == release.Enforce {
		r.within(plan, d.Probes.Domain)
	}
	r.plan = plan
	r.matrix(plan, spec)
	r.requests(plan, spec, d)
	r.frozen(plan)
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	return plan, nil
}

// reader reads a spec and gathers what is wrong with it.
type reader struct {
	errs []error
	// namespace is the policy's.
	namespace string
	// plan is what texts are filled from; trust and probes are for probes: whom they may ask, how many there are.
	trust  probe.Trust
	plan   *release.Plan
	probes int
}

func (r *reader) fail(path, format string, args ...any) {
	r.errs = append(r.errs, Error{Reason: Invalid, Path: path, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) mode(m release.Mode) release.Mode {
	if m != release.Observe && m != release.Enforce {
		r.fail("spec.mode", "%q is no mode; write %s or %s", m, release.Observe, release.Enforce)
	}
	return m
}

func (r *reader) filled(path, s string) string {
	if s == "" {
		r.fail(path, "is missing")
	}
	return s
}

// reporter reads whose word counts; it stands in the daemon's file alone.
func (r *reader) reporter(s string) {
	if s != bySource && s != byDestination && s != byWaypoint {
		r.fail("spec.istio.reporter", "%q reports nothing; write %s, %s or %s", s, bySource, byDestination, byWaypoint)
	}
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (r *reader) name(path, s, example string) string {
	if !label.MatchString(s) {
		r.fail(path, "%q is no name; write lower-case letters, digits and dashes, such as %s", s, example)
	}
	return s
}

// known sees to it that the daemon's file has the name, and that policies of the namespace may use it. Who else
// may is not said.
func (r *reader) known(path, name string, may, all []string, what string) string {
	var text string
	switch {
	case slices.Contains(may, name):
		return name
	case len(all) == 0:
		r.fail(path, "the daemon's file names no %s", what)
		return name
	case len(may) == 0:
		text = fmt.Sprintf("no %s of the daemon's file is for policies of namespace %s", what, r.namespace)
	case slices.Contains(all, name):
		text = fmt.Sprintf("%s %q is not for policies of namespace %s; write one that is: %s", what, name, r.namespace, list(may))
	default:
		r.fail(path, "the daemon's file names no %s %q; it has %s", what, name, list(may))
		return name
	}
	r.errs = append(r.errs, Error{Reason: NotPermitted, Path: path, Text: text + "; the daemon's file says in namespaces: who may use it"})
	return name
}

// mostSinks is how many notifiers one release may tell.
const mostSinks = 8

func (r *reader) notify(names, may, all []string) []string {
	if len(names) > mostSinks {
		r.fail("spec.notify", "names %d notifiers; write at most %d", len(names), mostSinks)
	}
	for i, n := range names {
		r.known(fmt.Sprintf("spec.notify[%d]", i), n, may, all, "notifier")
	}
	return slices.Clone(names)
}

// duration reads a duration of at least least.
func (r *reader) duration(path string, text v1alpha1.Duration, least time.Duration) signal.Duration {
	d, err := time.ParseDuration(string(text))
	switch {
	case text == "":
		r.fail(path, "is missing")
	case err != nil:
		r.fail(path, "%q is no duration; write Go's form, such as 90s, 5m or 24h (days are written in hours)", text)
	case d < least:
		r.fail(path, "%s is too short; write at least %s", text, signal.Duration(least))
	}
	return signal.Duration(d)
}

// grid reads a duration in whole seconds, since instants are.
func (r *reader) grid(path string, text v1alpha1.Duration) signal.Duration {
	before := len(r.errs)
	d := r.duration(path, text, time.Second)
	if len(r.errs) == before && d.D()%time.Second != 0 {
		r.fail(path, "%s is not in whole seconds", text)
	}
	return d
}

// bin reads the grain of counting.
func (r *reader) bin(path string, text v1alpha1.Duration) signal.Duration {
	const most = signal.Duration(time.Hour)
	d := r.grid(path, text)
	if d > most {
		r.fail(path, "%s is too coarse to count in; write at most %s", text, most)
	}
	return min(d, most)
}

func (r *reader) slots(namespace string, in []v1alpha1.Slot) []release.Slot {
	if len(in) != 2 {
		r.fail("spec.slots", "has %d slots; a blue/green service has exactly two", len(in))
	}
	var out []release.Slot
	for i, s := range in {
		path := fmt.Sprintf("spec.slots[%d]", i)
		slot := release.Slot{
			Name:       r.name(path+".name", s.Name, "blue"),
			Deployment: r.filled(path+".deployment", s.Deployment),
			Host:       r.filled(path+".destination.host", s.Destination.Host),
			Subset:     s.Destination.Subset,
		}
		for j := range out {
			r.apart(path, namespace, in[j], s)
		}
		out = append(out, slot)
	}
	return out
}

func (r *reader) apart(path, namespace string, a, b v1alpha1.Slot) {
	if a.Name == b.Name {
		r.fail(path+".name", "%q is the other slot's name, too", b.Name)
	}
	if a.Deployment == b.Deployment {
		r.fail(path+".deployment", "%q is the other slot's Deployment, too", b.Deployment)
	}
	if destination(a, namespace) == destination(b, namespace) {
		r.fail(path+".destination", "is the other slot's destination, too; give each its own host, or its own subset of the host")
	}
}

// within refuses destinations that are no Service of the policy's own namespace where traffic may be led to them:
// whoever may write policies need not be whoever may lead traffic out of the namespace.
func (r *reader) within(plan *release.Plan, domain string) {
	own := plan.Namespace
	for i, s := range plan.Slots {
		name, rest, long := strings.Cut(s.Host, ".")
		if label.MatchString(name) && (!long || rest == own || rest == own+".svc" || domain != "" && rest == own+".svc."+domain) || s.Host == "" {
			continue
		}
		r.errs = append(r.errs, Error{Reason: ForeignDestination, Path: fmt.Sprintf("spec.slots[%d].destination.host", i), Text: fmt.Sprintf(
			"%q is no Service of namespace %s, and no traffic is led out of it; write its name, or set mode: Observe", s.Host, own)})
	}
}

func (r *reader) windows(in []v1alpha1.Window) schedule.Schedule {
	before := len(r.errs)
	var out schedule.Schedule
	names := map[string]bool{}
	for i, w := range in {
		path := fmt.Sprintf("spec.schedule.windows[%d]", i)
		if names[w.Name] || w.Name == "" {
			r.fail(path+".name", "%q names no window or another one, too; give each its own name", w.Name)
		}
		names[w.Name] = true
		out = append(out, schedule.Window{
			Name:  w.Name,
			Until: r.grid(path+".until", w.Until),
			Every: r.grid(path+".every", w.Every),
		})
	}
	if len(r.errs) > before {
		return nil
	}
	for _, err := range out.Validate() {
		r.errs = append(r.errs, within("spec.schedule", err))
	}
	if len(r.errs) == before {
		r.divisible(out)
	}
	return out
}

// divisible sees to it that no window ends with a rest that no check of its own covers.
func (r *reader) divisible(s schedule.Schedule) {
	start := signal.Duration(0)
	for i, w := range s {
		if rest := (w.Until - start) % w.Every; rest != 0 {
			r.fail(fmt.Sprintf("spec.schedule.windows[%d].every", i),
				"%s does not divide the window, which lasts %s; write until: %s, or another every", w.Every, w.Until-start, w.Until-rest+w.Every)
		}
		start = w.Until
	}
}

func (r *reader) limits(spec v1alpha1.WatchPolicySpec) release.Limits {
	t, b := spec.Timing, spec.Rollback
	return release.Limits{
		Settle:           r.duration("spec.timing.settle", t.Settle, 0),
		WatchStableFor:   r.duration("spec.timing.watchStableFor", t.WatchStableFor, 0),
		EpisodeClear:     r.duration("spec.timing.episodeClear", t.EpisodeClear, 0),
		ReassertWithin:   r.duration("spec.timing.reassertWithin", t.ReassertWithin, 0),
		AutomaticFor:     r.duration("spec.rollback.automaticFor", b.AutomaticFor, 0),
		ProofWithin:      r.duration("spec.rollback.proofWithin", b.ProofWithin, time.Second),
		KeepCandidateFor: r.duration("spec.rollback.keepCandidateFor", b.KeepCandidateFor, 0),
		KeepStableFor:    r.duration("spec.rollback.keepStableFor", b.KeepStableFor, 0),
		OnCanary:         ptr.Deref(b.OnCanary, false),
	}
}

// matrix reads the signals into the plan's matrix and questions.
func (r *reader) matrix(plan *release.Plan, spec v1alpha1.WatchPolicySpec) {
	m := judge.Matrix{
		Bin:            r.bin("spec.schedule.bin", spec.Schedule.Bin),
		UnavailableFor: r.duration("spec.timing.unavailableFor", spec.Timing.UnavailableFor, time.Second),
	}
	if len(spec.Signals) == 0 {
		r.fail("spec.signals", "is empty; name at least one signal")
	}
	names := map[string]bool{}
	for i, s := range spec.Signals {
		path := fmt.Sprintf("spec.signals[%d]", i)
		if names[s.Name] {
			r.fail(path+".name", "%q is another signal's name, too; give each its own", s.Name)
		}
		names[s.Name] = true
		row, question := r.signal(path, s, signalTerms{bin: m.Bin, onCanary: plan.Limits.OnCanary, firstRatio: m.Requests == ""})
		m.Rows = append(m.Rows, row)
		plan.Questions = append(plan.Questions, question)
		if row.Kind == signal.Ratio {
			m.Requests = cmp.Or(m.Requests, row.Signal)
		}
	}
	plan.Matrix = m
}

// frozen refuses what could not be written down with a rollback: one that can't be saved can't be performed, and that
// had better be known beforehand.
func (r *reader) frozen(plan *release.Plan) {
	if n := plan.FrozenSize(); n > release.MostPlan {
		r.fail("spec.signals", "a rollback keeps the selectors and queries of what is required or has a rollback cell in the release's status: they take %d bytes there, and at most %d can be kept; write shorter ones, as recording rules let you, or fewer", n, release.MostPlan)
	}
}

// requests finds the counter of requests: the policy's own, else the first ratio's, else Istio's, if the fleet is
// judged by that.
func (r *reader) requests(plan *release.Plan, spec v1alpha1.WatchPolicySpec, d Defaults) {
	if own := spec.Traffic.Requests; own != nil {
		plan.Requests = &release.Question{
			Signal: RequestsSignal, Kind: signal.Ratio,
			Metric: r.metric("spec.traffic.requests.metric", own.Metric),
			Match:  r.matchers("spec.traffic.requests.match", own.Match),
		}
		return
	}
	for _, q := range plan.Questions {
		if q.Kind == signal.Ratio {
			plan.Requests = &release.Question{Signal: RequestsSignal, Kind: signal.Ratio, Metric: q.Metric, Match: q.Match}
			return
		}
	}
	if d.Signals == nil {
		plan.Requests = &release.Question{Signal: RequestsSignal, Kind: signal.Ratio, Metric: istioRequests,
			Match: string(istioMatch(d.Istio.Reporter, spec.Slots))}
		return
	}
	if plan.Mode == release.Enforce {
		r.errs = append(r.errs, Error{Reason: NoRequestsMetric, Path: "spec.traffic.requests",
			Text: "nothing counts requests, so a rollback could not be proven; write metric and match, add a ratio signal, or set mode: Observe"})
	}
}
