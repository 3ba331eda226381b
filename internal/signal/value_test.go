package signal_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// saved gives what comes back of v after it was written to JSON.
func saved[T any](t *testing.T, v T) T {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("write %v: %v", v, err)
	}
	var out T
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("read %s: %v", b, err)
	}
	return out
}

func TestJSONShapes(t *testing.T) {
	type all struct {
		At   signal.Instant  `json:"at,omitempty"`
		N    signal.Number   `json:"n"`
		Last signal.Duration `json:"last"`
	}
	cases := []struct {
		name string
		in   all
		want string
	}{
		{"none", all{}, `{"n":"0","last":"0s"}`},
		{"plain", all{signal.At(time.Date(2024, 3, 1, 12, 0, 9, 7e8, time.FixedZone("", 3600))), 0.05, signal.Duration(90 * time.Second)},
			`{"at":"2024-03-01T11:00:09Z","n":"0.05","last":"1m30s"}`},
		{"not a number", all{N: signal.Number(math.NaN()), Last: signal.Duration(24 * time.Hour)}, `{"n":"NaN","last":"24h"}`},
		{"infinite", all{N: signal.Number(math.Inf(-1)), Last: signal.Duration(5 * time.Minute)}, `{"n":"-Inf","last":"5m"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, err := json.Marshal(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if string(b) != c.want {
				t.Errorf("got %s, want %s", b, c.want)
			}
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	cases := []struct {
		name, in string
		into     any
		want     string
	}{
		{"an instant that is a number", `12`, new(signal.Instant), "want an RFC 3339 string"},
		{"an instant without a zone", `"2024-03-01T11:00:09"`, new(signal.Instant), "such as 2006-01-02T15:04:05Z"},
		{"a number in words", `"many"`, new(signal.Number), "want a number as a string"},
		{"a duration in days", `"7d"`, new(signal.Duration), "days are written in hours"},
		{"a bare duration", `300`, new(signal.Duration), "want a string such as"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := json.Unmarshal([]byte(c.in), c.into)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestBareNumbersAreRead(t *testing.T) {
	var n signal.Number
	if err := json.Unmarshal([]byte("2.5e-3"), &n); err != nil || n != 0.0025 {
		t.Errorf("got %v, %v; want 0.0025", n, err)
	}
}

// years is the range of RFC 3339.
const yearZero, lastSecond = -62167219200, 253402300799

func FuzzInstantComesBack(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 1709290809, yearZero, lastSecond} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if n < yearZero || n > lastSecond {
			return
		}
		if got := saved(t, signal.Instant(n)); int64(got) != n {
			t.Errorf("%d came back as %d", n, got)
		}
	})
}

func FuzzNumberComesBack(f *testing.F) {
	for _, n := range []float64{0, 0.1, 1e300, -5e-324, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n float64) {
		got := saved(t, signal.Number(n))
		same := math.Float64bits(float64(got)) == math.Float64bits(n)
		if !same && !(got.IsNaN() && math.IsNaN(n)) {
			t.Errorf("%v came back as %v", n, got)
		}
		if len(got.String()) > 32 {
			t.Errorf("%s takes more than the 32 bytes of the schema", got)
		}
	})
}

func FuzzDurationComesBack(f *testing.F) {
	for _, d := range []int64{0, 1, -1, 60e9, 3600e9, 86400e9, 168 * 3600e9, 90e9, 36061e9, math.MaxInt64, math.MinInt64} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, d int64) {
		if got := saved(t, signal.Duration(d)); int64(got) != d {
			t.Errorf("%d came back as %d", d, got)
		}
	})
}

func TestInstantArithmetic(t *testing.T) {
	at := signal.Instant(1000)
	if got := at.Add(signal.Duration(1500 * time.Millisecond)); got != 1001 {
		t.Errorf("1.5 s after %d is %d, want whole seconds: 1001", at, got)
	}
	if got := signal.Instant(1060).Sub(at); got != signal.Duration(time.Minute) {
		t.Errorf("from 1000 to 1060 are %s, want 1m", got)
	}
	if got := signal.Instant(0).String(); got != "-" {
		t.Errorf("no instant reads %q, want -", got)
	}
}

// What anybody can write as an instant can be read, reckoned with and written again.
func TestInstantsAtTheEdges(t *testing.T) {
	for text, want := range map[string]signal.Instant{
		"9999-12-31T23:59:59-14:00": lastSecond, "0000-01-01T00:00:00+14:00": yearZero, "9999-12-31T23:59:59Z": lastSecond,
	} {
		var i signal.Instant
		if err := i.UnmarshalJSON([]byte(`"` + text + `"`)); err != nil || i != want {
			t.Errorf("%s is read as %d, %v; want %d", text, i, err, want)
		}
		if got := saved(t, i.Add(signal.Duration(200*365*24*time.Hour))); got < yearZero || got > lastSecond {
			t.Errorf("%s and 200 years more came back as %d", text, got)
		}
	}
	if d := signal.Instant(lastSecond).Sub(yearZero); d < signal.Duration(292*365*24*time.Hour) {
		t.Errorf("from year 0 to 9999 it is %s", d)
	}
	if d := signal.Instant(yearZero).Sub(lastSecond); d > signal.Duration(-292*365*24*time.Hour) {
		t.Errorf("from year 9999 to 0 it is %s", d)
	}
}
