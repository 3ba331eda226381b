package main

import (
	"context"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// signer is the name that a person's word is said by: the one that the API server knows the person by, since
// its admission policy takes no other. A name that is given is taken as it is, for API servers that can't tell.
func (p person) signer(ctx context.Context, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	who, err := p.kube.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return "", fmt.Errorf("the API server does not tell who you are, as before Kubernetes 1.28: say your name as it knows it, with --by NAME: %w", err)
	case err != nil:
		return "", fmt.Errorf("ask the API server who you are: %w", err)
	}
	return who.Status.UserInfo.Username, nil
}

// refused says what a person lacks whom Kubernetes' rights stop. An admission policy says so itself.
func (p person) refused(err error) error {
	if !apierrors.IsForbidden(err) || strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
		return err
	}
	return fmt.Errorf("%w; role greenwatch-operator in namespace %s gives the right", err, p.namespace)
}
