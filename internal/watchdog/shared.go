package watchdog

import (
	"context"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// shared says of each incident that stands for several releases which condition keeps it open, and the
// dedup key that a sink knows it by: of all releases, or of those of a namespace.
func shared(code release.Code, namespace string) (condition, key string, is bool) {
	switch code {
	case release.CodeFleetWithheld:
		return release.ConditionFleetWithheld, "fleet/" + string(code), true
	case release.CodeNamespaceWithheld:
		return release.ConditionNamespaceWithheld, namespace + "/" + string(code), true
	}
	return "", "", false
}

// addressed gives an action the key that the sink knows its incident by.
func addressed(r Record, a release.Action) release.Action {
	if _, key, is := shared(a.Incident.Code, r.Namespace); is {
		a.Key = key
	}
	return a
}

// sharedByOthers tells whether closing an incident is left to other releases that it still stands for, and
// that tell the same sink. This process' own last writes count more than the cache: the last release to be
// free sees the others as they are.
func (d *Daemon) sharedByOthers(ctx context.Context, r Record, a release.Action) bool {
	condition, key, is := shared(a.Incident.Code, r.Namespace)
	if a.Deed != release.ClosePage || !is {
		return false
	}
	for _, other := range d.Active() {
		if own, ok := d.book.record(other.Name()); ok {
			other = own
		}
		if _, its, _ := shared(a.Incident.Code, other.Namespace); its == key && other.Name() != r.Name() &&
			other.State.Is(condition) && slices.Contains(d.toldOf(ctx, other), a.Sink) {
			return true
		}
	}
	return false
}

// toldOf names the sinks of a release.
func (d *Daemon) toldOf(ctx context.Context, r Record) []string {
	p, err := d.Policy(ctx, Key{r.Namespace, r.Spec.Policy})
	if err != nil {
		p.Plan = nil // those that were told of it already
	}
	return toTell(p.Plan, r.State)
}
