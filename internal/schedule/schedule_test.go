package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/schedule"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const cutover = signal.Instant(1_700_000_000)

func dur(d time.Duration) signal.Duration { return signal.Duration(d) }

func TestTheChecklistHas64Checks(t *testing.T) {
	s := schedule.Default()
	if got := s.Count(); got != 64 {
		t.Fatalf("%d checks, want 64", got)
	}
	perWindow := map[string]int{}
	for n := 1; n <= 64; n++ {
		c, ok := s.Check(cutover, n)
		if !ok {
			t.Fatalf("there is no check %d", n)
		}
		perWindow[c.Window]++
	}
	if got := fmt.Sprint(perWindow); got != "map[active:12 enhanced:46 standard:6]" {
		t.Errorf("got %s, want 12 + 46 + 6", got)
	}
	if s.End(cutover) != cutover.Add(dur(168*time.Hour)) {
		t.Errorf("it ends at %s, want 168h after cutover", s.End(cutover))
	}
}

func TestChecksAreAtTheirTimes(t *testing.T) {
	cases := []struct {
		number   int
		window   string
		from, at time.Duration
	}{
		{1, "active", 0, 5 * time.Minute},
		{2, "active", 5 * time.Minute, 10 * time.Minute},
		{12, "active", 55 * time.Minute, time.Hour},
		{13, "enhanced", time.Hour, 90 * time.Minute},
		{58, "enhanced", 23*time.Hour + 30*time.Minute, 24 * time.Hour},
		{59, "standard", 24 * time.Hour, 48 * time.Hour},
		{64, "standard", 144 * time.Hour, 168 * time.Hour},
	}
	for _, c := range cases {
		got, ok := schedule.Default().Check(cutover, c.number)
		want := schedule.Check{Number: c.number, From: cutover.Add(dur(c.from)), At: cutover.Add(dur(c.at)), Window: c.window}
		if !ok || got != want {
			t.Errorf("check %d: got %+v, want %+v", c.number, got, want)
		}
	}
	for _, n := range []int{-1, 0, 65} {
		if c, ok := schedule.Default().Check(cutover, n); ok {
			t.Errorf("check %d exists: %+v", n, c)
		}
	}
}

// odd schedules: windows that their intervals don't divide, one that holds no whole interval, parts of
// a second.
var odd = map[string]schedule.Schedule{
	"default":     schedule.Default(),
	"a remainder": {{Name: "a", Until: dur(10 * time.Minute), Every: dur(3 * time.Minute)}, {Name: "b", Until: dur(20 * time.Minute), Every: dur(4 * time.Minute)}},
	"an empty window": {{Name: "a", Until: dur(time.Minute), Every: dur(30 * time.Second)}, {Name: "b", Until: dur(90 * time.Second), Every: dur(time.Minute)},
		{Name: "c", Until: dur(5 * time.Minute), Every: dur(time.Minute)}},
	"half seconds": {{Name: "a", Until: dur(9 * time.Second), Every: dur(1500 * time.Millisecond)}, {Name: "b", Until: dur(20 * time.Second), Every: dur(2500 * time.Millisecond)}},
	"seconds":      {{Name: "a", Until: dur(12 * time.Second), Every: dur(time.Second)}},
}

func TestChecksLeaveNothingOut(t *testing.T) {
	for name, s := range odd {
		t.Run(name, func(t *testing.T) {
			before := cutover
			for n := 1; n <= s.Count(); n++ {
				c, ok := s.Check(cutover, n)
				if !ok {
					t.Fatalf("there is no check %d of %d", n, s.Count())
				}
				if c.From != before || c.At <= c.From {
					t.Errorf("check %d covers %s to %s, want from %s on", n, c.From, c.At, before)
				}
				before = c.At
			}
			if before > s.End(cutover) {
				t.Errorf("the last check is at %s, after the end at %s", before, s.End(cutover))
			}
			if _, ok := s.Check(cutover, s.Count()+1); ok {
				t.Error("there is one check more than counted")
			}
		})
	}
}

func TestAWindowsRemainderBelongsToTheNextCheck(t *testing.T) {
	c, _ := odd["a remainder"].Check(cutover, 4)
	want := schedule.Check{Number: 4, From: cutover.Add(dur(9 * time.Minute)), At: cutover.Add(dur(14 * time.Minute)), Window: "b"}
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestDue(t *testing.T) {
	s := schedule.Default()
	cases := []struct {
		name string
		done int
		now  time.Duration
		want int // 0: none
	}{
		{"before the first", 0, 5*time.Minute - time.Second, 0},
		{"at its very time", 0, 5 * time.Minute, 1},
		{"done already", 1, 5 * time.Minute, 0},
		{"missed ones come in order", 3, 200 * time.Hour, 4},
		{"the last", 63, 168 * time.Hour, 64},
		{"after the last", 64, 1000 * time.Hour, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := s.Due(cutover, c.done, cutover.Add(dur(c.now)))
			if got.Number != c.want || ok != (c.want > 0) {
				t.Errorf("got check %d, %v; want %d", got.Number, ok, c.want)
			}
		})
	}
}

func TestWindowOf(t *testing.T) {
	cases := map[time.Duration]string{0: "active", time.Hour - time.Second: "active", time.Hour: "enhanced", 24 * time.Hour: "standard",
		168*time.Hour - time.Second: "standard", 168 * time.Hour: ""}
	for after, want := range cases {
		if got, ok := schedule.Default().Window(cutover, cutover.Add(dur(after))); got != want || ok != (want != "") {
			t.Errorf("%s after cutover: got %q, want %q", after, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	cases := []struct {
		name string
		s    schedule.Schedule
		want []string
	}{
		{"the default", schedule.Default(), nil},
		{"nothing", nil, []string{"windows: is empty; name at least one window"}},
		{"too often", schedule.Schedule{{Name: "a", Until: dur(time.Hour), Every: dur(time.Millisecond)}}, []string{"windows[0].every: 1ms is less than 1s"}},
		{"backwards", schedule.Schedule{{Name: "a", Until: dur(time.Hour), Every: dur(time.Minute)}, {Name: "b", Until: dur(time.Hour), Every: dur(time.Minute)}},
			[]string{`windows[1].until: window "b" ends at 1h, before it begins at 1h`}},
		{"longer than its window", schedule.Schedule{{Name: "a", Until: dur(time.Hour), Every: dur(2 * time.Hour)}},
			[]string{"windows[0].every: 2h is longer than the window, which lasts 1h"}},
		{"all at once", schedule.Schedule{{Name: "a", Until: dur(time.Hour)}, {Name: "b", Until: dur(time.Minute), Every: dur(time.Minute)}},
			[]string{"windows[0].every: 0s is less than 1s", `windows[1].until: window "b" ends at 1m, before it begins at 1h`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, err := range c.s.Validate() {
				got = append(got, err.Error())
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAnInvalidScheduleHasNoChecksToOffer(t *testing.T) {
	s := schedule.Schedule{{Name: "a", Until: dur(time.Hour)}, {Name: "b", Until: dur(time.Minute), Every: dur(time.Second)}}
	if n := s.Count(); n != 0 {
		t.Errorf("%d checks, want none", n)
	}
	if _, ok := s.Check(cutover, 1); ok {
		t.Error("there is a first check")
	}
}
