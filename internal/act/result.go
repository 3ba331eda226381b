package act

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// refusal is a precondition that does not hold.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// How often a write is tried at once when others write in between; the first tries are fenced by the version
// of the whole object.
const (
	mostTries = 6
	versioned = 2
)

// atOnce reads, decides and writes again as long as others write in between. What is written rests each time
// on what was read right before it.
func atOnce(do func(try int) (string, error)) (done string, err error) {
	for try := range mostTries {
		if done, err = do(try); resultOf(err) != release.Conflict {
			break
		}
	}
	return done, err
}

// meanwhile is that others wrote what a patch rests on.
type meanwhile struct{ error }

func (m meanwhile) Error() string { return "the routes were changed in between: " + m.error.Error() }
func (m meanwhile) Unwrap() error { return m.error }

// unapplied tells whether the API server could not apply a JSON patch to the object that it has: of all the
// answers 422 this is the one that is about the patch rather than about an object that came of it.
func unapplied(err error) bool {
	var s apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &s) {
		return false
	}
	d := s.Status().Details
	return strings.HasPrefix(s.Status().Message, "the server rejected our request") && (d == nil || d.Name == "" && len(d.Causes) == 0)
}

// resultOf sorts an error by what is to be done about it. What the API server finds wrong with a
// write (or an admission webhook, with 400) will be wrong the next time, too, unless the world changes:
// that is a refusal. A right that is missing can be granted, and all else may pass: these have failed.
func resultOf(err error) release.Result {
	var r refusal
	var m meanwhile
	switch {
	case err == nil:
		return release.Performed
	case errors.As(err, &m):
		return release.Conflict
	case errors.As(err, &r), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return release.Refused
	case apierrors.IsConflict(err):
		return release.Conflict
	}
	return release.Failed
}

// writing wraps the error of a write, and says which right is missing if it is one.
func writing(err error, verb, resource, namespace string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return refuse("%s %s: it is gone: %v", verb, resource, err)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fmt.Errorf("the right to %s %s in namespace %s is missing, or an admission policy forbids it: %w", verb, resource, namespace, err)
	}
	return fmt.Errorf("%s %s: %w", verb, resource, err)
}
