package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
	"github.com/knowledgebeast/greenwatch/internal/watchdog/simulate"
)

// services are bad all at once, each after a cutover that went well.
type services []*simulate.Service

func (all services) moved() (n int) {
	for _, s := range all {
		n += s.Moves(1)
	}
	return n
}

// turnBad adds services with the given namespace/name, cuts them over and makes them bad half an hour later.
func turnBad(w *simulate.World, names ...string) services {
	var all services
	for _, name := range names {
		namespace, name, _ := strings.Cut(name, "/")
		s := w.AddTo(namespace, name, week(lone))
		go s.Cutover(green, "green-2")
		all = append(all, s)
	}
	time.Sleep(40 * time.Minute)
	for _, s := range all {
		s.Serve("green-2", simulate.Bad)
	}
	return all
}

// Five bad releases at once, in five namespaces or in one: three are rolled back, the rest is withheld with one
// page, and goes on when ten minutes have passed without one; a new leader counts the same.
func TestBreaker(t *testing.T) {
	fleet := []string{"n1/a", "n2/b", "n3/c", "n4/d", "n5/e"}
	one := []string{"production/a", "production/b", "production/c", "production/d", "production/e"}
	for _, c := range []struct {
		name           string
		names          []string
		page           string
		again, restart bool
	}{
		{"one leader", fleet, "fleet/FleetWithheld", false, false},
		{"the leader changes", fleet, "fleet/FleetWithheld", false, true},
		{"the leader changes after the slots were used again", fleet, "fleet/FleetWithheld", true, true},
		{"one namespace, one leader", one, "production/NamespaceWithheld", false, false},
		{"one namespace, the leader changes after the slots were used again", one, "production/NamespaceWithheld", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				all := turnBad(w, c.names...)
				w.Until(func() bool { return all.moved() > 0 })
				time.Sleep(30 * time.Second)
				if c.again { // which ends the releases: they are no more among the active ones
					for _, s := range all {
						if s.Moves(1) > 0 {
							s.Deploy(green, "green-3")
						}
					}
					time.Sleep(30 * time.Second)
				}
				if c.restart {
					w.Kill(5 * time.Second)
				}
				time.Sleep(8 * time.Minute)
				if n := all.moved(); n != 3 {
					t.Errorf("%d rolled back within ten minutes, want 3", n)
				}
				wantShared(t, w, c.page, true)
				time.Sleep(4 * time.Minute)
				if n := all.moved(); n != 5 {
					t.Errorf("%d rolled back after ten minutes without one, want all 5", n)
				}
				wantShared(t, w, c.page, false)
			})
		})
	}
}

// wantShared wants one incident for all releases that are withheld, and none besides.
func wantShared(t *testing.T, w *simulate.World, key string, stillOpen bool) {
	t.Helper()
	if opened, _, _, open := w.Incident("oncall", key); opened != 1 || open != stillOpen {
		t.Errorf("%s was opened %d times, open: %v; want once, %v", key, opened, open, stillOpen)
	}
	for _, page := range w.Incidents("oncall") {
		if strings.HasSuffix(page, "Withheld") && page != key {
			t.Errorf("paged for %s besides", page)
		}
	}
}

// Four bad releases of one namespace withhold that namespace alone: whoever else turns bad is rolled back.
func TestOneNamespaceWithholdsNobodyElse(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		honest := w.AddTo("production", "honest", week(lone))
		go honest.Cutover(green, "green-2")
		toys := turnBad(w, "evil/a", "evil/b", "evil/c", "evil/d")
		w.Until(func() bool { return toys.moved() == 3 })
		honest.Serve("green-2", simulate.Bad)
		time.Sleep(6 * time.Minute)
		if honest.Moves(1) != 1 || toys.moved() != 3 {
			t.Errorf("the honest one moved %d times, the toys %d times; want 1 and 3", honest.Moves(1), toys.moved())
		}
		wantShared(t, w, "evil/NamespaceWithheld", true)
	})
}

// A process that begins with caches that are behind counts what the one before it decided: it asks for that, and decides
// nothing by itself until it knows. A person is obeyed meanwhile. The control is a rollback that nothing was before.
func TestWhatFormerProcessesDecidedCounts(t *testing.T) {
	for name, c := range map[string]struct {
		before, unread, says bool
		moved                int
	}{
		"nothing was":                     {moved: 1},
		"one was":                         {before: true},
		"none, and it can't be read":      {unread: true},
		"it can't be read, a person says": {unread: true, says: true, moved: 1},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, w *simulate.World) {
				w.Set(func(s *watchdog.Settings) { s.Breaker.Rollbacks, s.Breaker.Within = 1, signal.Duration(time.Hour) })
				first, second := w.AddTo("production", "first", week(lone)), w.AddTo("production", "second", week(lone))
				w.Until(func() bool { return first.Known() && second.Known() })
				first.Cutover(green, "green-2")
				second.Cutover(green, "green-2")
				w.Until(func() bool { return first.In(1, release.Watching)() && second.In(1, release.Watching)() })
				time.Sleep(20 * time.Minute)
				w.Lag(30 * time.Minute) // what follows is not in any cache before the end
				if c.before {
					first.Serve("green-2", simulate.Bad)
					w.Until(func() bool { return first.Moves(1) == 1 })
				}
				w.Kill(0)
				if c.unread {
					w.Fail("Fleet", 1)
				}
				second.Serve("green-2", simulate.Bad)
				time.Sleep(10 * time.Minute)
				if c.says {
					second.Say(1, func(p *release.People) { p.Decision = &release.Decision{Choice: release.ChooseRollback, By: "ann"} })
					w.Lag(100 * time.Millisecond)
				}
				time.Sleep(5 * time.Minute)
				if second.Moves(1) != c.moved {
					t.Errorf("moved %d times, want %d", second.Moves(1), c.moved)
				}
				w.Fail("Fleet", 0)
				w.Lag(100 * time.Millisecond)
			})
		})
	}
}

// What a former process decided goes on, though nothing can be read of what else it decided.
func TestARollbackThatWasDecidedGoesOn(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		s := w.Add("service", week(lone))
		s.Cutover(green, "green-2")
		time.Sleep(20 * time.Minute)
		w.Fault("main", simulate.Fault{Takes: 8 * time.Second})
		s.Serve("green-2", simulate.Bad)
		for range 1200 {
			if s.Phase(1) == release.RollingBack {
				break
			}
			time.Sleep(time.Second)
		}
		if _, state, _ := s.Release(1); state.Ladder == nil || state.Ladder.Step != release.Recheck {
			t.Fatalf("the release is %s, its ladder %+v; want it to be rechecked", state.Phase, state.Ladder)
		}
		w.Kill(0)
		w.Fail("Fleet", 1)
		time.Sleep(10 * time.Minute)
		if s.Moves(1) != 1 {
			t.Errorf("moved %d times, want once", s.Moves(1))
		}
		w.Fail("Fleet", 0)
	})
}

// Three releases of one namespace, of which one may be rolled back at a time; each pages somebody else. Whoever's
// release goes on is told that it is over, though another's is still withheld.
func TestASharedIncidentIsClosedAtEachPager(t *testing.T) {
	live(t, func(t *testing.T, w *simulate.World) {
		w.Set(func(s *watchdog.Settings) { s.Breaker.Rollbacks = 1 })
		all := turnBad(w, "production/a", "production/b", "production/c")
		pagers := []string{"oncall", "second", "third"}
		for i, name := range pagers {
			w.AddPager(name)
			all[i].Edit(func(p *release.Plan) { p.Notify = []string{name} })
		}
		w.Until(func() bool { return all.moved() > 0 })
		time.Sleep(time.Minute)
		open := func() (n int) {
			for _, sink := range pagers {
				if _, _, _, is := w.Incident(sink, "production/NamespaceWithheld"); is {
					n++
				}
			}
			return n
		}
		for _, want := range []struct{ moved, open int }{{1, 2}, {2, 1}, {3, 0}} {
			if all.moved() != want.moved || open() != want.open {
				t.Errorf("%d moved, and the incident is open at %d pagers; want %d and %d", all.moved(), open(), want.moved, want.open)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}
