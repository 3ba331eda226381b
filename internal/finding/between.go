package finding

import (
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Said is one thing worth an Event or a line in the log.
type Said struct {
	Code release.Code
	Text string
}

// Between gives what changed from the old state of a release to the new one and is worth saying,
// in the order of the catalogue's story, pages last. Equal states have nothing to say.
func Between(old, new release.State, spec release.Spec) []Said {
	f := Facts{Spec: spec, State: new, Before: old}
	var said []Said
	for _, e := range slices.Concat(stories(), pages()) {
		for _, n := range e.news(f) {
			said = append(said, Said{Code: e.Code, Text: e.Text(n)})
		}
	}
	return said
}

// once gives the facts themselves if it is so.
func once(f Facts, so bool) []Facts {
	if so {
		return []Facts{f}
	}
	return nil
}

func reached(p release.Phase) func(Facts) []Facts {
	return func(f Facts) []Facts { return once(f, f.State.Phase == p && f.Before.Phase != p) }
}

func canaryStarted(f Facts) []Facts {
	return once(f, f.Before.FirstTraffic.IsZero() && !f.State.FirstTraffic.IsZero() && f.State.Cutover.IsZero())
}

func cutover(f Facts) []Facts {
	return once(f, f.Before.Cutover.IsZero() && !f.State.Cutover.IsZero())
}

// checks gives the checks of the new state that are newer than all of the old one.
func checks(f Facts) []Facts {
	var done []Facts
	for _, c := range f.State.Lines {
		if c.Number > f.Before.Checks && c.Number <= f.State.Checks {
			f.Check = c
			done = append(done, f)
		}
	}
	return done
}

func verdictChanged(f Facts) []Facts {
	was, is := f.Before.Verdict.Tier, f.State.Verdict.Tier
	if was == "" {
		return once(f, worthSaying(is))
	}
	return once(f, is != "" && is != was)
}

// held finds a hold that begins, or is changed.
// conditionCame finds that a condition has become True.
func conditionCame(kind string) func(Facts) []Facts {
	return func(f Facts) []Facts { return once(f, f.State.Is(kind) && !f.Before.Is(kind)) }
}

func held(f Facts) []Facts {
	was, is := f.Before.Condition(release.ConditionHeld), f.State.Condition(release.ConditionHeld)
	return once(f, f.State.Is(release.ConditionHeld) && (was == nil || was.Status != is.Status || was.Message != is.Message))
}

func holdEnded(f Facts) []Facts {
	return once(f, f.Before.Is(release.ConditionHeld) && !f.State.Is(release.ConditionHeld))
}

// ladders gives the rollback before and now. Where they are not the same rollback, or there was none,
// the one before is empty.
func (f Facts) ladders() (was, is release.Ladder) {
	if f.State.Ladder != nil {
		is = *f.State.Ladder
	}
	if f.Before.Ladder != nil && f.Before.Ladder.Decided == is.Decided {
		was = *f.Before.Ladder
	}
	return was, is
}

// decided finds a new rollback; what somebody else moved was not decided here.
func decided(f Facts) []Facts {
	was, is := f.ladders()
	return once(f, was.Decided.IsZero() && !is.Decided.IsZero() && is.Moved == "")
}

func lapsed(f Facts) []Facts {
	was := f.Before.Ladder
	watched := f.State.Phase == release.Canary || f.State.Phase == release.Watching
	return once(f, was != nil && was.Step != release.Done && f.State.Ladder == nil && watched)
}

// happened finds that a moment of the ladder has come, or has come again.
func happened(moment func(release.Ladder) signal.Instant) func(Facts) []Facts {
	return func(f Facts) []Facts {
		was, is := f.ladders()
		return once(f, !moment(is).IsZero() && moment(is) != moment(was))
	}
}

func warmed(l release.Ladder) signal.Instant  { return l.Warmed }
func shifted(l release.Ladder) signal.Instant { return l.Shifted }
func proven(l release.Ladder) signal.Instant  { return l.Proven }

func rolledBack(f Facts) []Facts {
	_, is := f.ladders()
	return once(f, len(reached(release.RolledBack)(f)) > 0 && is.Moved == "")
}

func trafficTaken(f Facts) []Facts {
	_, is := f.ladders()
	return once(f, len(reached(release.RolledBack)(f)) > 0 && is.Moved != "")
}

// stableWatched finds that the watch over stable came to its regular end.
func stableWatched(f Facts) []Facts {
	was, is := f.ladders()
	over := is.Step == release.ScaleDown || is.Step == release.Done && regular(is)
	return once(f, was.Step == release.WatchStable && over)
}

func scaledDown(f Facts) []Facts { return once(f, f.completed() && regular(*f.State.Ladder)) }

func candidateKept(f Facts) []Facts {
	return once(f, f.completed() && f.State.Ladder.Lost == "" && f.State.Ladder.Stuck != "")
}

// regular tells whether nothing came in between: no other writer, no new revision, no traffic.
func regular(l release.Ladder) bool { return l.Stuck == "" && l.Lost == "" && l.Moved == "" }

// completed tells whether the last steps of a proven rollback came to an end.
func (f Facts) completed() bool {
	was, is := f.ladders()
	return (was.Step == release.WatchStable || was.Step == release.ScaleDown) && is.Step == release.Done
}
