package scenario

import (
	"fmt"
	"math"
	"strconv"
)

// Namespace is where a run's service lives.
func Namespace(run string) string { return "run-" + run }

// The two slots of every scenario: the candidate is green.
const (
	Candidate = "green"
	Stable    = "blue"
)

// page is samples in the OpenMetrics format, growing.
type page struct {
	text    []byte
	run     string
	cutover float64 // in Unix seconds
}

// Write appends the samples of a scenario, labelled with a run, to a text in the OpenMetrics format. The
// text's last line, "# EOF", is the caller's.
func Write(text []byte, s Scenario, run string, cutover int64) []byte {
	p := &page{text: text, run: run, cutover: float64(cutover)}
	for i, slot := range []string{Stable, Candidate} {
		for n, pod := range s.Truth.slot(slot == Candidate) {
			d := newDice(s.Seed, uint64(100+10*i+n))
			p.pod(d, s, slot, n, pod)
			p.node(d, s, slot, n, pod)
		}
		p.deployment(newDice(s.Seed, uint64(200+i)), s, slot)
		p.alert(newDice(s.Seed, uint64(300+i)), s, slot)
	}
	return p.text
}

func podName(slot string, n int) string {
	return fmt.Sprintf("knowledgebeast-%s-5c9d7b6f4-%d", slot, n)
}

// labels gives a target's labels, the server's included, open for more.
func (p *page) labels(server, job, instance, more string) string {
	text := fmt.Sprintf(`{run=%q,job=%q,instance=%q,namespace=%q`, p.run, job, instance, Namespace(p.run))
	if server != "" {
		text += fmt.Sprintf(`,prometheus_replica=%q`, server)
	}
	return text + more
}

// sample writes one line. The labels lack their last brace.
func (p *page) sample(metric, labels string, value, at float64) {
	p.text = append(p.text, metric...)
	p.text = append(p.text, labels...)
	p.text = append(p.text, "} "...)
	p.text = strconv.AppendFloat(p.text, value, 'g', -1, 64)
	p.text = append(p.text, ' ')
	p.text = strconv.AppendFloat(p.text, math.Round((p.cutover+at)*1000)/1000, 'f', 3, 64)
	p.text = append(p.text, '\n')
}

// pod writes what its own endpoint shows.
func (p *page) pod(d dice, s Scenario, slot string, n int, pod Pod) {
	t, o := s.Truth, s.Observation
	served := t.slot(slot == Candidate)
	own := &process{dice: d, Pod: pod, uneven: o.Uneven, at: s.begin(slot),
		rate: func(at float64) float64 { return t.rate(slot == Candidate, at) / float64(len(served)) }}
	faces := map[string]*face{}
	for _, c := range o.scrapes(d, own.at, t.Until) {
		own.live(c.at)
		switch {
		case !pod.Listed(c.at) || slot == Candidate && c.at < t.Deployed+o.Late && o.Late > 0:
			continue
		case faces[c.server] == nil:
			faces[c.server] = newFace(p.labels(c.server, "knowledgebeast", podName(slot, n), fmt.Sprintf(`,pod=%q,deployment=%q`, podName(slot, n), slot)), o.Lazy)
		}
		p.expose(faces[c.server], own.counters, pod.Up(c.at) && !c.failed, c.at)
	}
}

// begin is when a slot's pods start.
func (s Scenario) begin(slot string) float64 {
	if slot == Candidate {
		return s.Truth.Deployed - 6*60
	}
	return s.Truth.begin()
}
