package watchdog

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// unbroken gives the state to be saved: the next one, or, where that would break an invariant, the old one halted.
func (d *Daemon) unbroken(r Record, next release.State, o release.Observed) release.State {
	broken := release.Broken(r.State, next, o)
	if len(broken) == 0 {
		return next
	}
	d.fleet.takeBack(r)
	halted := release.Halt(r.State, o, broken)
	d.broke(r, next, broken, !release.Same(r.State, halted))
	return halted
}

// permits tells whether a deed breaks no invariant. One that would is not done, and the release is halted instead;
// an error is that this could not be saved.
func (d *Daemon) permits(ctx context.Context, r *Record, a release.Action, o release.Observed) (bool, error) {
	broken := release.Forbidden(r.State, a, o)
	if len(broken) == 0 {
		return true, nil
	}
	next := *r
	next.State = release.Halt(r.State, o, broken)
	d.broke(*r, next.State, broken, true)
	err := d.keep(ctx, r, next)
	d.post(*r, o.Sinks)
	return false, err
}

// broke counts and, where it is news, logs what would have broken an invariant.
func (d *Daemon) broke(r Record, next release.State, broken []release.Breach, news bool) {
	for _, b := range broken {
		d.meter.Broke(b.Invariant)
		if news {
			d.log.Error("halted", zap.String("release", r.Name()), zap.String("invariant", string(b.Invariant)), zap.String("why", b.Text),
				zap.String("was", summary(r.State)), zap.String("next", summary(next)))
		}
	}
}

// summary is what a person needs of a state to see what is wrong with a step.
func summary(s release.State) string {
	text := fmt.Sprintf("%s, share %d, cutover %s, %d checks, obeyed %q", s.Phase, s.Share, s.Cutover, s.Checks, s.Obeyed)
	if l := s.Ladder; l != nil {
		text += fmt.Sprintf("; ladder at %s, automatic %v by %q, decided %s, tried %v, first shift %s, proven %s, reasserts %d, lost to %q, plan of %s/%s",
			l.Step, l.Automatic, l.By, l.Decided, l.Tried, l.FirstShift, l.Proven, l.Reasserts, l.Lost, l.Plan.Namespace, l.Plan.Policy)
	}
	return text
}
