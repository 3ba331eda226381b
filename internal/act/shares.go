package act

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/istio"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

// setShares moves all of the candidate's traffic to stable, in each watched route, if stable can
// serve it (the promise ready-first). The first tries are fenced by the version of the whole object, the
// others by the routes alone: who keeps on writing something else does not keep the weights from being set.
func (a *Actor) setShares(ctx context.Context, o order) (string, error) {
	return atOnce(func(try int) (string, error) {
		s, err := a.see(ctx, o)
		if err != nil {
			return "", err
		}
		if err := canServe(o, s.ready, s.serving); err != nil {
			return "", err
		}
		return a.patch(ctx, o, s.routing, try >= versioned)
	})
}

// seen is what a move of the traffic rests on.
type seen struct {
	ready, serving int32
	routing        routing
}

// see asks for all of it side by side, for a slow API server's sake.
func (a *Actor) see(ctx context.Context, o order) (s seen, err error) {
	reads := []func() error{
		func() (err error) { s.ready, err = a.stableReady(ctx, o); return err },
		func() (err error) { s.serving, err = a.candidateReady(ctx, o); return err },
		func() (err error) { s.routing, err = a.virtualService(ctx, o); return err },
		func() error { return a.leadsThere(ctx, o) },
	}
	errs := make([]error, len(reads))
	var all sync.WaitGroup
	for i, read := range reads {
		all.Go(func() { errs[i] = caught.Call(read) })
	}
	all.Wait()
	return s, cmp.Or(errs...)
}

// leadsThere refuses a destination of stable's that leads elsewhere than to its pods. Where that can't be told, what
// the route leads to, or led to, is taken for what it is.
func (a *Actor) leadsThere(ctx context.Context, o order) error {
	if a.leads == nil {
		return nil
	}
	if wrong, err := a.leads(ctx, o.namespace, o.stable.Slot); err == nil && wrong != "" {
		return refuse("the destination of slot %s is unusable: %s", o.stable.Name, wrong)
	}
	return nil
}

// stableReady is how many replicas of stable are ready; there has to be a stable.
func (a *Actor) stableReady(ctx context.Context, o order) (int32, error) {
	dep, err := a.holding(ctx, o, o.stable)
	if err != nil {
		return 0, err
	}
	return a.ready(ctx, dep, o.stable)
}

// candidateReady is how many replicas of the candidate are ready. A candidate that was deleted has
// none, and its traffic is moved all the same; a slot with another revision was not decided upon.
func (a *Actor) candidateReady(ctx context.Context, o order) (int32, error) {
	dep, err := a.deployment(ctx, o, o.candidate)
	if err != nil || dep == nil {
		return 0, err
	}
	if err := holds(dep, o.candidate); err != nil {
		return 0, err
	}
	return a.ready(ctx, dep, o.candidate)
}

// canServe refuses a stable that is not ready. If the candidate serves nothing, any ready replica
// is better than none.
func canServe(o order, ready, serving int32) error {
	switch {
	case ready == 0:
		return notReady(o)
	case ready < o.needed && serving > 0:
		return refuse("slot %s is not ready: it has %d ready replicas, needs %d", o.stable.Name, ready, o.needed)
	}
	return nil
}

func notReady(o order) error {
	return refuse("slot %s is not ready: it has no ready replica of revision %s", o.stable.Name, o.stable.revision)
}

func (a *Actor) patch(ctx context.Context, o order, vs routing, guarded bool) (string, error) {
	routes, gone := present(vs.VirtualService, o.routes)
	if len(routes) == 0 {
		return "", refuse("VirtualService %s has none of the watched routes any more: %s", vs, strings.Join(gone, ", "))
	}
	move := istio.Move{
		Routes: routes,
		From:   rollout.DestinationOf(o.candidate.Slot),
		To:     rollout.DestinationOf(o.stable.Slot),
		Back:   o.back,
	}
	patch, err := move.Patch(vs.VirtualService)
	if guarded && err == nil {
		patch, err = move.Guarded(vs.VirtualService, vs.object)
	}
	if err != nil {
		return "", refuse("%v", err)
	}
	if patch == nil {
		return fmt.Sprintf("slot %s has no traffic any more in %s%s", o.candidate.Name, vs, without(gone)), nil
	}
	if err := a.leased(); err != nil {
		return "", err
	}
	_, err = a.objects.Resource(rollout.VirtualServices()).Namespace(vs.Namespace).
		Patch(ctx, vs.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	if unapplied(err) { // before its fence is looked at, a patch may not fit any more
		return "", meanwhile{err}
	}
	if err != nil {
		return "", writing(err, "patch", "virtualservices.networking.istio.io", vs.Namespace)
	}
	return fmt.Sprintf("moved the traffic of slot %s to slot %s in %s%s", o.candidate.Name, o.stable.Name, vs, without(gone)), nil
}

// present divides the keys of routes into those that the VirtualService has and those that it has
// not. A route that was removed must not keep the traffic of the others on the bad side.
func present(vs istio.VirtualService, keys []string) (routes, gone []string) {
	for _, key := range keys {
		if _, ok := vs.Route(key); ok {
			routes = append(routes, key)
		} else {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	return routes, gone
}

func without(gone []string) string {
	if len(gone) == 0 {
		return ""
	}
	return "; it has no route " + strings.Join(gone, ", ") + " any more"
}
