package act

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// refusal is a precondition that does not hold.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// resultOf sorts an error by what is to be done about it. What the API server finds wrong with a
// write (or an admission webhook, with 400) will be wrong the next time, too, unless the world changes:
// that is a refusal. A right that is missing can be granted, and all else may pass: these have failed.
func resultOf(err error) release.Result {
	var r refusal
	switch {
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
