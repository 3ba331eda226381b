// Package access asks Kubernetes whose a bearer token is, and which releases its owner may get.
//
// It keeps what Kubernetes said for a minute, so that a page costs it little: a right that was taken away
// ends within a minute. Tokens themselves are not kept, only their digests; how much is kept is bounded.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	keptFor = time.Minute
	// mostUsers and mostAnswers are how much is kept.
	mostUsers   = 1024
	mostAnswers = 8192
	// askWithin is how long one question to the API server may take.
	askWithin = 5 * time.Second
	// longestToken is more than any token of Kubernetes has, in bytes.
	longestToken = 8 << 10
)

// ErrNobody is that a token is nobody's.
var ErrNobody = errors.New("the token is nobody's")

// Reviewer asks Kubernetes. Its methods may be called from several goroutines.
type Reviewer struct {
	client  kubernetes.Interface
	users   memory[digest, *authentication.UserInfo] // nil: nobody
	answers memory[question, bool]
}

// New makes a Reviewer. The client should have a rate limit of its own: whoever reaches the page makes it ask.
func New(client kubernetes.Interface) *Reviewer {
	return &Reviewer{client: client, users: memory[digest, *authentication.UserInfo]{most: mostUsers}, answers: memory[question, bool]{most: mostAnswers}}
}

type digest [sha256.Size]byte

// question is whether the owner of a token may get the releases of a namespace; of all, for "".
type question struct {
	token     digest
	namespace string
}

// Who gives what tells whether the token's owner may get the releases of a namespace, and of all namespaces
// for "". Its error is ErrNobody where the token is nobody's.
func (r *Reviewer) Who(ctx context.Context, token string) (func(ctx context.Context, namespace string) (bool, error), error) {
	if len(token) > longestToken {
		return nil, ErrNobody
	}
	key := digest(sha256.Sum256([]byte(token)))
	user, err := r.users.ask(key, func() (*authentication.UserInfo, error) { return r.authenticate(ctx, token) })
	if err != nil {
		return nil, err
	}
	if user == nil {
		return nil, ErrNobody
	}
	return func(ctx context.Context, namespace string) (bool, error) {
		return r.answers.ask(question{key, namespace}, func() (bool, error) { return r.mayGet(ctx, user, namespace) })
	}, nil
}

// authenticate gives the token's owner, or nil.
func (r *Reviewer) authenticate(ctx context.Context, token string) (*authentication.UserInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	review := &authentication.TokenReview{Spec: authentication.TokenReviewSpec{Token: token}}
	answer, err := r.client.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("review a token: %w", err)
	}
	if !answer.Status.Authenticated || answer.Status.User.Username == "" {
		return nil, nil
	}
	return &answer.Status.User, nil
}

func (r *Reviewer) mayGet(ctx context.Context, user *authentication.UserInfo, namespace string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	extra := make(map[string]authorization.ExtraValue, len(user.Extra))
	for k, v := range user.Extra {
		extra[k] = authorization.ExtraValue(v)
	}
	review := &authorization.SubjectAccessReview{Spec: authorization.SubjectAccessReviewSpec{
		User: user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
		ResourceAttributes: &authorization.ResourceAttributes{Namespace: namespace, Verb: "get", Group: "greenwatch.dev", Resource: "releases"},
	}}
	answer, err := r.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("review the access of %s: %w", user.Username, err)
	}
	return answer.Status.Allowed && !answer.Status.Denied, nil
}
