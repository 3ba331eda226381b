package load

import (
	"testing"
	"time"
)

func TestRecordForgetsTheOldestCallsButNotTheCounts(t *testing.T) {
	r := newRecord(3)
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for s := range 5 {
		r.add(Call{End: at(s), Slot: "blue"})
	}
	got := r.since(time.Time{})
	if len(got) != 3 || !got[0].End.Equal(at(2)) || !got[2].End.Equal(at(4)) {
		t.Errorf("remembered %v, want those of seconds 2, 3, 4 in order", got)
	}
	if got := r.since(at(4)); len(got) != 1 {
		t.Errorf("since second 4: %d calls, want 1", len(got))
	}
	if c := r.snapshot(); c.Total != 5 || c.BySlot["blue"] != 5 {
		t.Errorf("counts %+v, want 5 of blue", c)
	}
}

func TestRecordCountsUnreachedCallsWithoutASlot(t *testing.T) {
	r := newRecord(3)
	r.add(Call{Error: "no route"})
	if c := r.snapshot(); c.Total != 1 || c.Errors != 1 || len(c.BySlot) != 2 {
		t.Errorf("counts %+v, want one error and only blue and green by slot", c)
	}
}
