package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

var shared = lab.Shared{Options: lab.Options{NoIstiod: true}}

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

const aRelease = `
apiVersion: greenwatch.dev/v1alpha1
kind: WatchPolicy
metadata: {name: kb, namespace: %[1]s}
spec:
  traffic: {virtualService: kb}
  slots:
  - {name: blue, deployment: b, destination: {host: b}}
  - {name: green, deployment: g, destination: {host: g}}
  signals:
  - {name: exploited, report: security, rollback: {reported: true}}
  - {name: complaints, report: complaint, consider: {reported: true}}
---
apiVersion: greenwatch.dev/v1alpha1
kind: Release
metadata: {name: kb-1, namespace: %[1]s}
spec:
  policy: kb
  number: 1
  firstSeen: "2026-01-01T00:00:00Z"
  candidate: {slot: green, revision: r2}
  stable: {slot: blue, revision: r1}
  people: {hold: {by: bob, until: "2026-01-01T04:00:00Z"}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: oncall, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: greenwatch-operator}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: oncall}
`

// desk is where alice, who is an operator, reports from.
func desk(t *testing.T) cli.ReportOptions {
	t.Helper()
	l := shared.ForTest(t)
	if err := l.ApplyKustomization(t.Context(), filepath.Join("..", "..", "deploy")); err != nil {
		t.Fatal(err)
	}
	if err := l.Apply(t.Context(), fmt.Sprintf(aRelease, l.Namespace)); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := l.Kubeconfig(lab.Alice)
	if err != nil {
		t.Fatal(err)
	}
	o := cli.ReportOptions{Cluster: cli.Cluster{Kubeconfig: kubeconfig, Namespace: l.Namespace}, Release: "kb-1"}
	admitted(t, o)
	return o
}

// admitted waits until the API server knows of alice's rights: it learns of them from a watch of its own.
func admitted(t *testing.T, o cli.ReportOptions) {
	t.Helper()
	p, err := as(o.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := p.store.Load(ctx, p.namespace, o.Release)
		if apierrors.IsForbidden(err) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func peopleOf(t *testing.T, o cli.ReportOptions) release.People {
	t.Helper()
	p, err := as(o.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.store.Load(t.Context(), p.namespace, o.Release)
	if err != nil {
		t.Fatal(err)
	}
	return r.Spec.People
}

func TestAnOperatorReportsAndRetracts(t *testing.T) {
	o := desk(t)
	report, retract := o, o
	report.Kind, report.Text, retract.Retract = "security", "tokens in the answers", "security-1"
	for range 2 {
		if _, err := reportSeen(t.Context(), report); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := reportSeen(t.Context(), retract); err != nil || !r.Retracted {
		t.Fatalf("retracted %+v, %v", r, err)
	}
	got := peopleOf(t, o)
	want := []release.Report{
		{ID: "security-1", Kind: "security", By: "alice", Text: "tokens in the answers", Retracted: true},
		{ID: "security-2", Kind: "security", By: "alice", Text: "tokens in the answers"},
	}
	if diff := cmp.Diff(want, got.Reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if got.Hold == nil || got.Hold.By != "bob" {
		t.Errorf("bob's hold is gone: %+v", got.Hold)
	}
}

func TestPeopleWhoReportAtOnceAllDo(t *testing.T) {
	o := desk(t)
	o.Kind = "complaint"
	var all sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		all.Go(func() { _, errs[i] = reportSeen(t.Context(), o) })
	}
	all.Wait()
	var ids []string
	for _, r := range peopleOf(t, o).Reports {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"complaint-1", "complaint-2", "complaint-3"}, ids); diff != "" {
		t.Errorf("reports (-want +got):\n%s\n%v", diff, errs)
	}
}

func TestReportsThatNothingWouldComeOf(t *testing.T) {
	o := desk(t)
	for name, c := range map[string]struct {
		change func(*cli.ReportOptions)
		want   string
	}{
		"a kind without a signal": {func(o *cli.ReportOptions) { o.Kind = "secuirty" }, `policy kb has no signal for reports of kind "secuirty"; it has security, complaint`},
		"a report that is not":    {func(o *cli.ReportOptions) { o.Retract = "security-9" }, `no report "security-9"; it has none`},
		"a release that is not":   {func(o *cli.ReportOptions) { o.Release, o.Kind = "kb-9", "security" }, `"kb-9" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			c.change(&o)
			if _, err := reportSeen(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
