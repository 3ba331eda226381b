package signal

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var nine = At(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))

func share(minute int, part, total Number) Bin {
	return Bin{End: nine + Instant(60*minute), Part: part, Total: total, Value: part / total}
}

// sameBins compares to the last bit, where cmp takes 0 and -0 for equal.
var sameBins = cmp.Options{cmp.Comparer(same)}

var lines = []struct {
	name, line string
	bins       Bins
}{
	{"nothing is an empty line", "", nil},
	{"a share is its counts", "2026-11-24T09:00:00Z every 1m: 3/1000 0/998", Bins{share(0, 3, 1000), share(1, 0, 998)}},
	{"a single bin has no step", "2026-11-24T09:00:00Z: 3/1000", Bins{share(0, 3, 1000)}},
	{"what is unknown is its cause", "2026-11-24T09:00:00Z every 1m: Gap Idle NaN",
		Bins{{End: nine, Cause: Gap}, {End: nine + 60, Cause: Idle}, {End: nine + 120, Cause: NaN}}},
	{"a value that is no number is not the cause of that name", "2026-11-24T09:00:00Z: nan", Bins{{End: nine, Value: Number(math.NaN())}}},
	{"a value over a total", "2026-11-24T09:00:00Z every 15s: 0.183@1000 12 +Inf",
		Bins{{End: nine, Value: 0.183, Total: 1000}, {End: nine + 15, Value: 12}, {End: nine + 30, Value: Number(math.Inf(1))}}},
	{"a value that is not the quotient stands before its counts", "2026-11-24T09:00:00Z: 0.5@3/1000", Bins{{End: nine, Value: 0.5, Part: 3, Total: 1000}}},
	{"what was counted beside a cause is kept", "2026-11-24T09:00:00Z: Idle:0/12", Bins{{End: nine, Total: 12, Cause: Idle}}},
	{"a cause of no catalogue is quoted", `2026-11-24T09:00:00Z every 1m: "of\x20old" "x":1`, Bins{{End: nine, Cause: "of old"}, {End: nine + 60, Cause: "x", Value: 1}}},
	{"where bins lie irregularly a time begins anew", "2026-11-24T09:00:00Z every 1m: 1/2 1/2 2026-11-24T09:03:00Z every 15s: 1/4 1/8",
		Bins{share(0, 1, 2), share(1, 1, 2), share(3, 1, 4), {End: nine + 195, Value: 0.125, Part: 1, Total: 8}}},
	{"a row that runs backwards survives", "2026-11-24T09:01:00Z: 1/2 2026-11-24T09:00:00Z: 1/2 2026-11-24T09:00:00Z: 1/4", Bins{share(1, 1, 2), share(0, 1, 2), share(0, 1, 4)}},
	{"bounds stand once, exact counts alone", "2026-11-24T09:00:00Z every 1m over 0.1,0.2: 0.183@1000|220,3..7 Gap 0.09@10|0,0", Bins{
		{End: nine, Value: 0.183, Total: 1000, Over: []Over{{0.1, 220, 220}, {0.2, 3, 7}}},
		{End: nine + 60, Cause: Gap},
		{End: nine + 120, Value: 0.09, Total: 10, Over: []Over{{0.1, 0, 0}, {0.2, 0, 0}}}}},
	{"other bounds begin anew", "2026-11-24T09:00:00Z over 1: 2@9|5 2026-11-24T09:01:00Z over 3: 2@9|5",
		Bins{{End: nine, Value: 2, Total: 9, Over: []Over{{1, 5, 5}}}, {End: nine + 60, Value: 2, Total: 9, Over: []Over{{3, 5, 5}}}}},
	{"an end of zero is a time", "1970-01-01T00:00:00Z: 7", Bins{{Value: 7}}},
}

func TestBinsAreALineThatReadsBack(t *testing.T) {
	for _, c := range lines {
		t.Run(c.name, func(t *testing.T) {
			if got := c.bins.String(); got != c.line {
				t.Errorf("got  %s\nwant %s", got, c.line)
			}
			back, err := ParseBins(c.line)
			if diff := cmp.Diff(c.bins, back, sameBins); diff != "" || err != nil {
				t.Errorf("read back: %v\n%s", err, diff)
			}
		})
	}
}

func TestALineInJSONIsWrittenWithoutEscapes(t *testing.T) {
	for _, c := range lines {
		b, err := json.Marshal(c.bins)
		if err != nil || strings.Contains(string(b), `\u`) {
			t.Errorf("%v: %s", err, b)
		}
		var back Bins
		if err := json.Unmarshal(b, &back); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		if diff := cmp.Diff(c.bins, back, sameBins); diff != "" {
			t.Errorf("%s:\n%s", b, diff)
		}
	}
}

func TestAListOfBinsIsReadToo(t *testing.T) {
	var got Bins
	const list = ` [{"end":"2026-11-24T09:00:00Z","value":"0.003","total":"1000","part":"3"},{"end":"2026-11-24T09:01:00Z","value":"0","cause":"Gap"}]`
	if err := json.Unmarshal([]byte(list), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Bins{share(0, 3, 1000), {End: nine + 60, Cause: Gap}}, got); diff != "" {
		t.Error(diff)
	}
	if err := json.Unmarshal([]byte("null"), &got); err != nil || got != nil {
		t.Errorf("null: %v, %v", got, err)
	}
}

func TestALineThatIsWrongSaysWhere(t *testing.T) {
	for line, want := range map[string]string{
		`"3/1000"`:                         `bins "3/1000": begins with "3/1000": want a head such as 2006-01-02T15:04:05Z every 1m: before the bins`,
		`"today: 3/1000"`:                  `time "today:": want RFC 3339`,
		`"2026-11-24T09:00:00Z each 1m:"`:  `"each" in the head: want every or over`,
		`"2026-11-24T09:00:00Z every 0s:"`: `every "0s": want a time from 1s to 168h`,
		`"2026-11-24T09:00:00Z: 1/2 many"`: `bin 2: number "many": want one such as 0.05`,
		`"2026-11-24T09:00:00Z: 1/2|3"`:    `bin 1: 1 counts over 0 bounds: want one each`,
		`"2026-11-24T09:00:00Z: \"Gap\"1"`: `word "Gap"1: want a colon after the cause`,
		`17`:                               `bins: want a line, or a list of bins`,
	} {
		var b Bins
		if err := json.Unmarshal([]byte(line), &b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// TestALineIsShort keeps two dozen of these within a state of 32 KiB.
func TestALineIsShort(t *testing.T) {
	var hour Bins
	for i := range 60 {
		hour = append(hour, share(i, Number(i%7), 12000+Number(i)))
	}
	if n := len(hour.String()); n > 600 {
		t.Errorf("an hour takes %d bytes", n)
	}
}

// binsOf turns bytes into bins: whatever they are, they mean some.
func binsOf(data []byte) Bins {
	var out Bins
	end := nine
	for ; len(data) >= 12; data = data[12:] {
		shape, causes := data[0], []Cause{Known, Known, Gap, NaN, "no one", "\xff\"", "a:b", "Über"}
		end += Instant([]int{60, 60, 60, 60, 15, 0, -60, 1 << 30}[data[1]%8])
		if end > 1<<37 || end < -1<<35 {
			end = nine
		}
		x := Number(math.Float64frombits(binary.LittleEndian.Uint64(data[2:10])))
		ns := []Number{0, Number(math.Copysign(0, -1)), Number(math.NaN()), 3, 1000, x, -x, Number(math.Inf(-1))}
		b := Bin{End: end, Value: ns[shape%8], Total: ns[shape/8%8], Part: ns[data[10]%8], Cause: causes[data[11]%8]}
		if shape > 127 {
			b.Value = b.Part / b.Total
		}
		for i := range int(data[10] / 8 % 3) {
			b.Over = append(b.Over, Over{Bound: ns[(i+int(data[10]/32))%8], Least: ns[data[11]/8%8], Most: ns[data[11]/32%8]})
		}
		out = append(out, b)
	}
	return out
}

func roundTrip(t *testing.T, data []byte) {
	want := binsOf(data)
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Bins
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if diff := cmp.Diff(want, got, sameBins); diff != "" {
		t.Fatalf("%s:\n%s", raw, diff)
	}
}

func TestAnyBinsReadBackToTheLastBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		data := make([]byte, 12*(1+r.IntN(12)))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		roundTrip(t, data)
	}
}

func FuzzBins(f *testing.F) {
	f.Add([]byte("twelve bytes and another twelve bytes"))
	f.Fuzz(roundTrip)
}

// FuzzParseBins holds that any line either reads or is refused, and that what reads is written so that it
// reads the same.
func FuzzParseBins(f *testing.F) {
	for _, c := range lines {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		b, err := ParseBins(line)
		if err != nil {
			return
		}
		again, err := ParseBins(b.String())
		if diff := cmp.Diff(b, again, sameBins); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", b.String(), err, diff)
		}
	})
}
