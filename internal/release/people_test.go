package release_test

import (
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// again says the decision of the moment once more, as the command does: at another time.
func again(s *sim) { s.spec.People.Decision.At = s.now }

// withdrawn takes the decision away.
func withdrawn(s *sim) { s.spec.People.Decision = nil }

// lead leads the traffic back to the candidate.
var lead = shares(1, "ann")

// Each refusal says what to do; that is done, the word is said again, and it is obeyed. Without its being
// done, the word that is said again is refused again; and what is done without a word does nothing.
func TestWhatARefusalSaysToDoWorks(t *testing.T) {
	cases := []struct {
		name         string
		choice       release.Choice
		cause, mend  func(*sim)
		says, obeyed string
	}{
		{"stable's slot holds another revision", release.ChooseRollback, revision(blue, "b2"), revision(blue, "b1"),
			"slot blue holds revision b2 (b1), not stable's b1 (1.9); mend that, then say it again", "SetShares Performed"},
		{"stable is deleted", release.ChooseRollback, func(s *sim) { s.slot(blue).Found = false }, func(s *sim) { s.slot(blue).Found = true },
			"the Deployment of slot blue does not exist; mend that, then say it again", "SetShares Performed"},
		{"the shares are unknown", release.ChooseRollback, func(s *sim) { s.world.Problem = "no such route" }, func(s *sim) { s.world.Problem = "" },
			"the shares are unknown: no such route; mend that, then say it again", "SetShares Performed"},
		{"the policy is not valid", release.ChooseRollback, func(s *sim) { s.plan, s.invalid = nil, "Overlap" }, func(s *sim) { s.plan, s.invalid = thePlan(), "" },
			"its policy is not valid: Overlap; mend it, then say it again", "SetShares Performed"},
		{"the traffic was moved", release.ChooseAccept, decision(release.ChooseRollback, "bob"), lead,
			"the traffic has been moved already; lead it back to the candidate, then accept what is watched then", "Accepted Done"},
		{"it was moved, and whether is not known", release.ChooseAccept, func(s *sim) {
			decision(release.ChooseRollback, "bob")(s)
			s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
				s.world.Problem = "no such route"
				return release.Conflict, "changed in between"
			}
		}, func(s *sim) {
			s.world.Problem = ""
			s.perform[release.SetShares] = func(release.Action) (release.Result, string) { return release.Conflict, "" }
		}, "the traffic may have been moved, and the shares are unknown: no such route; mend that, then say it again", "Accepted Done"},
	}
	for _, c := range cases {
		for _, way := range []string{"said again", "taken away and said again", "said again without it", "done without a word"} {
			t.Run(c.name+"/"+way, func(t *testing.T) {
				const refusedAt, doneAt, againAt = 21 * time.Minute, 22 * time.Minute, 22*time.Minute + 30*time.Second
				s := newSim(t).at(time.Minute, cutover).at(20*time.Minute+30*time.Second, c.cause).at(refusedAt, decision(c.choice, "ann"))
				if way != "said again without it" {
					s.at(doneAt, c.mend)
				}
				switch way {
				case "said again", "said again without it":
					s.at(againAt, again)
				case "taken away and said again":
					s.at(againAt-time.Second, withdrawn).at(againAt, decision(c.choice, "ann"))
				}
				s.until(doneAt - time.Second)
				s.refused(1, c.says)
				s.until(againAt + 5*time.Second)
				switch way {
				case "said again without it":
					s.refused(2, c.says)
				case "done without a word":
					s.refused(1, c.says)
					if c.choice == release.ChooseRollback {
						s.never(c.obeyed)
					} else if s.state.Phase == release.Accepted {
						t.Errorf("accepted by a word that was refused: %v", s.log)
					}
				default:
					s.happened(againAt.String() + " " + c.obeyed)
				}
			})
		}
	}
}

// refused fails unless so many decisions were refused, the newest with that reason.
func (s *sim) refused(n int, why string) {
	s.t.Helper()
	var all []string
	for _, in := range s.state.Incidents {
		if in.Code == release.CodeDecisionRefused {
			all = append(all, in.Text)
		}
	}
	if len(all) != n || !strings.HasSuffix(all[n-1], " is refused: "+why) {
		s.t.Fatalf("%s: refused %q, want %d, the last %q\n%s", s.since(), all, n, why, strings.Join(s.log, "\n"))
	}
}

// Some refusals can't be mended within the release: they say what else there is.
func TestARefusalThatCantBeMendedSaysWhatElse(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).at(2*time.Minute, func(s *sim) { s.plan = nil; decision(release.ChooseRollback, "ann")(s) }).until(3 * time.Minute)
	s.refused(1, "its policy was deleted; set the weights of its VirtualService yourself")
	s = newSim(t).at(time.Minute, cutover).at(2*time.Minute, func(s *sim) { s.spec.Stable.Revision = ""; decision(release.ChooseRollback, "ann")(s) }).until(3 * time.Minute)
	s.refused(1, "the revision that carried the traffic before is not in slot blue any more; set the weights of its VirtualService yourself")
	// The first traffic that a release gets makes it one that can be rolled back.
	s = newSim(t).at(time.Minute, decision(release.ChooseRollback, "ann")).at(2*time.Minute, cutover).at(3*time.Minute, again).until(4 * time.Minute)
	s.happened("1m0s OpenPage DecisionRefused", "3m0s SetShares Performed")
	s.refused(1, "the release is Deployed and has no traffic to move; say it again if it gets some")
}

// A word comes between the write of the weights and the save of its outcome, or the process died there: the
// traffic was moved, and no word forgets that. Where the write was in vain the same word is obeyed.
func TestAWordBetweenPatchAndSave(t *testing.T) {
	words := map[string]struct {
		say          func(*sim)
		moved, still []string
	}{
		"Accept": {decision(release.ChooseAccept, "ann"),
			[]string{"24m30s OpenPage DecisionRefused", "24m40s RolledBack WatchStable", "1h24m40s RolledBack Done"}, []string{"24m30s Accepted Done"}},
		"hold": {hold(forever), []string{"24m40s RolledBack WatchStable"}, []string{"24m30s Watching", "24m45s OpenPage RollbackWithheld"}},
		"Rollback": {decision(release.ChooseRollback, "ann"),
			[]string{"24m40s RolledBack WatchStable", "1h24m40s RolledBack Done"}, []string{"24m30s SetShares Conflict", "24m30s SetShares Performed"}},
	}
	for name, w := range words {
		for what, moves := range map[string]bool{"moved": true, "in vain": false} {
			t.Run(name+"/"+what, func(t *testing.T) {
				s := bad(t)
				said := false
				s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
					if said {
						return release.Performed, ""
					}
					if said = true; moves {
						shares(0, "greenwatch")(s)
					}
					w.say(s)
					return release.Conflict, "nothing is known of it"
				}
				s.until(2 * time.Hour)
				if moves {
					s.happened(w.moved...)
				} else {
					s.happened(w.still...)
				}
			})
		}
	}
}

// The same, where the routes can't be read right after the write, and stable is not ready then.
func TestAWordWhileNobodyKnowsWhetherTheTrafficMoved(t *testing.T) {
	s := bad(t)
	s.perform[release.SetShares] = func(release.Action) (release.Result, string) {
		shares(0, "greenwatch")(s)
		s.world.Problem = "no such route"
		hold(forever)(s)
		return release.Conflict, ""
	}
	s.at(26*time.Minute, decision(release.ChooseAccept, "ann")).at(28*time.Minute, func(s *sim) { s.world.Problem = "" }).until(40 * time.Minute)
	s.happened("24m30s RollingBack Ready", "26m0s OpenPage DecisionRefused", "28m0s RollingBack Prove", "28m10s RolledBack WatchStable")
}

// Somebody else took the traffic: who accepts, or rolls back, in the same moment is told so.
func TestAWordAfterSomebodyTookTheTraffic(t *testing.T) {
	for _, c := range []release.Choice{release.ChooseAccept, release.ChooseRollback} {
		s := newSim(t).at(time.Minute, cutover).at(5*time.Minute, func(s *sim) { shares(0, "argocd")(s); decision(c, "ann")(s) }).until(6 * time.Minute)
		s.happened("5m0s RolledBack Done", "5m0s OpenPage DecisionRefused")
		s.never("Accepted")
		if s.state.Ladder.Moved != "argocd" {
			t.Errorf("moved by %q, want argocd", s.state.Ladder.Moved)
		}
	}
}

// A decision is decided on the world as it is, never on what a cache remembers.
func TestADecisionWaitsForTheWorldAsItIs(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(5 * time.Minute)
	decision(release.ChooseAccept, "ann")(s)
	if need := release.Need(s.state, s.spec.People, s.plan, s.now, -1); need != (release.Needs{Live: true}) {
		t.Errorf("needs %+v, want the world alone, live", need)
	}
	o := s.observe()
	o.World.Live = false
	if next := release.Advance(s.state, o); next.Phase != release.Watching || next.Obeyed != "" {
		t.Errorf("decided on a cache: %s", next.Phase)
	}
	o.World.Live = true
	if next := release.Advance(s.state, o); next.Phase != release.Accepted {
		t.Errorf("not decided on the world: %s", next.Phase)
	}
}

// What is said of a hold is owed an answer, too, and once given nothing is owed any more.
func TestWhichWordsAreOpen(t *testing.T) {
	s := newSim(t).at(time.Minute, cutover).until(5 * time.Minute)
	open := func(want bool, when string) {
		t.Helper()
		if got := release.OpenWord(s.state, s.spec.People, s.now); got != want {
			t.Errorf("%s: open is %v, want %v", when, got, want)
		}
	}
	open(false, "nothing said")
	say := func(when string, word func(*sim)) {
		t.Helper()
		word(s)
		open(true, when)
		s.until(s.since() + 5*time.Second)
		open(false, when+", taken")
	}
	say("held", hold(time.Hour))
	say("held for longer", hold(2*time.Hour))
	say("resumed", func(s *sim) { s.spec.People.Hold = nil })
	s.slot(blue).Found = false
	say("rollback", decision(release.ChooseRollback, "ann"))
	say("rollback again", again)
	say("rollback by another", decision(release.ChooseRollback, "bob"))
	say("withdrawn", withdrawn)
	say("held again", hold(10*time.Minute))
	s.now = t0.Add(signal.Duration(11 * time.Minute))
	open(true, "the hold has ended")
}

// Whoever accepts is not fought: what the refusal asks for, to lead the traffic back, is left as it is.
func TestWhoAcceptsIsNotFought(t *testing.T) {
	s := bad(t).at(24*time.Minute+35*time.Second, decision(release.ChooseAccept, "ann")).at(25*time.Minute, lead).at(26*time.Minute, again).until(27 * time.Minute)
	s.happened("24m35s OpenPage DecisionRefused", "25m0s Watching Done", "26m0s Accepted Done")
	if s.count("SetShares") != 1 {
		t.Errorf("fought a person: %v", s.log)
	}
	control := bad(t).at(25*time.Minute, lead).until(27 * time.Minute)
	if control.count("SetShares") != 2 {
		t.Errorf("another writer is not answered: %v", control.log)
	}
}
