package scenario

// Truth is what really happened. All times are seconds after the cutover.
type Truth struct {
	// Deployed is when the candidate got its first traffic; Until is the end of what is looked at.
	Deployed, Until float64
	// Load is the requests per second that callers make, and Share the candidate's share of them.
	Load, Share       Curve
	Candidate, Stable []Pod
}

// Pod is one process of a slot. Requests are spread evenly over a slot's pods.
type Pod struct {
	// Errors and Refused are the shares of requests that end in a 5xx and in a 4xx, Hits the share that the
	// cache answers.
	Errors, Refused, Hits Curve
	Latency               func(t float64) Mixture
	// Memory is what is left in use after a collection, in MiB.
	Memory Curve
	// Listed tells whether Prometheus knows the pod, Up whether it answers scrapes, and Ready what Kubernetes
	// says.
	Listed, Up, Ready func(t float64) bool
	// Restarts are the times at which its counters begin again.
	Restarts []float64
}

// rate is the requests per second that reach a slot.
func (t Truth) rate(candidate bool, at float64) float64 {
	share := t.Share(at)
	if !candidate {
		share = 1 - share
	}
	return t.Load(at) * share
}

func (t Truth) slot(candidate bool) []Pod {
	if candidate {
		return t.Candidate
	}
	return t.Stable
}

// history is how long the stable slot is seen before the candidate's first traffic.
const history = 66 * 60.0

func (t Truth) begin() float64 { return t.Deployed - history }

func always(float64) bool { return true }

// outside is true but from one moment to another.
func outside(from, to float64) func(float64) bool {
	return func(t float64) bool { return t < from || t >= to }
}
