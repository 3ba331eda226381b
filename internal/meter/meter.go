// Package meter counts what greenwatch does, for Prometheus to scrape.
//
// All labels come from closed sets, so that the number of series is bounded by the configuration and
// never by time or traffic: what is not in a set is counted as "other". Nothing here is ever read to
// decide anything.
package meter

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Options are what a Meter is made of.
type Options struct {
	Registerer prometheus.Registerer
	// Version and Revision say which build it is.
	Version, Revision string
	// GuardAge gives the age of the oldest guard evaluation among the active releases, 0 where there
	// are none. Without it the metric is left out.
	GuardAge func() time.Duration
}

// Meter holds greenwatch's metrics. Its methods may be called from several goroutines.
type Meter struct {
	active    *prometheus.GaugeVec
	checks    *prometheus.CounterVec
	blind     *prometheus.CounterVec
	guards    *prometheus.CounterVec
	rollbacks *prometheus.CounterVec
	weights   prometheus.Histogram
	proof     prometheus.Histogram
	queries   *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	skew      *prometheus.GaugeVec
	overspent *prometheus.GaugeVec
	delivered *prometheus.CounterVec
	refuses   *prometheus.GaugeVec
	deferred  prometheus.Counter
	requests  *prometheus.CounterVec
	leader    prometheus.Gauge
	reloads   *prometheus.CounterVec
	cut       prometheus.Counter
	panics    *prometheus.CounterVec
	broken    *prometheus.CounterVec

	servers, sinks names
}

// New makes a Meter and registers its metrics. It panics if they are registered already.
func New(o Options) *Meter {
	m := &Meter{
		active:    gauges("active_releases", "Releases that are being watched or have steps to do, by phase.", "phase"),
		checks:    counters("checks_total", "Checks of the schedule that have their verdict.", "verdict", "late"),
		blind:     counters("blind_seconds_total", "Time under guard without enough evidence to judge, by cause, summed over the releases.", "cause"),
		guards:    counters("guard_evaluations_total", "Evaluations of the guard between checks.", "verdict"),
		rollbacks: counters("rollbacks_total", "Rollbacks by what became of them; one may count under several outcomes.", "outcome"),
		weights:   prometheus.NewHistogram(histogram("rollback_weights_seconds", "From the verdict that called for a rollback, or a person's decision, to the weights being set.")),
		proof:     prometheus.NewHistogram(histogram("rollback_proof_seconds", "From the verdict that called for a rollback, or a person's decision, to the proof in the data plane.")),
		queries:   prometheus.NewHistogramVec(histogram("prometheus_query_seconds", "How long Prometheus took to answer a query."), []string{"prometheus"}),
		failures:  counters("prometheus_query_errors_total", "Queries without a usable answer, by cause.", "prometheus", "cause"),
		skew:      gauges("prometheus_clock_skew_seconds", "By how much Prometheus' clock is ahead of the daemon's, in whole seconds, as it is used; negative where it is behind.", "prometheus"),
		overspent: gauges("query_budgets_used_up", "Policies that have used up their budget of a Prometheus' time.", "prometheus"),
		delivered: counters("deliveries_total", "Attempts to deliver a page or an edition of a story, by outcome.", "sink", "outcome"),
		refuses:   gauges("notifier_refuses", "1 where a notifier refuses whatever it is sent: its key, its token or its channel is not right.", "sink"),
		deferred:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "pages_deferred_total", Help: "Incidents that opened when their policy's pages of the hour were used up: people are paged later, if they last."}),
		requests:  counters("api_requests_total", "Requests to the Kubernetes API by method and status code; 0 is no answer.", "verb", "code"),
		leader:    prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "leader", Help: "1 where this process leads, else 0."}),
		reloads:   counters("config_reloads_total", "Readings of the daemon's file after the first.", "outcome"),
		cut: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "connections_cut_total",
			Help: "Connections to metrics, health and pages that were closed to make room for newer ones."}),
		panics: counters("panics_total", "Panics that were caught, by what failed: a look at a policy, a delivery or a query.", "at"),
		broken: counters("invariants_broken_total", "States that were not saved and deeds that were not done since they would have broken an invariant, by which: the release is halted.", "invariant"),
	}
	o.Registerer.MustRegister(m.active, m.checks, m.blind, m.guards, m.rollbacks, m.weights, m.proof, m.queries,
		m.failures, m.skew, m.overspent, m.delivered, m.refuses, m.deferred, m.requests, m.leader, m.reloads, m.cut, m.panics, m.broken, buildInfo(o))
	if o.GuardAge != nil {
		o.Registerer.MustRegister(guardAge(o.GuardAge))
	}
	m.begin()
	return m
}

// begin shows the countable at 0, so that its first increase is seen as one.
func (m *Meter) begin() {
	for _, t := range tiers() {
		m.guards.WithLabelValues(t)
		m.checks.WithLabelValues(t, "false")
		m.checks.WithLabelValues(t, "true")
	}
	for _, o := range outcomes() {
		m.rollbacks.WithLabelValues(string(o))
	}
	for _, o := range []string{"done", "failed"} {
		m.reloads.WithLabelValues(o)
	}
	for _, at := range places() {
		m.panics.WithLabelValues(at)
	}
	for _, i := range words(release.Invariants()...) {
		m.broken.WithLabelValues(i)
	}
	m.Phases(nil)
}

func buildInfo(o Options) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Always 1; its labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": o.Version, "revision": o.Revision, "goversion": runtime.Version()}})
	g.Set(1)
	return g
}

func guardAge(age func() time.Duration) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "guard_age_seconds",
		Help: "Age of the oldest guard evaluation among the active releases; 0 where there are none."},
		func() float64 { return age().Seconds() })
}

// Cut counts a connection that was closed to make room for a newer one.
func (m *Meter) Cut() { m.cut.Inc() }

// Names says which Prometheus servers and sinks there are. It may be called again when the daemon's
// file changes.
func (m *Meter) Names(servers, sinks []string) {
	m.servers.replace(servers)
	m.sinks.replace(sinks)
}

// Phases sets how many active releases there are, from the phase of each.
func (m *Meter) Phases(active []release.Phase) {
	counts := map[release.Phase]float64{}
	for _, p := range active {
		counts[p]++
	}
	for _, p := range phases() {
		m.active.WithLabelValues(string(p)).Set(counts[p])
	}
}

// Checked counts a check of the schedule.
func (m *Meter) Checked(tier judge.Tier, late bool) {
	m.checks.WithLabelValues(among(tiers(), string(tier)), truth(late)).Inc()
}

// Guarded counts an evaluation of the guard, and the time it was blind for.
func (m *Meter) Guarded(tier judge.Tier, cause signal.Cause, forHowLong signal.Duration) {
	m.guards.WithLabelValues(among(tiers(), string(tier))).Inc()
	if tier == judge.Blind {
		m.blind.WithLabelValues(among(causes(), string(cause))).Add(max(forHowLong.D().Seconds(), 0))
	}
}

// Queried counts a query to Prometheus; the empty cause is an answer that can be used.
func (m *Meter) Queried(server string, took time.Duration, cause signal.Cause) {
	server = m.servers.known(server)
	m.queries.WithLabelValues(server).Observe(took.Seconds())
	if cause != signal.Known {
		m.failures.WithLabelValues(server, among(causes(), string(cause))).Inc()
	}
}

// Skewed sets by how much a server's clock is ahead of the daemon's.
func (m *Meter) Skewed(server string, ahead time.Duration) {
	m.skew.WithLabelValues(m.servers.known(server)).Set(ahead.Seconds())
}

// Overspent sets how many policies have used up their budget of a Prometheus' time.
func (m *Meter) Overspent(server string, policies int) {
	m.overspent.WithLabelValues(m.servers.known(server)).Set(float64(policies))
}

// Refuses sets whether a sink refuses whatever it is sent.
func (m *Meter) Refuses(sink string, is bool) {
	m.refuses.WithLabelValues(m.sinks.known(sink)).Set(map[bool]float64{true: 1}[is])
}

// Delivered counts an attempt to tell: delivered, retried, refused (for the sink's key or channel; tried again, too)
// or expired.
func (m *Meter) Delivered(sink, outcome string) {
	m.delivered.WithLabelValues(m.sinks.known(sink), among(deliveries(), outcome)).Inc()
}

// Panicked counts a panic that was caught at a look, a delivery or a query.
func (m *Meter) Panicked(at string) { m.panics.WithLabelValues(among(places(), at)).Inc() }

// Broke counts an invariant that a state to be saved, or a deed, would have broken.
func (m *Meter) Broke(i release.Invariant) {
	m.broken.WithLabelValues(among(words(release.Invariants()...), string(i))).Inc()
}

// Leads sets whether this process leads.
func (m *Meter) Leads(is bool) {
	m.leader.Set(0)
	if is {
		m.leader.Set(1)
	}
}

// Reloaded counts a reading of the daemon's file.
func (m *Meter) Reloaded(err error) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		return
	}
	m.reloads.WithLabelValues("done").Inc()
}
