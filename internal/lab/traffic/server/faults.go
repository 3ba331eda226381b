package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Faults is how a slot misbehaves. The zero value is a slot in good health.
type Faults struct {
	// ErrorRatio is the part of the calls, 0 to 1, that fail with Internal.
	ErrorRatio float64 `json:"errorRatio"`
	// Latency is added to each call.
	Latency Latency `json:"latency"`
	// Silent makes /metrics answer 503; calls are served as before.
	Silent bool `json:"silent"`
	// Crash ends the process at once with exit code 1.
	Crash bool `json:"crash"`
	// CacheHitRatio is the part of the calls, 0 to 1, that hit the cache; absent: healthyHitRatio.
	CacheHitRatio *float64 `json:"cacheHitRatio,omitempty"`
}

const healthyHitRatio = 0.9

// maxLatency keeps a mistyped fault from piling calls up without end.
const maxLatency = time.Minute

// parseFaults reads one JSON object and refuses unknown fields and values out of range.
func parseFaults(r io.Reader) (Faults, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var f Faults
	if err := dec.Decode(&f); err != nil {
		return Faults{}, fmt.Errorf("parse faults: %w", err)
	}
	return f, f.validate()
}

func (f Faults) validate() error {
	var errs []error
	if f.ErrorRatio < 0 || f.ErrorRatio > 1 {
		errs = append(errs, fmt.Errorf("errorRatio %v: want 0 to 1", f.ErrorRatio))
	}
	if f.CacheHitRatio != nil && (*f.CacheHitRatio < 0 || *f.CacheHitRatio > 1) {
		errs = append(errs, fmt.Errorf("cacheHitRatio %v: want 0 to 1", *f.CacheHitRatio))
	}
	if f.Latency < 0 || time.Duration(f.Latency) > maxLatency {
		errs = append(errs, fmt.Errorf("latency %v: want 0s to %v", time.Duration(f.Latency), maxLatency))
	}
	return errors.Join(errs...)
}

func (f Faults) hitRatio() float64 {
	if f.CacheHitRatio == nil {
		return healthyHitRatio
	}
	return *f.CacheHitRatio
}

// Latency is a duration that JSON writes as Go does: "800ms".
type Latency time.Duration

// MarshalText writes the duration in Go's notation.
func (l Latency) MarshalText() ([]byte, error) { return []byte(time.Duration(l).String()), nil }

// UnmarshalText reads Go's notation; an empty string is no latency.
func (l *Latency) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("latency %q: want a duration like 800ms: %w", text, err)
	}
	*l = Latency(d)
	return nil
}
