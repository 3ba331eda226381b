package trend_test

import (
	"math"
	"math/rand/v2"

	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/trend"
)

const (
	mib  = 1 << 20
	gib  = 1024 * mib
	hour = signal.Instant(3600)
	// born is when a simulated candidate starts: some noon.
	born = signal.Instant(1_700_000_000 / 86_400 * 86_400)
)

// program is what a simulated pod's memory is made of, in MiB and hours.
type program struct {
	level   float64 // what it needs
	startup float64 // what it takes up at once after a start, within minutes
	fill    float64 // what its cache takes up, and how fast
	fillIn  float64
	tooth   float64 // what its collector lets pile up, and for how long
	every   float64
	swing   float64 // from the day's low to its high
	noise   float64
	leak    float64 // per hour
	lives   float64 // hours from restart to restart; 0 is none
	lost    float64 // the part of the samples that are lost
}

// pod lives a program from a start to an end, seen every so many seconds.
func (p program) pod(r *rand.Rand, name string, from, to, every signal.Instant) trend.Pod {
	pod := trend.Pod{Name: name, Limit: gib, Starts: []signal.Instant{from}}
	start, tooth, length, outage := from, 0.0, p.period(r), signal.Instant(0)
	swell := 0.0
	for at := from; at <= to; at += every {
		if p.lives > 0 && r.Float64() < float64(every)/3600/p.lives {
			start, tooth = at, 0
			pod.Starts = append(pod.Starts, at)
		}
		if tooth += float64(every) / 3600; tooth > length {
			tooth, length = 0, p.period(r)
		}
		if r.Float64() < p.lost/30 {
			outage = at + signal.Instant(r.ExpFloat64()*3600)
		}
		swell = 0.95*swell + 0.05*r.NormFloat64() // what stays from one sample to the next
		if at < outage || r.Float64() < p.lost {
			continue
		}
		age := float64(at-start) / 3600
		v := p.at(age, float64(at%86_400)/3600) + p.noise*(r.NormFloat64()+3*swell)
		if p.tooth > 0 {
			v += p.tooth * tooth / p.every
		}
		pod.Points = append(pod.Points, trend.Point{At: at, Value: signal.Number(max(1, v) * mib)})
	}
	return pod
}

func (p program) at(age, clock float64) float64 {
	v := p.level + p.leak*age - p.startup*math.Exp(-age/0.1) + p.swing/2*math.Sin(2*math.Pi*(clock-8)/24)
	if p.fillIn > 0 {
		v += p.fill * (1 - math.Exp(-age/p.fillIn))
	}
	return v
}

// period is how long the next tooth takes: no two are alike.
func (p program) period(r *rand.Rand) float64 {
	if p.every == 0 {
		return math.Inf(1)
	}
	return p.every * (0.8 + 0.4*r.Float64())
}

func uniform(r *rand.Rand, from, to float64) float64 { return from + (to-from)*r.Float64() }

// plain is a program that needs what it needs, and little else.
func plain(r *rand.Rand) program {
	return program{level: uniform(r, 250, 500), startup: uniform(r, 20, 150), noise: uniform(r, 0.5, 5), lost: 0.01}
}

// kind is a kind of healthy program; with tells whether stable's day before is known.
type kind struct {
	name   string
	stable bool
	draw   func(r *rand.Rand) program
}

func with(change func(r *rand.Rand, p *program)) func(*rand.Rand) program {
	return func(r *rand.Rand) program {
		p := plain(r)
		change(r, &p)
		return p
	}
}

func fast(r *rand.Rand, p *program) { p.tooth, p.every = uniform(r, 20, 200), uniform(r, 0.01, 0.2) }
func slow(r *rand.Rand, p *program) { p.tooth, p.every = uniform(r, 20, 200), uniform(r, 0.2, 1.2) }
func long(r *rand.Rand, p *program) { p.tooth, p.every = uniform(r, 20, 200), uniform(r, 1, 8) }
func fill(r *rand.Rand, p *program) { p.fill, p.fillIn = uniform(r, 50, 350), uniform(r, 0.1, 1) }
func days(r *rand.Rand, p *program) { p.swing = uniform(r, 10, 150) }

var healthy = []kind{
	{"flat with noise", false, with(func(*rand.Rand, *program) {})},
	{"start-up", false, with(func(r *rand.Rand, p *program) { p.fill, p.fillIn = uniform(r, 50, 200), uniform(r, 0.1, 0.3) })},
	{"collector of minutes", false, with(fast)},
	{"collector of up to 80 minutes", false, with(slow)},
	{"collector of up to 8 hours, stable's day known", true, with(long)},
	{"cache fill", false, with(fill)},
	{"daily rhythm of up to 5 % of the limit", false, with(func(r *rand.Rand, p *program) { p.swing = uniform(r, 10, 51) })},
	{"daily rhythm, stable's day known", true, with(days)},
	{"restarts", false, with(func(r *rand.Rand, p *program) { fill(r, p); p.fill /= 2; p.lives = uniform(r, 2, 12) })},
	{"gaps", false, with(func(r *rand.Rand, p *program) { fast(r, p); p.lost = uniform(r, 0.05, 0.3) })},
	{"all at once, stable's day known", true, with(func(r *rand.Rand, p *program) {
		slow(r, p)
		fill(r, p)
		days(r, p)
		p.tooth, p.fill, p.swing, p.lives = p.tooth/2, p.fill/2, p.swing/2, uniform(r, 12, 48)
	})},
}

// record is four pods of a candidate, and two of stable in the day and a half before, if they are known.
func record(r *rand.Rand, p program, stable bool, length signal.Instant) trend.Usage {
	u := trend.Usage{At: born + length}
	for _, name := range []string{"a", "b", "c", "d"} {
		u.Pods = append(u.Pods, p.pod(r, name, born+signal.Instant(r.IntN(120)), u.At, 120))
	}
	if stable {
		was := p
		was.leak = 0
		for _, name := range []string{"x", "y"} {
			u.Stable = append(u.Stable, was.pod(r, name, born-36*hour, born, 120))
		}
	}
	return u
}

// asOf gives what was known of a record at a moment.
func asOf(u trend.Usage, hours float64) trend.Usage {
	u.At = born + signal.Instant(hours*3600)
	return u
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 13)) }
