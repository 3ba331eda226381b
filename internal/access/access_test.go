package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
)

// server is an API server that knows Alice, who may get the releases of namespace production. It counts what
// it is asked.
type server struct {
	tokens, accesses int
	away             error
	barred           bool
}

func (s *server) reviewer() *Reviewer {
	c := fake.NewClientset()
	c.PrependReactor("create", "tokenreviews", func(a core.Action) (bool, runtime.Object, error) {
		s.tokens++
		r := a.(core.CreateAction).GetObject().(*authentication.TokenReview).DeepCopy()
		if r.Spec.Token == "alices" {
			r.Status = authentication.TokenReviewStatus{Authenticated: true, User: authentication.UserInfo{Username: "alice", UID: "7", Groups: []string{"oncall"},
				Extra: map[string]authentication.ExtraValue{"scopes": {"all"}}}}
		}
		return true, r, s.away
	})
	c.PrependReactor("create", "subjectaccessreviews", func(a core.Action) (bool, runtime.Object, error) {
		s.accesses++
		r := a.(core.CreateAction).GetObject().(*authorization.SubjectAccessReview).DeepCopy()
		x := r.Spec.ResourceAttributes
		r.Status.Allowed = !s.barred && r.Spec.User == "alice" && r.Spec.UID == "7" && slices.Contains(r.Spec.Groups, "oncall") && r.Spec.Extra["scopes"][0] == "all" &&
			x.Namespace == "production" && x.Verb == "get" && x.Group == "greenwatch.dev" && x.Resource == "releases"
		return true, r, s.away
	})
	return New(c)
}

func TestWhoMayGetWhat(t *testing.T) {
	s := &server{}
	r := s.reviewer()
	sees, err := r.Who(t.Context(), "alices")
	if err != nil {
		t.Fatal(err)
	}
	for namespace, want := range map[string]bool{"production": true, "other": false, "": false} {
		if got, err := sees(t.Context(), namespace); err != nil || got != want {
			t.Errorf("alice in %q: %t, %v; want %t", namespace, got, err, want)
		}
	}
	for _, token := range []string{"forged", strings.Repeat("x", 1<<20)} {
		if _, err := r.Who(t.Context(), token); !errors.Is(err, ErrNobody) {
			t.Errorf("token %.10s: %v, want %v", token, err, ErrNobody)
		}
	}
	if s.tokens != 2 {
		t.Errorf("%d tokens were reviewed, want 2: one is too long for any", s.tokens)
	}
}

func TestAnswersAreKeptForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		r := s.reviewer()
		look := func() bool {
			sees, err := r.Who(t.Context(), "alices")
			if err != nil {
				t.Fatal(err)
			}
			may, err := sees(t.Context(), "production")
			if err != nil {
				t.Fatal(err)
			}
			r.Who(t.Context(), "forged") //nolint:errcheck // it is nobody's
			return may
		}
		for range 50 {
			look()
		}
		if s.tokens != 2 || s.accesses != 1 {
			t.Errorf("for 50 pages %d tokens and %d accesses were reviewed, want 2 and 1", s.tokens, s.accesses)
		}
		s.barred = true
		if !look() {
			t.Error("the answer was not kept")
		}
		time.Sleep(keptFor)
		if look() {
			t.Error("a right that was taken away lasts for more than a minute")
		}
	})
}

func TestWhatFailsIsNotKept(t *testing.T) {
	s := &server{away: errors.New("no API server")}
	r := s.reviewer()
	if _, err := r.Who(t.Context(), "alices"); err == nil || errors.Is(err, ErrNobody) {
		t.Errorf("without an API server: %v", err)
	}
	s.away = nil
	sees, err := r.Who(t.Context(), "alices")
	if err != nil {
		t.Fatal(err)
	}
	s.away = errors.New("no API server")
	if may, err := sees(t.Context(), "production"); may || err == nil {
		t.Errorf("without an API server: %t, %v", may, err)
	}
	s.away = nil
	if may, err := sees(t.Context(), "production"); !may || err != nil {
		t.Errorf("with it again: %t, %v", may, err)
	}
}

func TestLittleIsKept(t *testing.T) {
	r := (&server{}).reviewer()
	for i := range 3 * mostUsers {
		r.Who(context.Background(), fmt.Sprint("forged-", i)) //nolint:errcheck // it is nobody's
	}
	if n := len(r.users.kept); n > mostUsers || n == 0 {
		t.Errorf("%d tokens are kept, want at most %d, and some", n, mostUsers)
	}
}
