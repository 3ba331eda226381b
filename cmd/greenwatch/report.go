package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	conflicts "k8s.io/client-go/util/retry"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// reportSeen writes a person's report into a release's spec.people, or retracts one. The list is written
// whole, fenced by the version that was read, so that two people who report at once both do.
func reportSeen(ctx context.Context, o cli.ReportOptions) (release.Report, error) {
	p, err := as(o.Cluster)
	if err != nil {
		return release.Report{}, err
	}
	by, err := p.signer(ctx, o.By)
	if err != nil {
		return release.Report{}, err
	}
	var made release.Report
	err = conflicts.RetryOnConflict(conflicts.DefaultRetry, func() (err error) {
		made, err = p.reports(ctx, o, by)
		return err
	})
	return made, p.refused(err)
}

func (p person) reports(ctx context.Context, o cli.ReportOptions, by string) (release.Report, error) {
	r, err := p.store.Load(ctx, p.namespace, o.Release)
	if err != nil {
		return release.Report{}, err
	}
	all, made, err := r.Spec.People.Retracting(o.Retract)
	if o.Retract == "" {
		if err := p.knowsKind(ctx, r.Spec.Policy, o.Kind); err != nil {
			return release.Report{}, err
		}
		all, made, err = r.Spec.People.Reporting(release.Report{Kind: o.Kind, By: by, Text: o.Text})
	}
	if err != nil {
		return release.Report{}, err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": r.ResourceVersion},
		"spec":     map[string]any{"people": map[string]any{"reports": all}},
	})
	if err != nil {
		return release.Report{}, err
	}
	_, err = p.objects.Resource(v1alpha1.Releases()).Namespace(p.namespace).Patch(ctx, o.Release, types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: "kubectl-greenwatch"})
	return made, err
}

// knowsKind refuses a kind that the policy has no signal for: nothing would ever come of the report.
func (p person) knowsKind(ctx context.Context, policy, kind string) error {
	object, err := p.store.LoadPolicy(ctx, p.namespace, policy)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var kinds []string
	for _, s := range object.Spec.Signals {
		if s.Report != "" {
			kinds = append(kinds, s.Report)
		}
	}
	if slices.Contains(kinds, kind) {
		return nil
	}
	if len(kinds) == 0 {
		return fmt.Errorf("policy %s has no signal for reports; add one, such as {name: %[2]s, report: %[2]s, consider: {reported: true}}", policy, kind)
	}
	return fmt.Errorf("policy %s has no signal for reports of kind %q; it has %s", policy, kind, strings.Join(kinds, ", "))
}
