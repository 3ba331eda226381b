package scenario

// buckets are the upper bounds of the latency histogram, in seconds: the bounds of the matrix, and some.
var buckets = [...]float64{.025, .05, .1, .2, .5, 1, 2.5}

// slice is the longest stretch of the truth that is taken for constant, in seconds.
const slice = 5.0

// counters are what a process has counted since it began.
type counters struct {
	good, refused, failed float64
	within                [len(buckets)]float64 // cumulative, as exposed
	seconds               float64
	hits, misses          float64
}

func (c counters) requests() float64 { return c.good + c.refused + c.failed }

// process is a pod that lives through the truth.
type process struct {
	dice
	Pod
	rate   Curve // of its own requests
	uneven float64
	at     float64
	counters
}

// live goes on to a moment.
func (p *process) live(to float64) {
	for p.at < to {
		end := min(to, p.at+slice)
		if restart, ok := p.restart(end); ok {
			p.serve(restart)
			p.counters = counters{}
			continue
		}
		p.serve(end)
	}
}

// restart gives the next restart that comes before a moment.
func (p *process) restart(end float64) (float64, bool) {
	for _, r := range p.Restarts {
		if r > p.at && r <= end {
			return r, true
		}
	}
	return 0, false
}

// serve counts what arrives up to a moment, by the truth in the middle.
func (p *process) serve(end float64) {
	length, middle := end-p.at, (p.at+end)/2
	p.at = end
	n := p.poisson(p.rate(middle) * length * p.dice.uneven(p.uneven))
	if n == 0 {
		return
	}
	failed := p.binomial(n, p.Errors(middle))
	refused := p.binomial(n-failed, p.Refused(middle))
	p.failed += failed
	p.refused += refused
	p.good += n - failed - refused
	hits := p.binomial(n, p.Hits(middle))
	p.hits += hits
	p.misses += n - hits
	p.time(n, p.Latency(middle))
}

// time sorts n requests into the buckets, from the fastest.
func (p *process) time(n float64, m Mixture) {
	p.seconds += n * m.mean()
	slower, left, cumulative := 1.0, n, 0.0
	for i, le := range buckets {
		over := m.over(le)
		if slower > 0 && left > 0 {
			k := p.binomial(left, (slower-over)/slower)
			left -= k
			cumulative += k
		}
		slower = over
		p.within[i] += cumulative
	}
}
