package scenario

import (
	"fmt"
	"math"
)

// face is a target's series, their labels written once.
type face struct {
	lazy                              bool
	target                            string
	good, refused, failed             string
	within                            [len(buckets)]string
	all                               string
	goodSeen, refusedSeen, failedSeen bool
}

func newFace(target string, lazy bool) *face {
	status := func(code string) string { return target + fmt.Sprintf(`,status=%q`, code) }
	f := &face{lazy: lazy, target: target, good: status("200"), refused: status("404"), failed: status("500"), all: target + `,le="+Inf"`}
	for i, le := range buckets {
		f.within[i] = target + fmt.Sprintf(`,le="%g"`, le)
	}
	return f
}

// expose writes a scrape of the service.
func (p *page) expose(f *face, c counters, up bool, at float64) {
	p.sample("up", f.target, bit(up), at)
	if !up {
		return
	}
	p.event("http_requests_total", f.good, &f.goodSeen, f.lazy, c.good, at)
	p.event("http_requests_total", f.refused, &f.refusedSeen, f.lazy, c.refused, at)
	p.event("http_requests_total", f.failed, &f.failedSeen, f.lazy, c.failed, at)
	for i, labels := range f.within {
		p.sample("kb_query_duration_seconds_bucket", labels, c.within[i], at)
	}
	p.sample("kb_query_duration_seconds_bucket", f.all, c.requests(), at)
	p.sample("kb_query_duration_seconds_count", f.target, c.requests(), at)
	p.sample("kb_query_duration_seconds_sum", f.target, math.Round(c.seconds*1e3)/1e3, at)
	p.sample("kb_cache_hits_total", f.target, c.hits, at)
	p.sample("kb_cache_misses_total", f.target, c.misses, at)
	p.sample("kb_queue_depth", f.target, 0, at)
}

// event writes a counter, a lazy one only once something was counted.
func (p *page) event(metric, labels string, seen *bool, lazy bool, value, at float64) {
	if value > 0 || *seen || !lazy {
		*seen = value > 0 // a restart makes it anew
		p.sample(metric, labels, value, at)
	}
}

func bit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
