package policy_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestReady(t *testing.T) {
	missing := policy.Because(policy.DeploymentMissing, "Deployment shop-blue does not exist")
	invalid := policy.Error{Reason: policy.Invalid, Path: "spec.mode", Text: "is odd"}
	was := &signal.Condition{Type: "Ready", Status: "False", Reason: "Invalid", LastTransitionTime: 100}
	for name, c := range map[string]struct {
		was  *signal.Condition
		errs []error
		want signal.Condition
	}{
		"first sight": {nil, nil, signal.Condition{Type: "Ready", Status: "True", Reason: "Watching", LastTransitionTime: 500, ObservedGeneration: 3}},
		"mended":      {was, nil, signal.Condition{Type: "Ready", Status: "True", Reason: "Watching", LastTransitionTime: 500, ObservedGeneration: 3}},
		"still bad": {was, []error{missing}, signal.Condition{Type: "Ready", Status: "False", Reason: "DeploymentMissing",
			Message: "Deployment shop-blue does not exist", LastTransitionTime: 100, ObservedGeneration: 3}},
		"two errors": {nil, []error{invalid, missing}, signal.Condition{Type: "Ready", Status: "False", Reason: "Invalid",
			Message: "spec.mode: is odd; Deployment shop-blue does not exist", LastTransitionTime: 500, ObservedGeneration: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, policy.Ready(500, 3, c.was, c.errs...)); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadyFitsIntoTheSchema(t *testing.T) {
	long := policy.Because(policy.Invalid, "%s", strings.Repeat("ü", 2000))
	short := policy.Because(policy.Invalid, "%s", strings.Repeat("x", 400))
	if got := policy.Ready(1, 1, nil, long).Message; utf8.RuneCountInString(got) > 1024 || !utf8.ValidString(got) {
		t.Errorf("%d characters", utf8.RuneCountInString(got))
	}
	got := policy.Ready(1, 1, nil, short, short, short, short).Message
	if utf8.RuneCountInString(got) > 1024 || !strings.HasSuffix(got, "; and 2 more") {
		t.Errorf("got %d characters: …%s", utf8.RuneCountInString(got), got[len(got)-20:])
	}
}
