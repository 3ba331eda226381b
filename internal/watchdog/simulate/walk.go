package simulate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// walker does at random what pipelines, people, autoscalers and failures do.
type walker struct {
	*rand.Rand
	w         *World
	s         *Service
	revisions int
	often     []int // how often each of the steps happens in this walk
}

// Walk plays a random course of about an hour and a half, and then lets the world rest. Each seed draws
// its own weights of what goes wrong: a walk in which everything happens now and then never gets to where
// one thing happens all the time, or never.
func Walk(seed uint64) Outcome {
	r := rand.New(rand.NewPCG(seed, 2))
	w := NewWorld()
	often := drawOften(r)
	w.Strict, w.chance = true, rand.New(rand.NewPCG(seed, 3))
	w.Workers = 1 + r.IntN(3)
	w.Takes = time.Duration(1+r.IntN(300)) * time.Millisecond
	w.lag = time.Duration(10+r.IntN(3000)) * time.Millisecond
	w.dataPlane = time.Duration(1+r.IntN(8)) * time.Second
	w.stale.draw(r)
	w.foreign.draw(seed)
	var walkers []*walker
	for i := range 1 + r.IntN(2) {
		s := w.Add(fmt.Sprintf("service%d", i), Brief())
		s.Warm = time.Duration(5+r.IntN(50)) * time.Second
		walkers = append(walkers, &walker{Rand: r, w: w, s: s, often: often})
	}
	w.Live(longest, func() {
		stop := make(chan struct{})
		defer close(stop)
		go w.outages(stop)
		for end := time.Now().Add(90 * time.Minute); time.Now().Before(end); {
			time.Sleep(time.Duration(2+r.IntN(90)) * time.Second)
			walkers[r.IntN(len(walkers))].step()
		}
		w.calm()
		time.Sleep(45 * time.Minute)
		w.still(func() { time.Sleep(15 * time.Minute) })
	}, func() bool { return true })
	return Outcome{World: w, Service: walkers[0].s, Rested: true}
}

// calm mends all that is broken.
func (w *World) calm() {
	w.mu.Lock()
	clear(w.rates)
	for _, k := range w.Sinks {
		k.Down, k.Limited, k.Hang = false, 0, 0
	}
	w.stale, w.foreign = stale{}, foreign{}
	w.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(w.proms)) {
		w.Fault(name, Fault{})
	}
	w.Thaw()
}

// still sees that the daemon hardly writes while nothing happens.
func (w *World) still(wait func()) {
	before := w.written()
	wait()
	if n := w.written() - before; n > mostWrites*len(w.services) {
		w.mu.Lock()
		w.breaks("bounded: %d writes in a quiet quarter of an hour", n)
		w.mu.Unlock()
	}
}

// mostWrites is the most writes in a quiet quarter of an hour: some checks, an episode that is closed,
// a release that ends.
const mostWrites = 40

func (w *World) written() int {
	n := 0
	for _, s := range w.services {
		n += s.Writes()
	}
	return n
}

// steps are what can happen, with how often it does.
var steps = []struct {
	often int
	do    func(*walker)
}{
	{10, (*walker).deploy},
	{30, (*walker).route},
	{15, (*walker).serve},
	{6, (*walker).scale},
	{2, (*walker).vanish},
	{3, (*walker).obscure},
	{8, (*walker).prometheus},
	{6, (*walker).sinks},
	{5, (*walker).hold},
	{4, (*walker).decide},
	{12, (*walker).kill},
	{5, (*walker).unsettle},
	{3, (*walker).freeze},
	{3, (*walker).mode},
}

// drawOften draws how often each step happens in one walk: as in the table, a few times more or less
// often, or never. Revisions are always deployed and given traffic.
func drawOften(r *rand.Rand) []int {
	often := make([]int, len(steps))
	for i, s := range steps {
		often[i] = s.often * [...]int{0, 0, 1, 2, 2, 2, 4, 12}[r.IntN(8)] / 2
	}
	often[0], often[1] = max(often[0], steps[0].often), max(often[1], steps[1].often)
	return often
}

func (k *walker) step() {
	all := 0
	for _, n := range k.often {
		all += n
	}
	n := k.IntN(all)
	for i, often := range k.often {
		if n -= often; n < 0 {
			steps[i].do(k)
			return
		}
	}
}

func (k *walker) slot() string { return [...]string{Blue, Green}[k.IntN(2)] }

// idle is the slot with less traffic, most of the time.
func (k *walker) idle() string {
	slot := Blue
	if k.s.Share(Blue) > 0.5 {
		slot = Green
	}
	if k.IntN(8) == 0 {
		return k.s.other(slot)
	}
	return slot
}

func (k *walker) deploy() {
	k.revisions++
	revision := fmt.Sprintf("r%d", k.revisions)
	if k.IntN(6) == 0 {
		revision = fmt.Sprintf("r%d", 1+k.IntN(k.revisions))
	}
	if k.IntN(3) == 0 {
		k.s.Serve(revision, k.quality())
	}
	slot := k.idle()
	k.w.log("%s is deployed to %s of %s", revision, slot, k.s.key.Name)
	k.s.Deploy(slot, revision)
}

func (k *walker) route() {
	writer := [...]string{"pipeline", "argocd", "ann"}[k.IntN(3)]
	k.s.Route(writer, k.idle(), [...]float64{0, 0.1, 0.5, 1, 1, 1}[k.IntN(6)])
}

func (k *walker) quality() Quality {
	return [...]Quality{Good, Good, {Errors: 0.007, Latency: 0.05}, {Errors: 0.03, Latency: 0.05}, Bad,
		{Latency: 2}, {Errors: 1, Latency: 0.05}, {Broken: true}}[k.IntN(8)]
}

func (k *walker) serve() {
	k.w.mu.Lock()
	revision := k.s.slots[k.slot()].live().revision
	k.w.mu.Unlock()
	if revision == "blue-1" && k.IntN(3) > 0 {
		return
	}
	q := k.quality()
	q.Broken = false
	k.w.log("%s of %s serves with %+v", revision, k.s.key.Name, q)
	k.s.Serve(revision, q)
}

func (k *walker) scale() {
	slot, n := k.idle(), int32(k.IntN(5))
	k.w.log("%s of %s is scaled to %d", slot, k.s.key.Name, n)
	k.s.Scale(slot, n)
}

// vanish deletes a slot's Deployment; the next deployment makes it anew.
func (k *walker) vanish() {
	slot := k.idle()
	k.w.log("%s of %s is deleted", slot, k.s.key.Name)
	k.s.Delete(slot)
	k.later(func() { k.revisions++; k.s.Deploy(slot, fmt.Sprintf("r%d", k.revisions)); k.s.Scale(slot, 3) })
}

// later undoes something after a while.
func (k *walker) later(undo func()) {
	time.AfterFunc(time.Duration(5+k.IntN(400))*time.Second, undo)
}

func (k *walker) obscure() {
	k.w.log("the routes of %s can't be read", k.s.key.Name)
	k.s.Obscure("the VirtualService has no such route")
	k.later(func() { k.s.Obscure("") })
}

func (k *walker) prometheus() {
	f := [...]Fault{{Away: true}, {Away: true}, {NaN: true}, {Gap: true}, {Lag: time.Minute}, {Hang: true}}[k.IntN(6)]
	k.w.log("Prometheus has %+v", f)
	k.w.Fault("main", f)
	k.later(func() { k.w.log("Prometheus is back"); k.w.Fault("main", Fault{}) })
}

func (k *walker) sinks() {
	name := [...]string{"oncall", "chat"}[k.IntN(2)]
	what := k.IntN(3)
	k.w.log("%s has trouble %d", name, what)
	k.w.Sink(name, func(s *Sink) {
		switch what {
		case 0:
			s.Down = true
		case 1:
			s.Limited = time.Duration(5+k.IntN(60)) * time.Second
		case 2:
			s.Hang = time.Duration(5+k.IntN(300)) * time.Second
		}
	})
	k.later(func() { k.w.Sink(name, func(s *Sink) { s.Down, s.Limited, s.Hang = false, 0, 0 }) })
}

// youngest is the number of the youngest release.
func (k *walker) youngest() int64 {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	return int64(len(k.s.releases))
}

func (k *walker) hold() {
	until := time.Now().Add(time.Duration(1+k.IntN(10)) * time.Minute)
	if k.s.Say(k.youngest(), hold("ann", until)) {
		k.w.log("ann holds %s until %s", k.s.key.Name, until.Format("15:04:05"))
	}
}

func (k *walker) decide() {
	choice := [...]release.Choice{release.ChooseRollback, release.ChooseAccept}[k.IntN(2)]
	if k.s.Say(k.youngest(), decision(choice, fmt.Sprintf("bob%d", k.IntN(100)))) {
		k.w.log("bob says %s of %s", choice, k.s.key.Name)
	}
}

func (k *walker) kill() {
	down := [...]time.Duration{0, 0, 5 * time.Second, 20 * time.Second, time.Minute, 6 * time.Minute}[k.IntN(6)]
	if k.IntN(2) == 0 {
		k.w.Kill(down)
		return
	}
	points := [...]string{"Save.status", "Save.label", "Save.cutover", "SaveLedger", "Create", "Perform.SetShares", "Perform.ScaleUp",
		"Perform.ScaleAway", "Send.oncall.OpenPage", "Send.oncall.ClosePage", "Send.chat.TellStory", "Observe", "Read"}
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	point := points[k.IntN(len(points))]
	next := Crash{Point: point, N: k.w.life.counts[point] + 1, After: k.IntN(2) == 0, Down: down}
	k.w.crashes = []Crash{next}
	k.w.note("it will die %s", next)
}

// unsettle makes the API server fail now and then.
func (k *walker) unsettle() {
	point := [...]string{"Save", "Perform", "Observe", "Releases", "Create", "Send", ""}[k.IntN(7)]
	share := [...]float64{0.1, 0.5, 1}[k.IntN(3)]
	k.w.log("calls of %q fail, %v of all", point, share)
	k.w.Fail(point, share)
	k.later(func() { k.w.Fail(point, 0) })
}

func (k *walker) freeze() {
	k.w.log("the caches stand still")
	k.w.Freeze()
	k.later(k.w.Thaw)
}

func (k *walker) mode() {
	k.w.Set(func(s *watchdog.Settings) { s.Mode = release.Observe })
	k.w.log("the mode is Observe")
	k.later(func() { k.w.Set(func(s *watchdog.Settings) { s.Mode = release.Enforce }) })
}

func (w *World) log(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(format, args...)
}

// Strayed lists what is not as it must be after a walk, wherever it led.
func (o Outcome) Strayed() []string {
	faults := o.World.Broken()
	w := o.World
	w.mu.Lock()
	defer w.mu.Unlock()
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, k := range w.keys {
		w.services[k].strayed(add)
	}
	w.repeated(add)
	return faults
}

func (s *Service) strayed(add func(string, ...any)) {
	for _, name := range slices.Sorted(maps.Keys(s.releases)) {
		o := s.releases[name].live()
		full := s.key.Namespace + "/" + name
		chat := s.w.Sinks["chat"]
		if !s.begun[name] { // the process died before the ledger had it, and what it was about was gone then
			continue
		}
		if n := chat.posts[full]; n != 1 {
			add("once: the story of %s was posted %d times", name, n)
		}
		if told := chat.editions[full]; told < o.state.Story-1 || o.state.Over() && told != o.state.Story {
			add("the story of %s was told up to edition %d of %d", name, told, o.state.Story)
		}
		if o.state.Over() && (o.active || !o.state.Settled) {
			add("%s is %s and still cared for (labelled: %v, settled: %v)", name, o.state.Phase, o.active, o.state.Settled)
		}
		for key, in := range s.w.Sinks["oncall"].incidents {
			if in.open && o.state.Over() && strings.HasPrefix(key, full+"/") {
				add("%s is still open though %s is %s", key, name, o.state.Phase)
			}
		}
	}
	for minute, n := range s.looks {
		if n > mostLooks {
			add("bounded: %d looks at %s within the minute from %s", n, s.key, signal.Instant(minute*60))
		}
	}
}

// repeated sees that nobody was told the same thing again without a crash.
func (w *World) repeated(add func(string, ...any)) {
	for key, in := range w.Sinks["oncall"].incidents {
		if strings.HasPrefix(key, "fleet/") || strings.HasPrefix(key, "prometheus/") || strings.HasSuffix(key, "/"+string(release.CodeNamespaceWithheld)) {
			continue
		}
		if in.triggers > 1+w.Crashes+w.lost || in.opened > 1+w.Crashes {
			add("once: %s was triggered %d times and opened %d times after %d crashes", key, in.triggers, in.opened, w.Crashes)
		}
	}
	for name, k := range w.Sinks {
		if k.Early > 0 {
			add("%s had %d requests before the time that it had asked for", name, k.Early)
		}
	}
	if w.openPrometheus() {
		add("the incident about Prometheus is still open")
	}
}

// Ends counts how the releases of a world ended, and what people were paged for.
func (o Outcome) Ends() map[string]int {
	o.World.mu.Lock()
	defer o.World.mu.Unlock()
	ends := map[string]int{}
	for _, s := range o.World.services {
		for _, h := range s.releases {
			ends[string(h.live().state.Phase)]++
		}
		for _, n := range s.moves {
			ends["moved by greenwatch"] += n
		}
	}
	for key := range o.World.Sinks["oncall"].incidents {
		ends["paged for "+key[strings.LastIndex(key, "/")+1:]]++
	}
	return ends
}
