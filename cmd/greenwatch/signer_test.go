package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

func TestAWordIsSignedAsTheAPIServerKnowsThePerson(t *testing.T) {
	unserved := apierrors.NewNotFound(schema.GroupResource{Resource: "selfsubjectreviews"}, "")
	for name, c := range map[string]struct {
		answer error
		given  string
		want   string // the name, or part of the error
	}{
		"asked":                        {nil, "", "alice"},
		"given":                        {nil, "carol", "carol"},
		"given, where it is not known": {unserved, "carol", "carol"},
		"not known":                    {unserved, "", "say your name as it knows it, with --by NAME"},
		"not to be asked":              {apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("no")), "", "with --by NAME"},
		"no answer":                    {errors.New("connection refused"), "", "ask the API server who you are: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			kube := fake.NewClientset()
			kube.PrependReactor("create", "selfsubjectreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, &authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: "alice"}}}, c.answer
			})
			got, err := person{clients: clients{kube: kube}}.signer(t.Context(), c.given)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A person signs with the own name, and with no other; who lacks the right is told which role gives it.
func TestWordsAreTakenInOnesOwnNameAlone(t *testing.T) {
	o := desk(t)
	alice := cli.Word{Cluster: o.Cluster, Release: o.Release, Hold: time.Hour}
	bob := alice
	kubeconfig, err := shared.ForTest(t).Kubeconfig(lab.Bob)
	if err != nil {
		t.Fatal(err)
	}
	bob.Kubeconfig = kubeconfig
	other, asOther := alice, o
	other.By, asOther.By, asOther.Kind = "carol", "carol", "security"

	refused(t, "a hold is spoken in one's own name; write by: alice", func() error { _, err := say(t.Context(), other); return err })
	refused(t, "a report is made in one's own name; write by: alice", func() error { _, err := reportSeen(t.Context(), asOther); return err })
	if by, err := say(t.Context(), alice); err != nil || by != "alice" {
		t.Errorf("alice holds: by %q, %v", by, err)
	}
	alice.Hold, alice.Decision = 0, release.ChooseRollback
	refused(t, "which you may not patch yourself, and the release is not in mode Enforce (status.mode): ask somebody who may", func() error { _, err := say(t.Context(), alice); return err })
	alice.Decision = release.ChooseAccept
	if by, err := say(t.Context(), alice); err != nil || by != "alice" {
		t.Errorf("alice decides: by %q, %v", by, err)
	}
	refused(t, "role greenwatch-operator in namespace "+o.Namespace+" gives the right", func() error { _, err := say(t.Context(), bob); return err })
}

// refused waits until somebody's word is: the API server takes some seconds to know its admission policies.
func refused(t *testing.T, want string, try func() error) {
	t.Helper()
	err := lab.Until(t.Context(), func(context.Context) error {
		if err := try(); err == nil || !strings.Contains(err.Error(), want) {
			return errors.Join(errors.New("not refused with: "+want), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
