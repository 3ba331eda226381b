package finding

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const breach = "error-rate is 8.1 %, above 5 % for 5m"

func page(code release.Code, text string) release.Incident {
	return release.Incident{Code: code, Episode: 1, Severity: release.Critical, Opened: at(20), Text: text}
}

func TestASummarySaysWhatHappenedThenWhatWasDoneThenWhatToDo(t *testing.T) {
	lost := rolling(release.Done, func(l *release.Ladder) { proof(l); l.Lost = "argocd" })
	for _, c := range []struct {
		code  release.Code
		text  string
		state release.State
		want  string
	}{
		{release.CodeRollback, breach, rolling(release.Ready, same),
			"production/knowledgebeast v2 (green): rolling back to v1 (blue): error-rate is 8.1 %, above 5 % for 5m. Now: See that the traffic arrives at v1 (blue);"},
		{release.CodeDecisionRefused, "Rollback by anna is refused: the release is over: Accepted", watching(),
			"production/knowledgebeast v2 (green): Rollback by anna is refused: the release is over: Accepted. Now: Remove"},
		{release.CodeRollbackLost, "argocd put traffic back on the candidate; its weights stand", lost,
			"production/knowledgebeast v2 (green): the rollback to v1 (blue) was undone by argocd, whose weights stand. Now: Stop the other writer"},
		{release.CodeRollbackStuck, "no replica is ready; 3 are needed.", rolling(release.Ready, same),
			"production/knowledgebeast v2 (green): the rollback to v1 (blue) can't go on and the traffic stays on v2 (green): no replica is ready; 3 are needed. Now: Make v1 (blue) able to serve"},
		{release.CodeRollbackWithheld, breach + "; not rolled back: the mode is Observe", watching(),
			"production/knowledgebeast v2 (green): the matrix calls for a rollback to v1 (blue), which is withheld: " + breach + "; not rolled back: the mode is Observe. Now: Decide: kubectl greenwatch rollback knowledgebeast-7 -n production,"},
		{release.CodeHalted, "OneRollback: it would be rolled back a second time", watching(),
			"production/knowledgebeast v2 (green): greenwatch was about to do what must never be, and did not: it moves nothing by itself any more: OneRollback: it would be rolled back a second time. Now: Decide: kubectl greenwatch rollback knowledgebeast-7 -n production"},
		{release.CodeStableBad, breach, rolling(release.WatchStable, proof),
			"production/knowledgebeast v2 (green): v1 (blue) is bad after the rollback: error-rate"},
	} {
		got, _ := Words("production", page(c.code, c.text), spec(), c.state)
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s…", c.code, got, c.want)
		}
	}
}

func TestASummaryFitsAndKeepsWhatToDo(t *testing.T) {
	for _, e := range pages() {
		long := strings.Repeat("ä€", 600)
		s := spec()
		s.Candidate.Version = strings.Repeat("v", 128)
		got, _ := Words("production", page(e.Code, long), s, watching())
		if len(got) > 1024 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, valid %t", e.Code, len(got), utf8.ValidString(got))
		}
		if !strings.HasSuffix(got, Facts{Namespace: "production", Spec: s}.Fill(e.Do)) {
			t.Errorf("%s: what to do was cut: %s", e.Code, got)
		}
	}
}

func TestWordsAreTheSameEachTime(t *testing.T) {
	s := rolling(release.Ready, same)
	text, details := Words("production", page(release.CodeRollback, breach), spec(), s)
	text2, details2 := Words("production", page(release.CodeRollback, breach), spec(), s)
	if text != text2 || !reflect.DeepEqual(details, details2) {
		t.Error("the same state gives another page")
	}
}

func TestDetailsExplain(t *testing.T) {
	s := rolling(release.Ready, func(l *release.Ladder) {})
	s.Readiness, s.ReadinessReason = release.Partial, "1 of the 3 replicas that the load needs are ready"
	s.Latest = &judge.Verdict{At: at(10), Generation: 3, Evidence: []judge.Evidence{{Signal: "old"}}}
	s.Decision = &judge.Verdict{At: at(20), Generation: 4, Evidence: []judge.Evidence{
		{Signal: "error-rate", Kind: signal.Ratio, Tier: judge.Rollback, Value: 0.081},
		{Signal: "p99-latency", Kind: signal.Quantile, Unit: "seconds", Tier: judge.Blind, Value: 0.2, Cause: signal.Gap}}}
	_, details := Words("production", page(release.CodeRollback, breach), spec(), s)
	want := map[string]any{
		"release": "knowledgebeast-7", "candidate": "v2 (green)", "stable": "v1 (blue)", "phase": "RollingBack", "share": "100 %",
		"explain": "kubectl greenwatch why knowledgebeast-7 -n production", "policy_generation": int64(4),
		"rollback_readiness": "Partial: 1 of the 3 replicas that the load needs are ready",
		"signals":            []string{"error-rate: 8.1 %, Rollback", "p99-latency: 200 ms, Blind (Gap)"},
	}
	for key, value := range want {
		if !reflect.DeepEqual(details[key], value) {
			t.Errorf("%s = %v, want %v", key, details[key], value)
		}
	}
}

func TestWordsWithoutARelease(t *testing.T) {
	got, details := Words("", page(release.CodePrometheusAway, "main: no answer for 2m"), release.Spec{}, release.State{})
	if !strings.HasPrefix(got, "greenwatch: Prometheus does not answer as it should") || strings.Contains(got, "unknown") {
		t.Error(got)
	}
	if _, ok := details["release"]; ok {
		t.Errorf("names a release: %v", details)
	}
}

func TestWordsOfACodeThatIsNotInTheCatalogue(t *testing.T) {
	got, _ := Words("production", page("Strange", "so it is"), spec(), watching())
	if want := "production/knowledgebeast v2 (green): Strange: so it is."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestName(t *testing.T) {
	for want, side := range map[string]release.Side{
		"v2 (green)":                  {Slot: "green", Revision: "9f8e", Version: "v2"},
		"revision 9f8e7d6c5b (green)": {Slot: "green", Revision: "9f8e7d6c5b4a"},
		"blue":                        {Slot: "blue"},
		"unknown":                     {},
	} {
		if got := Name(side); got != want {
			t.Errorf("Name(%+v) = %q, want %q", side, got, want)
		}
	}
}

func TestTheWeightsToKeepAreSaidAsAVirtualServiceHasThem(t *testing.T) {
	s := spec()
	if got, want := (Facts{Spec: s}).Fill("{weights}"), "100 for v1 (blue) and 0 for v2 (green)"; got != want {
		t.Errorf("without a service: %q, want %q", got, want)
	}
	s.Service = &release.Service{VirtualService: "kb", Slots: []release.Slot{{Name: "green", Host: "kb-green"}, {Name: "blue", Host: "kb", Subset: "blue"}}}
	if got, want := (Facts{Spec: s}).Fill("{weights}"),
		"route: [{destination: {host: kb-green}, weight: 0}, {destination: {host: kb, subset: blue}, weight: 100}] in VirtualService kb"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
