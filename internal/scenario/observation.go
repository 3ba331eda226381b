package scenario

// Observation is how Prometheus saw a truth, and what it did not see.
type Observation struct {
	// Every is the scrape interval, and Jitter how far a scrape strays, in seconds.
	Every, Jitter float64
	// Missed is the chance of a scrape to fail.
	Missed float64
	// Away is when Prometheus did not run.
	Away []Span
	// Pair has two servers write every series.
	Pair bool
	// Lag is how long before the end the newest sample is, and Late how long after its first traffic the
	// candidate is discovered.
	Lag, Late float64
	// Lazy series appear with their first event.
	Lazy bool
	// Uneven is the variance of the traffic's rate around its truth, per slice.
	Uneven float64
}

// scrape is one look of one server at one target.
type scrape struct {
	at     float64
	server string
	failed bool
}

// scrapes gives the looks at a target, in order.
func (o Observation) scrapes(d dice, from, to float64) []scrape {
	servers := []string{""}
	if o.Pair {
		servers = []string{"a", "b"}
	}
	next := make([]float64, len(servers))
	for i := range next {
		next[i] = from + d.Float64()*o.Every
	}
	var all []scrape
	for i := earliest(next); next[i] < to-o.Lag; i = earliest(next) {
		at := next[i] + d.between(0, o.Jitter)
		next[i] += o.Every
		if !covers(o.Away, at) {
			all = append(all, scrape{at: at, server: servers[i], failed: d.chance(o.Missed)})
		}
	}
	return all
}

func earliest(times []float64) int {
	if len(times) > 1 && times[1] < times[0] {
		return 1
	}
	return 0
}
