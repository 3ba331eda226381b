package scenario

// cell is what is to be expected of a slot in a stretch of time: integrals of the truth.
type cell struct {
	from, to                float64
	requests, failed, hits  float64
	over100, over200, over1 float64
	ready                   int
	heard                   bool
}

func (c cell) share(part float64) float64 {
	if c.requests == 0 {
		return 0
	}
	return part / c.requests
}

// integrate gives a slot's cells, each a slice long: the candidate's from its first traffic on, stable's
// from an hour before.
func integrate(t Truth, candidate bool) []cell {
	from := t.Deployed
	if !candidate {
		from -= 3600
	}
	var cells []cell
	for ; from+slice <= t.Until; from += slice {
		cells = append(cells, cellOf(t, t.slot(candidate), candidate, from))
	}
	return cells
}

func cellOf(t Truth, pods []Pod, candidate bool, from float64) cell {
	c := cell{from: from, to: from + slice}
	at := from + slice/2
	each := t.rate(candidate, at) * slice / float64(len(pods))
	for _, p := range pods {
		m := p.Latency(at)
		c.requests += each
		c.failed += each * p.Errors(at)
		c.hits += each * p.Hits(at)
		c.over100 += each * m.over(.1)
		c.over200 += each * m.over(.2)
		c.over1 += each * m.over(1)
		c.heard = c.heard || p.Listed(at) && p.Up(at)
		if p.Ready(at) {
			c.ready++
		}
	}
	return c
}

func between(cells []cell, from, to float64) []cell {
	var in []cell
	for _, c := range cells {
		if c.from >= from && c.to <= to {
			in = append(in, c)
		}
	}
	return in
}

// total adds cells up.
func total(cells []cell) cell {
	var sum cell
	for i, c := range cells {
		if i == 0 {
			sum.from, sum.ready, sum.heard = c.from, c.ready, c.heard
		}
		sum.to = c.to
		sum.requests += c.requests
		sum.failed += c.failed
		sum.hits += c.hits
		sum.over100 += c.over100
		sum.over200 += c.over200
		sum.over1 += c.over1
		sum.ready = min(sum.ready, c.ready)
		sum.heard = sum.heard || c.heard
	}
	return sum
}

// minutes adds the cells up by the minute.
func minutes(cells []cell) []cell {
	const each = int(60 / slice)
	var out []cell
	for ; len(cells) >= each; cells = cells[each:] {
		out = append(out, total(cells[:each]))
	}
	return out
}
