package scenario

import "math"

// Curve is a quantity as a function of time.
type Curve func(t float64) float64

func constant(v float64) Curve { return func(float64) float64 { return v } }

// step goes from one value to another.
func step(at, before, after float64) Curve {
	return func(t float64) float64 {
		if t < at {
			return before
		}
		return after
	}
}

// ramp goes evenly from one value to another.
func ramp(from, to, before, after float64) Curve {
	return func(t float64) float64 {
		return before + (after-before)*min(1, max(0, (t-from)/(to-from)))
	}
}

// during has one value within the spans and another outside.
func during(spans []Span, within, outside float64) Curve {
	return func(t float64) float64 {
		if covers(spans, t) {
			return within
		}
		return outside
	}
}

// flapping alternates from a moment on.
func flapping(from, bad, good, within, outside float64) Curve {
	return func(t float64) float64 {
		if t >= from && math.Mod(t-from, bad+good) < bad {
			return within
		}
		return outside
	}
}

// decay jumps to a value and falls towards another, to a twentieth of the distance after length.
func decay(from, length, start, rest float64) Curve {
	return func(t float64) float64 {
		if t < from {
			return rest
		}
		return rest + (start-rest)*math.Exp(-3*(t-from)/length)
	}
}

// rhythm swings around a value once a day.
func rhythm(mean, swing, phase float64) Curve {
	return func(t float64) float64 { return mean * (1 + swing*math.Sin(2*math.Pi*(t/86400+phase))) }
}

func (c Curve) times(o Curve) Curve { return func(t float64) float64 { return c(t) * o(t) } }

// Span is a stretch of time.
type Span struct{ From, To float64 }

func covers(spans []Span, t float64) bool {
	for _, s := range spans {
		if t >= s.From && t < s.To {
			return true
		}
	}
	return false
}
