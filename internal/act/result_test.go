package act

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

func TestResultOf(t *testing.T) {
	deployments, kind := schema.GroupResource{Group: "apps", Resource: "deployments"}, schema.GroupKind{Group: "apps", Kind: "Deployment"}
	// What a webhook says that gives its denial neither a code nor a reason.
	webhook := &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusBadRequest, Message: `admission webhook "x" denied the request: total weight is 0`}}
	unfit := apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", "testing value failed", 0, false)
	tests := map[string]struct {
		err  error
		want release.Result
	}{
		"a precondition":     {refuse("no"), release.Refused},
		"a conflict":         {apierrors.NewConflict(deployments, "a", errors.New("modified")), release.Conflict},
		"an invalid object":  {apierrors.NewInvalid(kind, "a", nil), release.Refused},
		"a patch's test":     {meanwhile{unfit}, release.Conflict},
		"a webhook's no":     {webhook, release.Refused},
		"it is gone":         {writing(apierrors.NewNotFound(deployments, "a"), "patch", "deployments", "shop"), release.Refused},
		"a missing right":    {apierrors.NewForbidden(deployments, "a", errors.New("no")), release.Failed},
		"a bad token":        {apierrors.NewUnauthorized("no"), release.Failed},
		"a server's error":   {apierrors.NewInternalError(errors.New("etcd")), release.Failed},
		"a webhook is away":  {apierrors.NewInternalError(errors.New("failed calling webhook")), release.Failed},
		"a server's timeout": {apierrors.NewTimeoutError("slow", 1), release.Failed},
		"too many requests":  {apierrors.NewTooManyRequests("wait", 1), release.Failed},
		"our own timeout":    {context.DeadlineExceeded, release.Failed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := fmt.Errorf("wrapped: %w", writing(test.err, "patch", "deployments", "shop"))
			if got := resultOf(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
		})
	}
}

// A patch that does not fit the object that is there now is told from an object that is not valid.
func TestWhatIsUnapplied(t *testing.T) {
	unfit := apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", "testing value failed", 0, false)
	kind := schema.GroupKind{Group: "networking.istio.io", Kind: "VirtualService"}
	policy := apierrors.NewForbidden(schema.GroupResource{Resource: "virtualservices"}, "echo", errors.New("denied")) // as an admission policy answers
	policy.ErrStatus.Code, policy.ErrStatus.Reason = http.StatusUnprocessableEntity, metav1.StatusReasonInvalid
	for _, err := range []error{apierrors.NewInvalid(kind, "echo", nil), policy, apierrors.NewConflict(schema.GroupResource{}, "echo", nil), errors.New("no"), nil} {
		if unapplied(err) {
			t.Errorf("%v is not about the patch", err)
		}
	}
	if !unapplied(fmt.Errorf("wrapped: %w", unfit)) {
		t.Errorf("%v is about the patch", unfit)
	}
}

func TestAnActionThatCantBeUnderstoodTouchesNothing(t *testing.T) {
	plan := release.Plan{Namespace: "shop", Slots: []release.Slot{{Name: "blue"}, {Name: "green"}}}
	elsewhere, nowhere := plan, plan
	elsewhere.Namespace, nowhere.Namespace = "victim", ""
	blue, green := release.Side{Slot: "blue", Revision: "b"}, release.Side{Slot: "green", Revision: "g"}
	tests := map[string]struct {
		action release.Action
		want   release.Result
	}{
		"no frozen plan":   {release.Action{Deed: release.SetShares, Stable: blue, Candidate: green}, release.Failed},
		"a slot is absent": {release.Action{Deed: release.SetShares, Ladder: &release.Ladder{Plan: release.Plan{Namespace: "shop"}}, Stable: blue, Candidate: green}, release.Failed},
		"both are in one slot": {release.Action{
			Deed: release.SetShares, Ladder: &release.Ladder{Plan: plan}, Stable: release.Side{Slot: "green", Revision: "b"}, Candidate: green,
		}, release.Refused},
		"stable is gone": {release.Action{
			Deed: release.SetShares, Ladder: &release.Ladder{Plan: plan}, Stable: release.Side{Slot: "blue"}, Candidate: green,
		}, release.Refused},
		"of another namespace": {release.Action{Deed: release.SetShares, Ladder: &release.Ladder{Plan: elsewhere}, Stable: blue, Candidate: green}, release.Refused},
		"of no namespace":      {release.Action{Deed: release.ScaleAway, Ladder: &release.Ladder{Plan: nowhere}, Stable: blue, Candidate: green}, release.Refused},
		"a message":            {release.Action{Deed: release.OpenPage, Ladder: &release.Ladder{Plan: plan}, Stable: blue, Candidate: green}, release.Failed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			actor := New(Config{}) // any request would be a panic
			if got, detail := actor.Perform(t.Context(), "shop", test.action); got != test.want || detail == "" {
				t.Errorf("%s: %q, want %s with a detail", got, detail, test.want)
			}
		})
	}
}
