package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// seen is the last day of 2025.
const seen signal.Instant = 1_767_139_200

func newRelease(policy string) *v1alpha1.Release {
	spec := release.Spec{
		Policy: policy, Number: 3, FirstSeen: seen,
		Candidate: release.Side{Slot: "green", Revision: "r2", Version: "v2.0.0", Replicas: 3},
		Stable:    release.Side{Slot: "blue", Revision: "r1", Version: "v1.9.0", Replicas: 3},
	}
	return &v1alpha1.Release{ObjectMeta: metav1.ObjectMeta{Name: spec.Name()}, Spec: spec}
}

func (s server) store(t *testing.T, r *v1alpha1.Release) *v1alpha1.Release {
	t.Helper()
	var got v1alpha1.Release
	if err := s.Post().Namespace(s.Namespace).Resource("releases").Body(r).Do(t.Context()).Into(&got); err != nil {
		t.Fatal(err)
	}
	return &got
}

func (s server) patch(t *testing.T, name, merge string) error {
	t.Helper()
	return s.Patch(types.MergePatchType).Namespace(s.Namespace).Resource("releases").Name(name).
		Param("fieldValidation", metav1.FieldValidationStrict).
		Body([]byte(merge)).Do(t.Context()).Error()
}

func TestReleaseIdentityIsImmutable(t *testing.T) {
	s := newServer(t)
	r := s.store(t, newRelease("identity"))
	for _, merge := range []string{
		`{"spec":{"policy":"ident"}}`,
		`{"spec":{"number":4}}`,
		`{"spec":{"candidate":{"revision":"r3"}}}`,
		`{"spec":{"candidate":{"version":"v2.0.1"}}}`,
		`{"spec":{"stable":{"slot":"green"}}}`,
		`{"spec":{"stable":{"replicas":null}}}`,
		`{"spec":{"midFlight":true}}`,
		`{"spec":{"firstSeen":"2026-01-01T00:00:00Z"}}`,
	} {
		err := s.patch(t, r.Name, merge)
		if err == nil || !strings.Contains(err.Error(), "say which release it is and can't be changed") {
			t.Errorf("patch %s: want a refusal, got %v", merge, err)
		}
	}
	if err := s.patch(t, r.Name, `{"spec":{"midFlight":false}}`); err != nil {
		t.Errorf("to say what is so anyway was refused: %v", err)
	}
}

func TestReleaseCutoverIsWrittenOnce(t *testing.T) {
	s := newServer(t)
	r := s.store(t, newRelease("cutover"))
	if err := s.patch(t, r.Name, `{"spec":{"cutover":"2026-01-01T00:00:00Z"}}`); err != nil {
		t.Fatalf("the first time: %v", err)
	}
	for _, merge := range []string{
		`{"spec":{"cutover":"2026-01-01T00:00:01Z"}}`,
		`{"spec":{"cutover":null}}`,
	} {
		if err := s.patch(t, r.Name, merge); err == nil || !strings.Contains(err.Error(), "cutover is written once") {
			t.Errorf("patch %s: want a refusal, got %v", merge, err)
		}
	}
	if err := s.patch(t, r.Name, `{"spec":{"cutover":"2026-01-01T00:00:00Z"}}`); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

// What lies outside of 2000 to 2099, before the release was first seen, or a year after it, is refused.
func TestReleaseInstantsAreBounded(t *testing.T) {
	s := newServer(t)
	const cutover, until = `{"spec":{"cutover":%q}}`, `{"spec":{"people":{"hold":{"by":"alice","until":%q}}}}`
	r := s.store(t, newRelease("bounded"))
	for _, c := range []struct{ merge, at, want string }{
		{cutover, "1971-01-01T00:00:00Z", "lies before firstSeen"},
		{cutover, "0001-01-01T00:00:00Z", "lies before firstSeen"},
		{cutover, "9999-12-31T23:59:59Z", "spec.cutover"},
		{cutover, "2100-01-01T00:00:00Z", "spec.cutover"},
		{cutover, "2025-12-30T23:59:59Z", "lies before firstSeen"},
		{cutover, "2025-12-31T00:59:59+01:00", "lies before firstSeen"},
		{until, "0001-01-01T00:00:00Z", "spec.people.hold.until"},
		{until, "9999-12-31T23:59:59Z", "a hold ends within a year"},
		{until, "2027-01-01T00:00:01Z", "a hold ends within a year"},
		{until, "2027-01-01T00:00:00Z", ""},
		{cutover, "2025-12-31T00:00:00Z", ""},
	} {
		err := s.patch(t, r.Name, fmt.Sprintf(c.merge, c.at))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf(c.merge+": got %v, want %q", c.at, err, c.want)
		}
	}
	for _, at := range []signal.Instant{-62_135_596_800, 31_536_000, 4_102_444_800} { // the years 1, 1971 and 2100
		r := newRelease("early")
		r.Spec.FirstSeen = at
		err := s.Post().Namespace(s.Namespace).Resource("releases").Body(r).Do(t.Context()).Error()
		if err == nil || !strings.Contains(err.Error(), "spec.firstSeen") {
			t.Errorf("first seen %s: got %v, want a refusal", at, err)
		}
	}
}

func TestPeopleMaySpeakAndTakeItBack(t *testing.T) {
	s := newServer(t)
	r := s.store(t, newRelease("people"))
	for _, merge := range []string{
		`{"spec":{"people":{"hold":{"by":"alice","reason":"looking","until":"2026-01-01T04:00:00Z"}}}}`,
		`{"spec":{"people":{"hold":{"by":"bob","until":"2026-01-01T06:00:00+02:00"}}}}`,
		`{"spec":{"people":{"decision":{"choice":"Rollback","by":"alice"}}}}`,
		`{"spec":{"people":{"decision":{"choice":"Accept","by":"bob","reason":"known"}}}}`,
		`{"spec":{"people":{"reports":[{"id":"security-1","kind":"security","by":"alice","text":"tokens in the answers"},{"id":"complaint-1","kind":"complaint","by":"bob","retracted":true}]}}}`,
		`{"spec":{"people":{"hold":null}}}`,
		`{"spec":{"people":null}}`,
	} {
		if err := s.patch(t, r.Name, merge); err != nil {
			t.Errorf("patch %s: %v", merge, err)
		}
	}
	for merge, want := range map[string]string{
		`{"spec":{"people":{"decision":{"choice":"rollback","by":"alice"}}}}`:                                        `supported values: "Rollback", "Accept"`,
		`{"spec":{"people":{"decision":{"choice":"Rollback"}}}}`:                                                     "spec.people.decision.by: Required",
		`{"spec":{"people":{"reports":[{"id":"a","kind":"a","by":"b"},{"id":"a","kind":"a","by":"c"}]}}}`:            "spec.people.reports[1]: Duplicate value",
		`{"spec":{"people":{"reports":[{"kind":"a","by":"b"}]}}}`:                                                    "spec.people.reports[0].id: Required",
		`{"spec":{"people":{"reports":[{"id":"a","kind":"A b","by":"b"}]}}}`:                                         "spec.people.reports[0].kind",
		`{"spec":{"people":{"reports":[{"id":"a","kind":"a"}]}}}`:                                                    "spec.people.reports[0].by: Required",
		`{"spec":{"people":{"reports":[{"id":"a","kind":"a","by":"b","text":"` + strings.Repeat("x", 513) + `"}]}}}`: "Too long: may not be more than 512 bytes",
		`{"spec":{"people":{"hold":{"by":"alice"}}}}`:                                                                "spec.people.hold.until: Required",
		`{"spec":{"people":{"hold":{"by":"alice","until":"tomorrow"}}}}`:                                             "spec.people.hold.until",
		`{"spec":{"people":{"hold":{"by":"alice","until":"2026-01-01"}}}}`:                                           "spec.people.hold.until",
		`{"spec":{"people":{"hold":{"by":"alice","until":"2026-01-01t04:00:00z"}}}}`:                                 "spec.people.hold.until",
		`{"spec":{"people":{"hold":{"by":"alice","until":"2026-13-01T04:00:00Z"}}}}`:                                 "spec.people.hold.until",
		`{"spec":{"people":{"opinion":"good"}}}`:                                                                     `unknown field "spec.people.opinion"`,
		`{"spec":{"people":{"hold":{"by":"` + strings.Repeat("a", 129) + `","until":"2026-01-01T04:00:00Z"}}}}`:      "spec.people.hold.by",
	} {
		if err := s.patch(t, r.Name, merge); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("patch %s: want a refusal with %q, got %v", merge, want, err)
		}
	}
}

func TestReleaseIsNamedAfterItsPolicy(t *testing.T) {
	s := newServer(t)
	for name, want := range map[string]string{
		"another-3": "named after its policy", "named": "named after its policy", "named3": "named after its policy", "named-3": "",
	} {
		r := newRelease("named")
		r.Name = name
		err := s.Post().Namespace(s.Namespace).Resource("releases").Body(r).Do(t.Context()).Error()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// state is a life with as much in it as can be, of a release in a namespace.
func state(namespace string) release.State {
	bound := signal.Number(0.05)
	nan, before := signal.Number(math.NaN()), signal.Number(0.1)
	cell := judge.Cell{Tier: judge.Rollback, Bound: judge.Bound{Above: &bound}, For: signal.Duration(300e9)}
	full := judge.Verdict{
		At: seen, Tier: judge.Rollback, Signal: "error-rate", Reason: "error-rate is 31.4 %, above 5 % for 5m", Generation: 2,
		Evidence: []judge.Evidence{
			{
				Signal: "error-rate", Kind: signal.Ratio, Required: true, Tier: judge.Rollback, Value: 0.314159265358979, Total: 1e6,
				Findings: []judge.Finding{{Cell: cell, Answer: judge.Yes, Bins: 5, Yes: 4, Unknown: 1}},
				Bins:     []signal.Bin{{End: seen, Value: 1.0 / 3, Total: 3, Part: 1}, {End: seen + 60, Value: nan, Cause: signal.Idle}},
				Queries:  []string{`sum(increase(http_requests_total{deployment="green"}[60s]))`},
			},
			{
				Signal: "availability", Kind: signal.Kubernetes, Tier: judge.Blind, Value: nan, Cause: signal.Empty, Detail: "was not asked",
				Availability: &signal.Availability{Wanted: 3, UnreadySince: seen, Ticks: 2},
			},
		},
	}
	plan := release.Plan{
		Namespace: namespace, Policy: "shop", Generation: 2, Mode: release.Enforce, VirtualService: "shop",
		Slots:    []release.Slot{{Name: "blue", Deployment: "b", Host: "b"}, {Name: "green", Deployment: "g", Host: "g", Subset: "s"}},
		Requests: &release.Question{Signal: "requests", Kind: signal.Ratio, Metric: "http_requests_total"},
		Schedule: schedule.Default(), GuardEvery: signal.Duration(15e9),
		Matrix:    judge.Matrix{Bin: signal.Duration(60e9), UnavailableFor: signal.Duration(30e9), Requests: "error-rate", Rows: []judge.Row{{Signal: "error-rate", Kind: signal.Ratio, Unit: "%", Cells: []judge.Cell{cell}}}},
		Questions: []release.Question{{Signal: "p99", Kind: signal.Quantile, Metric: "h", Q: 0.99}, {Signal: "q", Kind: signal.Query, PromQL: "up"}},
		Limits:    release.Limits{Settle: signal.Duration(1500e6), WatchStableFor: signal.Duration(300e9), OnCanary: true},
	}
	return release.State{
		Phase: release.RollingBack, FirstTraffic: seen, Cutover: seen + 60, Share: 100, Grid: schedule.Default(), Checks: 2, NextCheck: seen + 600, Before: &before,
		Verdict:     release.Standing{Tier: judge.Rollback, Since: seen, Signal: "error-rate", Reason: "high"},
		Lines:       []release.CheckLine{{Number: 1, Window: "active", At: seen, Tier: judge.Proceed, Late: true}},
		Latest:      &full,
		Transitions: []judge.Verdict{full},
		Decision:    &full,
		Readiness:   release.Hot,
		Conditions:  []signal.Condition{{Type: release.ConditionHeld, Status: "False", Reason: "Resumed", LastTransitionTime: seen}},
		Episode:     release.Episode{Number: 1, Opened: seen},
		Ladder:      &release.Ladder{Step: release.Prove, Decided: seen, Verdict: full.Brief(), Plan: plan, Routes: []string{"http"}, Needed: 3, Before: nan, Shifted: seen},
		Story:       4,
		Incidents:   []release.Incident{{Code: "rollback-started", Episode: 1, Severity: release.Critical, Opened: seen}},
		Told:        []release.Told{{Sink: "oncall", Key: "story", Ref: "ts", Story: 4}},
	}
}

func TestReleaseStatusRoundTrip(t *testing.T) {
	s := newServer(t)
	sameNumber := cmp.Comparer(func(a, b signal.Number) bool { return a == b || a.IsNaN() && b.IsNaN() })
	for name, want := range map[string]release.State{
		"empty":  {},
		"first":  {Phase: release.Deployed},
		"filled": state(s.Namespace),
	} {
		t.Run(name, func(t *testing.T) {
			r := s.store(t, newRelease("status-"+name))
			r.Status = want
			if err := s.Put().Namespace(s.Namespace).Resource("releases").Name(r.Name).SubResource("status").Body(r).Do(t.Context()).Error(); err != nil {
				t.Fatal(err)
			}
			var got v1alpha1.Release
			if err := s.Get().Namespace(s.Namespace).Resource("releases").Name(r.Name).Do(t.Context()).Into(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Status, sameNumber); diff != "" {
				t.Errorf("status changed on its way (-sent +got):\n%s", diff)
			}
			if diff := cmp.Diff(newRelease("status-"+name).Spec, got.Spec); diff != "" {
				t.Errorf("spec changed on its way (-sent +got):\n%s", diff)
			}
		})
	}
}

func TestWritingStatusLeavesPeopleAlone(t *testing.T) {
	s := newServer(t)
	r := s.store(t, newRelease("apart"))
	if err := s.patch(t, r.Name, `{"spec":{"people":{"hold":{"by":"alice","until":"2026-01-01T04:00:00Z"}}}}`); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"status": release.State{Phase: release.Canary}, "spec": map[string]any{"people": nil}})
	if err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.Release
	if err := s.Patch(types.MergePatchType).Namespace(s.Namespace).Resource("releases").Name(r.Name).SubResource("status").Body(body).Do(t.Context()).Into(&got); err != nil {
		t.Fatal(err)
	}
	if got.Spec.People.Hold == nil || got.Status.Phase != release.Canary {
		t.Errorf("want the hold kept and the phase written, got %+v, %q", got.Spec.People.Hold, got.Status.Phase)
	}
}
