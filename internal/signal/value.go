package signal

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Instant is a moment in whole seconds since the Unix epoch; 0 means none. In JSON it is an
// RFC 3339 string in UTC; the API takes those of the years 2000 to 2099.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:Format=date-time
// +kubebuilder:validation:Pattern=`^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`
type Instant int64

// At gives the Instant in which t falls.
func At(t time.Time) Instant { return Instant(t.Unix()) }

// Time gives the start of the Instant, in UTC.
func (i Instant) Time() time.Time { return time.Unix(int64(i), 0).UTC() }

// IsZero tells whether there is no instant.
func (i Instant) IsZero() bool { return i == 0 }

// The first and the last instant that RFC 3339 can write.
var (
	firstInstant = At(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))
	lastInstant  = At(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
)

// within keeps an instant among those that can be written.
func within(i Instant) Instant { return max(firstInstant, min(lastInstant, i)) }

// Add moves i by d, cut to whole seconds, and no further than the years 0 to 9999.
func (i Instant) Add(d Duration) Instant { return within(i + Instant(time.Duration(d)/time.Second)) }

// Sub gives the time from o to i, or the longest duration there is, about 292 years, where it is longer.
func (i Instant) Sub(o Instant) Duration {
	const most = Instant(math.MaxInt64 / int64(time.Second))
	return Duration(time.Duration(max(-most, min(most, i-o))) * time.Second)
}

// String gives i as RFC 3339 in UTC, or "-" for none.
func (i Instant) String() string {
	if i.IsZero() {
		return "-"
	}
	return i.Time().Format(time.RFC3339)
}

// MarshalJSON writes i as RFC 3339, and none as null.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(i.Time().Format(time.RFC3339))
}

// UnmarshalJSON reads what MarshalJSON writes; parts of a second are cut off. What another time zone puts
// outside of the years 0 to 9999 is moved to their edge: it could not be written again.
func (i *Instant) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("instant %s: want an RFC 3339 string", b)
	}
	if s == nil {
		*i = 0
		return nil
	}
	t, err := time.Parse(time.RFC3339, *s)
	if err != nil {
		return fmt.Errorf("instant %q: want RFC 3339, such as 2006-01-02T15:04:05Z", *s)
	}
	*i = within(At(t))
	return nil
}

// Number is a float64 that survives JSON whole: it is written as the shortest string that reads
// back as the same number, since JSON knows neither NaN nor the infinities.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
type Number float64

// IsNaN tells whether n is not a number.
func (n Number) IsNaN() bool { return math.IsNaN(float64(n)) }

// String gives the shortest text that reads back as n.
func (n Number) String() string { return strconv.FormatFloat(float64(n), 'g', -1, 64) }

// MarshalJSON writes n as a string.
func (n Number) MarshalJSON() ([]byte, error) { return json.Marshal(n.String()) }

// UnmarshalJSON reads a string as MarshalJSON writes it, or a bare JSON number.
func (n *Number) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		s = string(b)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("number %s: want a number as a string, such as \"0.05\"", b)
	}
	*n = Number(f)
	return nil
}

// Duration is a time.Duration that is written in JSON as Go writes it ("1m30s").
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
type Duration time.Duration

// D gives d as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String gives d without needless zero units: 5m, not 5m0s.
func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t == 0:
		return "0s"
	case t%time.Hour == 0:
		return strconv.FormatInt(int64(t/time.Hour), 10) + "h"
	case t%time.Minute == 0 && t < time.Hour:
		return strconv.FormatInt(int64(t/time.Minute), 10) + "m"
	}
	return t.String()
}

// MarshalJSON writes d as a string.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a Go duration.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration %s: want a string such as \"5m\"", b)
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q: want Go's form, such as 90s, 5m or 24h (days are written in hours)", s)
	}
	*d = Duration(t)
	return nil
}

// Condition is one thing that is so, or not, about an object, and since when.
type Condition struct {
	// +kubebuilder:validation:MaxLength=64
	Type string `json:"type"`
	// +kubebuilder:validation:Enum=True;False;Unknown
	Status string `json:"status"`
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// LastTransitionTime is when Status last changed.
	LastTransitionTime Instant `json:"lastTransitionTime"`
	// ObservedGeneration is the generation of the spec that the condition speaks of.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}
