package simulate

import (
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Course is a course of events, told as a timeline, and how it ends, whatever happens to the daemon.
type Course struct {
	Name string
	// Play is what the world does by itself.
	Play func(w *World, s *Service)
	// Want are the phases that the releases end in, by number; Share and Replicas what green has then.
	Want     []release.Phase
	Share    float64
	Replicas int32
	// Moves is how often greenwatch sets weights, by release; a foreign writer allows for reasserts.
	Moves []int
	// Most is the most moves, where it is not Moves itself.
	Most int
	// Paged are codes that somebody must have been paged for if no time was lost; Unpaged must not be
	// paged for in any case.
	Paged, Unpaged []release.Code
	// MostDown is the longest downtime that the course bears; 0: any.
	MostDown time.Duration
	// Refusals allows that acting is refused.
	Refusals bool
}

const (
	sec = time.Second
	mnt = time.Minute
)

// Canary deploys a revision to green and leads a tenth of the traffic there.
func (s *Service) Canary(slot, revision string) {
	s.w.Until(s.Known)
	time.Sleep(25 * sec)
	s.Deploy(slot, revision)
	time.Sleep(30 * sec)
	s.Route("pipeline", slot, 0.1)
	time.Sleep(45 * sec)
}

// Cutover is Canary, and then all the traffic.
func (s *Service) Cutover(slot, revision string) {
	s.Canary(slot, revision)
	s.Route("pipeline", slot, 1)
}

// Until waits for something, for a day at most.
func (w *World) Until(so func() bool) {
	for range 24 * 360 {
		if so() {
			return
		}
		time.Sleep(10 * sec)
	}
}

// In tells whether a release is in one of the phases.
func (s *Service) In(number int64, phases ...release.Phase) func() bool {
	return func() bool {
		for _, p := range phases {
			if s.Phase(number) == p {
				return true
			}
		}
		return false
	}
}

// Bad is how a revision serves that is to be rolled back, Good how most do.
var (
	Bad  = Quality{Errors: 0.2, Latency: 0.05}
	Good = Quality{Latency: 0.05}
)

func hold(by string, until time.Time) func(*release.People) {
	return func(p *release.People) { p.Hold = &release.Hold{By: by, Reason: "wait", Until: signal.At(until)} }
}

func decision(c release.Choice, by string) func(*release.People) {
	return func(p *release.People) { p.Decision = &release.Decision{Choice: c, By: by, Reason: "I say so"} }
}

// tells says it as soon as there is a release to say it of.
func (s *Service) tells(number int64, word func(*release.People)) {
	s.w.Until(func() bool { return s.Say(number, word) })
}

// Courses are the courses that every crash is tried in.
func Courses() []Course {
	return []Course{
		{
			Name: "a good release is accepted",
			Play: func(w *World, s *Service) { s.Cutover(Green, "green-2") },
			Want: []release.Phase{release.Accepted}, Share: 1, Replicas: 3, Moves: []int{0},
		},
		{
			Name: "bad in canary",
			Play: func(w *World, s *Service) {
				s.Serve("green-2", Bad)
				s.Canary(Green, "green-2")
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "bad after cutover",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Serve("green-2", Bad)
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "warm stable is scaled up first",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Scale(Blue, 0)
				time.Sleep(30 * sec)
				s.Serve("green-2", Bad)
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "stable is gone",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Delete(Blue)
				s.Serve("green-2", Bad)
				time.Sleep(5 * mnt)
				s.Serve("green-2", Good)
			},
			Want: []release.Phase{release.Accepted}, Share: 1, Replicas: 3, Moves: []int{0},
			Paged: []release.Code{release.CodeReadinessLost, release.CodeRollbackStuck}, Unpaged: []release.Code{release.CodeRollback},
		},
		{
			Name: "Prometheus is away and the candidate is good",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				w.Fault("main", Fault{Away: true})
				time.Sleep(4 * mnt)
				w.Fault("main", Fault{})
			},
			Want: []release.Phase{release.Accepted}, Share: 1, Replicas: 3, Moves: []int{0},
			Paged: []release.Code{release.CodePrometheusAway}, Unpaged: []release.Code{release.CodeBlindLasting, release.CodeRollback},
		},
		{
			Name: "Prometheus is away and the candidate is bad",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				w.Fault("main", Fault{Away: true})
				time.Sleep(mnt)
				s.Serve("green-2", Bad)
				time.Sleep(3 * mnt)
				w.Fault("main", Fault{})
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodePrometheusAway, release.CodeRollback}, Unpaged: []release.Code{release.CodeBlindLasting},
		},
		{
			Name: "a foreign writer puts the traffic back",
			Play: func(w *World, s *Service) {
				s.Serve("green-2", Bad)
				s.Canary(Green, "green-2")
				end := time.Now().Add(5 * time.Hour)
				for writes := 0; writes < 6 && time.Now().Before(end); {
					if s.Share(Green) == 0 && s.Moves(1) > 0 {
						time.Sleep(7 * sec)
						s.Route("argocd", Green, 1)
						writes++
					}
					_, state, _ := s.Release(1)
					if state.Is(release.ConditionRollbackLost) {
						break
					}
					time.Sleep(3 * sec)
				}
				s.Serve("green-2", Good)
			},
			Want: []release.Phase{release.Accepted}, Share: 1, Replicas: 3, Moves: []int{1}, Most: 4, MostDown: 20 * sec,
			Paged: []release.Code{release.CodeRollback, release.CodeRollbackLost},
		},
		{
			Name: "a person holds, and resumes",
			Play: func(w *World, s *Service) {
				s.Canary(Green, "green-2")
				until := time.Now().Add(6 * mnt)
				s.tells(1, hold("ann", until))
				s.Serve("green-2", Bad)
				time.Sleep(3 * mnt)
				if time.Now().Before(until) && s.Moves(1) > 0 {
					w.mu.Lock()
					w.breaks("people-win: moved in spite of the hold")
					w.mu.Unlock()
				}
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollbackWithheld, release.CodeRollback},
		},
		{
			Name: "stable is not well, and recovers",
			Play: func(w *World, s *Service) {
				s.Edit(Probed)
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Ail(Blue, 1, "database is down")
				s.Serve("green-2", Bad)
				time.Sleep(3 * mnt)
				s.Ail(Blue, 0, "")
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollbackWithheld, release.CodeRollback},
		},
		{
			Name: "a person rolls back",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(mnt)
				s.tells(1, decision(release.ChooseRollback, "bob"))
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1}, MostDown: 6 * mnt,
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "two releases, one after the other",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				w.Until(s.In(1, release.Accepted))
				s.Serve("blue-3", Bad)
				s.Canary(Blue, "blue-3")
			},
			Want: []release.Phase{release.Accepted, release.RolledBack}, Share: 1, Replicas: 3, Moves: []int{0, 1},
		},
		{
			Name: "the next release comes while this one is watched",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				w.Until(s.In(1, release.Watching, release.Accepted))
				time.Sleep(40 * sec)
				s.Cutover(Blue, "blue-3")
			},
			Want: []release.Phase{release.Superseded, release.Accepted}, Replicas: 3, Moves: []int{0, 0}, MostDown: 30 * sec,
			Paged: []release.Code{release.CodeReadinessLost}, Unpaged: []release.Code{release.CodeRollback},
		},
		{
			Name: "nobody can be told for a while",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				w.Sink("oncall", func(k *Sink) { k.Down = true })
				w.Sink("chat", func(k *Sink) { k.Limited = 40 * sec })
				s.Serve("green-2", Bad)
				time.Sleep(5 * mnt)
				w.Sink("oncall", func(k *Sink) { k.Down = false })
				w.Sink("chat", func(k *Sink) { k.Limited = 0 })
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "the policy is deleted in the middle of a rollback",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Serve("green-2", Bad)
				w.Until(s.In(1, release.RollingBack, release.RolledBack))
				s.Remove()
			},
			Want: []release.Phase{release.Orphaned}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "the candidate serves nothing",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Serve("green-2", Quality{Broken: true})
				s.Scale(Green, 0)
				s.Scale(Green, 3)
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback},
		},
		{
			Name: "somebody scales the candidate to 0",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Scale(Green, 0)
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback}, Unpaged: []release.Code{release.CodeBlindLasting}, MostDown: mnt,
		},
		{
			Name: "the candidate's Deployment is deleted in canary",
			Play: func(w *World, s *Service) {
				s.Canary(Green, "green-2")
				w.Until(s.In(1, release.Canary))
				s.Delete(Green)
			},
			Want: []release.Phase{release.RolledBack}, Moves: []int{1},
			Paged: []release.Code{release.CodeRollback}, Unpaged: []release.Code{release.CodeBlindLasting}, MostDown: mnt,
		},
		{
			Name: "stable is scaled to 0 without a share",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				time.Sleep(70 * sec)
				s.Scale(Blue, 0)
			},
			Want: []release.Phase{release.Accepted}, Share: 1, Replicas: 3, Moves: []int{0},
			Unpaged: []release.Code{release.CodeRollback, release.CodeConsider},
		},
		{
			Name: "a dependency breaks for both sides",
			Play: func(w *World, s *Service) {
				s.Canary(Green, "green-2")
				s.Serve("blue-1", Quality{Errors: 0.6, Latency: 0.05})
				s.Serve("green-2", Quality{Errors: 1, Latency: 0.05})
				time.Sleep(3 * mnt)
				s.Serve("blue-1", Good)
				s.Serve("green-2", Good)
				time.Sleep(mnt)
				s.Route("pipeline", Green, 1)
			},
			Want: []release.Phase{release.Accepted}, Share: 1, Replicas: 3, Moves: []int{0},
			Unpaged: []release.Code{release.CodeRollback, release.CodeRollbackWithheld, release.CodeConsider},
		},
		{
			Name: "stable is brought back after the next release took its slot",
			Play: func(w *World, s *Service) {
				s.Cutover(Green, "green-2")
				w.Until(s.In(1, release.Watching))
				s.Deploy(Blue, "blue-3")
				w.Until(s.In(2, release.Deployed))
				s.Serve("green-2", Bad)
				time.Sleep(2 * mnt)
				s.Deploy(Blue, "blue-1")
			},
			Want: []release.Phase{release.RolledBack, release.Superseded}, Moves: []int{1, 0}, MostDown: 6 * mnt,
			Paged: []release.Code{release.CodeReadinessLost, release.CodeRollbackStuck, release.CodeRollback},
		},
		{
			Name: "what was rolled back gets traffic again",
			Play: func(w *World, s *Service) {
				s.Serve("green-2", Bad)
				s.Canary(Green, "green-2")
				w.Until(func() bool { _, state, _ := s.Release(1); return state.Over() })
				for range 3 {
					s.Scale(Green, 3)
					time.Sleep(mnt)
					s.Route("argocd", Green, 1)
					time.Sleep(10 * mnt)
				}
				s.Serve("green-2", Good)
			},
			Want: []release.Phase{release.RolledBack, release.Accepted}, Share: 1, Replicas: 3, Moves: []int{1, 0}, MostDown: 6 * mnt,
			Paged: []release.Code{release.CodeRollback, release.CodePastRollback, release.CodeRollbackWithheld},
		},
	}
}

// MadeAgain is a course that one process has to live through: what tells greenwatch's releases from somebody else's goes
// with the policy, and is kept in memory alone.
func MadeAgain() Course {
	return Course{
		Name: "the policy is made again in the middle of a rollback",
		Play: func(w *World, s *Service) {
			s.Canary(Green, "green-2")
			s.Route("pipeline", Green, 0.6)
			time.Sleep(40 * sec)
			s.Scale(Blue, 0)
			s.Serve("green-2", Bad)
			w.Until(s.In(1, release.RollingBack, release.RolledBack))
			s.Remove()
			time.Sleep(5 * sec)
			s.Restore(Brief())
		},
		Want: []release.Phase{release.Orphaned}, Moves: []int{1},
		Paged: []release.Code{release.CodeRollback},
	}
}
