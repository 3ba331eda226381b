package scenario

import "fmt"

// alarmBound and alarmAfter are those of the service's own alert on errors.
const (
	alarmBound = 0.05
	alarmAfter = 5 * minute
)

// alarms are the stretches in which a slot's alert on errors is pending or fires.
func alarms(t Truth, candidate bool) []Span {
	var out []Span
	for _, c := range integrate(t, candidate) {
		switch n := len(out); {
		case c.share(c.failed) <= alarmBound:
		case n > 0 && out[n-1].To == c.from:
			out[n-1].To = c.to
		default:
			out = append(out, Span{c.from, c.to})
		}
	}
	return out
}

// alert writes what Prometheus keeps of a slot's alert.
func (p *page) alert(d dice, s Scenario, slot string) {
	alarms := alarms(s.Truth, slot == Candidate)
	for _, c := range s.Observation.scrapes(d, s.begin(slot), s.Truth.Until) {
		for _, a := range alarms {
			if covers([]Span{a}, c.at) {
				p.sample("ALERTS", p.alertLabels(c.server, slot, c.at-a.From >= alarmAfter), 1, c.at)
			}
		}
	}
}

func (p *page) alertLabels(server, slot string, firing bool) string {
	state := "pending"
	if firing {
		state = "firing"
	}
	text := fmt.Sprintf(`{run=%q,alertname="KnowledgeBeastErrors",alertstate=%q,namespace=%q,deployment=%q`, p.run, state, Namespace(p.run), slot)
	if server != "" {
		text += fmt.Sprintf(`,prometheus_replica=%q`, server)
	}
	return text
}
