package store

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// watching is a state with a cutover, and accepted one with nothing left to do.
func watching() release.State {
	return release.State{Phase: release.Watching, FirstTraffic: t0 + 1100, Cutover: t0 + 1200, Share: 100, Grid: schedule.Default()}
}

func accepted() release.State {
	s := watching()
	s.Phase, s.Ended, s.Settled = release.Accepted, t0+9000, true
	return s
}

func TestCreatingTwiceIsTheSameAsOnce(t *testing.T) {
	s := setup(t)
	first := s.create(1)
	later := spec(1)
	later.FirstSeen, later.Candidate.Replicas = t0+2000, 5 // as a second look would have it
	again, err := s.store.Create(t.Context(), s.lab.Namespace, later)
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{LabelActive: "true", LabelPolicy: "echo", LabelSlot: "green"}
	if diff := cmp.Diff(want, first.Labels); diff != "" || first.Name != "echo-1" {
		t.Errorf("%s: %s", first.Name, diff)
	}
}

func TestAnotherReleaseOfThatNameIsAnError(t *testing.T) {
	s := setup(t)
	s.create(1)
	for name, edit := range map[string]func(*release.Spec){
		"candidate": func(o *release.Spec) { o.Candidate.Revision = "ccc" },
		"stable":    func(o *release.Spec) { o.Stable.Revision = "ccc" },
		"slot":      func(o *release.Spec) { o.Candidate.Slot, o.Stable.Slot = "blue", "green" },
	} {
		other := spec(1)
		edit(&other)
		if _, err := s.store.Create(t.Context(), s.lab.Namespace, other); err == nil || !strings.Contains(err.Error(), "another one of that name") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	s := setup(t)
	before := signal.Number(0.25)
	verdict := judge.Verdict{At: t0 + 1500, Tier: judge.Rollback, Signal: "error-rate", Reason: "too many", Evidence: []judge.Evidence{{
		Signal: "error-rate", Kind: signal.Ratio, Tier: judge.Rollback, Value: 1.0 / 3, Total: 1e15,
		Bins: []signal.Bin{{End: t0 + 1500, Value: 0.1, Total: 30, Part: 10}, {End: t0 + 1560, Cause: signal.Idle}},
	}}}
	full := watching()
	full.Phase, full.Before, full.Latest, full.Decision = release.RollingBack, &before, &verdict, &verdict
	full.Verdict = release.Standing{Tier: judge.Rollback, Since: t0 + 1500, Signal: "error-rate"}
	full.Lines = []release.CheckLine{{Number: 1, Window: "active", At: t0 + 1500, Tier: judge.Rollback}}
	full.Conditions = []signal.Condition{{Type: release.ConditionHeld, Status: "True", Reason: "Person", LastTransitionTime: t0 + 1400}}
	full.Episode = release.Episode{Number: 1, Opened: t0 + 1500}
	full.Ladder = &release.Ladder{
		Step: release.Shift, Automatic: true, Decided: t0 + 1500, Verdict: verdict.Brief(), Routes: []string{"main"}, Needed: 3, Before: 0.25,
		Plan: release.Plan{
			Namespace: s.lab.Namespace, Policy: "echo", Generation: 4, Mode: release.Enforce, VirtualService: "echo",
			Slots:    []release.Slot{{Name: "blue", Deployment: "b", Host: "echo"}, {Name: "green", Deployment: "g", Host: "echo", Subset: "g"}},
			Schedule: schedule.Default(), GuardEvery: 15e9, Matrix: judge.Matrix{Rows: []judge.Row{}}, Questions: []release.Question{}, Prometheus: "main",
		},
	}
	for name, state := range map[string]release.State{"little": {Phase: release.Deployed}, "full": full, "ended": accepted()} {
		t.Run(name, func(t *testing.T) {
			r := s.create(int64(len(name)))
			saved := s.save(r, state)
			loaded := s.load(r.Name)
			if diff := cmp.Diff(state, loaded.Status, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(saved, loaded); diff != "" {
				t.Error("what Save returns is not what is there:", diff)
			}
		})
	}
}

func TestNotANumberSurvives(t *testing.T) {
	s := setup(t)
	state := watching()
	state.Latest = &judge.Verdict{At: t0 + 1500, Tier: judge.Blind, Evidence: []judge.Evidence{
		{Signal: "error-rate", Kind: signal.Ratio, Tier: judge.Blind, Value: signal.Number(math.NaN()), Cause: signal.Empty},
	}}
	s.save(s.create(1), state)
	if value := s.load("echo-1").Status.Latest.Evidence[0].Value; !value.IsNaN() {
		t.Errorf("NaN was loaded as %s", value)
	}
}

func TestWhatDoesNotDifferIsNotWritten(t *testing.T) {
	s := setup(t)
	saved := s.save(s.create(1), watching())
	s.dieAt(1)
	if again := s.save(saved, watching()); again.ResourceVersion != saved.ResourceVersion {
		t.Error("the same state was written twice")
	}
	next := watching()
	next.Checks = 1
	if _, err := s.store.Save(t.Context(), saved, next); !errors.Is(err, errLeaseLost) {
		t.Errorf("another state was not written: %v", err)
	}
}

// TestDeathAtAnyWrite takes the three writes of a save one by one: whichever did not happen any
// more, the next process finds a release that it can go on with.
func TestDeathAtAnyWrite(t *testing.T) {
	tests := []struct {
		cutover signal.Instant // in the spec
		phase   release.Phase
		active  bool
	}{
		{0, release.Canary, true},
		{t0 + 1200, release.Canary, true},
		{t0 + 1200, release.Accepted, true},
		{t0 + 1200, release.Accepted, false},
	}
	for i, test := range tests {
		t.Run(fmt.Sprintf("before write %d", i+1), func(t *testing.T) {
			s := setup(t)
			r := s.save(s.create(1), release.State{Phase: release.Canary})
			s.dieAt(i + 1)
			_, err := s.store.Save(t.Context(), r, accepted())
			if (err == nil) != !test.active || (err != nil && !errors.Is(err, errLeaseLost)) {
				t.Fatal(err)
			}
			raw, err := toRelease(s.raw("echo-1"))
			must(t, err)
			if raw.Spec.Cutover != test.cutover || raw.Status.Phase != test.phase || labelled(raw) != test.active {
				t.Errorf("cutover %s, phase %s, active %v; want %+v", raw.Spec.Cutover, raw.Status.Phase, labelled(raw), test)
			}
			s.before = nil
			loaded := s.load("echo-1")
			if loaded.Status.Cutover != test.cutover {
				t.Errorf("cutover %s was loaded, want %s", loaded.Status.Cutover, test.cutover)
			}
			if saved := s.save(loaded, accepted()); labelled(saved) || saved.Spec.Cutover != t0+1200 || saved.Status.Phase != release.Accepted {
				t.Errorf("could not be finished: %+v", saved)
			}
		})
	}
}

func TestALabelThatWasLeftIsRemovedAtTheNextLoad(t *testing.T) {
	s := setup(t)
	r := s.save(s.create(1), watching())
	s.dieAt(2)
	if _, err := s.store.Save(t.Context(), r, accepted()); !errors.Is(err, errLeaseLost) {
		t.Fatal(err)
	}
	if !labelled(s.load("echo-1")) {
		t.Error("removed without the lease")
	}
	if r, err := New(Config{Objects: s.objects}).Load(t.Context(), s.lab.Namespace, "echo-1"); err != nil || !labelled(r) {
		t.Errorf("a store that only reads: %v", err)
	}
	s.before = nil
	if r := s.load("echo-1"); labelled(r) || len(s.raw("echo-1").GetLabels()) != 2 {
		t.Errorf("labels %v are left", r.Labels)
	}
}

func TestALabelThatWasLostIsSetAgain(t *testing.T) {
	s := setup(t)
	r := s.save(s.create(1), accepted())
	if labelled(r) {
		t.Fatal("ended, and still labelled")
	}
	if r = s.save(r, watching()); !labelled(r) {
		t.Error("active, and not labelled")
	}
}

func TestSomebodyElsesWriteIsAConflict(t *testing.T) {
	for i, write := range []string{"the cutover", "the status", "the label"} {
		t.Run(write, func(t *testing.T) {
			s := setup(t)
			r := s.save(s.create(1), release.State{Phase: release.Canary})
			s.at(i+1, func() error { return s.say("echo-1", hold) })
			_, err := s.store.Save(t.Context(), r, accepted())
			if !IsConflict(err) {
				t.Fatalf("saved over a person's word: %v", err)
			}
			s.before = nil
			r = s.load("echo-1")
			if r.Spec.People.Hold == nil {
				t.Fatal("the person's word is lost")
			}
			if r = s.save(r, accepted()); r.Spec.People.Hold == nil || labelled(r) {
				t.Errorf("after a new load: %+v", r)
			}
		})
	}
}

func TestTheCutoverIsWrittenOnce(t *testing.T) {
	s := setup(t)
	r := s.save(s.create(1), watching())
	later := watching()
	later.Cutover = t0 + 1300
	if _, err := s.store.Save(t.Context(), r, later); err == nil || !strings.Contains(err.Error(), "can't become") {
		t.Errorf("the cutover was moved: %v", err)
	}
}

func TestAReleaseThatIsMadeAnewKeepsItsCutover(t *testing.T) {
	s := setup(t)
	backup := s.save(s.create(1), watching())
	must(t, s.store.releases(s.lab.Namespace).Delete(t.Context(), "echo-1", metav1.DeleteOptions{}))
	object, err := toObject(kindRelease, metav1.ObjectMeta{Namespace: s.lab.Namespace, Name: "echo-1", Labels: backup.Labels}, map[string]any{"spec": backup.Spec})
	must(t, err)
	_, err = s.store.releases(s.lab.Namespace).Create(t.Context(), object, metav1.CreateOptions{})
	must(t, err)
	want := release.State{Cutover: t0 + 1200}
	if diff := cmp.Diff(want, s.load("echo-1").Status); diff != "" {
		t.Error(diff)
	}
}

func TestAStatusThatIsTooLargeIsNotSaved(t *testing.T) {
	s := setup(t)
	r := s.create(1)
	state := watching()
	for len(state.Conditions) < 16 {
		state.Conditions = append(state.Conditions, signal.Condition{
			Type: fmt.Sprint("T", len(state.Conditions)), Status: "True", Reason: "R", Message: strings.Repeat("x", 1024), LastTransitionTime: t0 + 1,
		})
	}
	if r = s.save(r, state); r.Status.Conditions[15].Message == "" {
		t.Fatal("half of what may be saved was not")
	}
	state.Transitions = make([]judge.Verdict, 4)
	for i := range state.Transitions {
		state.Transitions[i] = judge.Verdict{At: t0, Tier: judge.Proceed, Evidence: []judge.Evidence{{Queries: []string{strings.Repeat("x", 4000)}}}}
	}
	_, err := s.store.Save(t.Context(), r, state)
	var tooLarge *TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Size <= MaxStatus || !strings.Contains(err.Error(), fmt.Sprint(tooLarge.Size)) {
		t.Errorf("error %v, want one that names the size", err)
	}
	if s.raw("echo-1").GetResourceVersion() != r.ResourceVersion {
		t.Error("something was written all the same")
	}
}

func TestAStoreThatOnlyReadsWritesNothing(t *testing.T) {
	s := setup(t)
	r := s.create(1)
	reader := New(Config{Objects: s.objects})
	if _, err := reader.Create(t.Context(), s.lab.Namespace, spec(2)); !errors.Is(err, errReadOnly) {
		t.Error(err)
	}
	if _, err := reader.Save(t.Context(), r, watching()); !errors.Is(err, errReadOnly) {
		t.Error(err)
	}
}

func TestAReleaseThatIsNotThereIsMissing(t *testing.T) {
	s := setup(t)
	if _, err := s.store.Load(t.Context(), s.lab.Namespace, "echo-1"); !IsMissing(err) {
		t.Error(err)
	}
	s.create(1)
	if _, err := s.store.Load(t.Context(), s.lab.Namespace, "echo-1"); err != nil {
		t.Error(err)
	}
}
