package release

import (
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

var oncall = []Sink{{Name: "oncall", Pages: true}, {Name: "chat"}}

// deliver performs all that is owed and gives how many pages that was.
func deliver(n Notices, at signal.Instant) (Notices, int) {
	owed := n.Owed("production", "shop", oncall)
	for _, a := range owed {
		n = n.Delivered(Outcome{Action: a, Result: Performed, At: at})
	}
	return n, len(owed)
}

func TestANoticeIsToldOnceAndOver(t *testing.T) {
	n := Notices{}.Raise(CodeFault, Error, "nil map", 100).Raise(CodeFault, Error, "nil map again", 160)
	owed := n.Owed("production", "shop", oncall)
	if len(owed) != 1 || owed[0].Deed != OpenPage || owed[0].Sink != "oncall" || owed[0].Key != "production/shop/1/Fault" || owed[0].Incident.Text != "nil map" {
		t.Fatalf("owed: %+v; want the first page to the pager alone", owed)
	}
	n, _ = deliver(n, 101)
	if _, again := deliver(n, 102); again != 0 {
		t.Errorf("%d pages are owed again", again)
	}
	n = n.Resolve(CodeFault, 200)
	owed = n.Owed("production", "shop", oncall)
	if len(owed) != 1 || owed[0].Deed != ClosePage || owed[0].Key != "production/shop/1/Fault" {
		t.Fatalf("owed: %+v; want the incident closed", owed)
	}
	n, _ = deliver(n, 201)
	n = n.Raise(CodeFault, Error, "another time", 300)
	if owed := n.Owed("production", "shop", oncall); len(owed) != 1 || owed[0].Key != "production/shop/2/Fault" {
		t.Errorf("owed: %+v; want an incident of its own", owed)
	}
}

// An argument is never changed: what was saved stands until the next is.
func TestNoticesAreValues(t *testing.T) {
	before := Notices{}.Raise(CodeFault, Error, "nil map", 100)
	before.Resolve(CodeFault, 200)
	deliver(before, 300)
	if !before.Open(CodeFault) || len(before.Told) != 0 {
		t.Errorf("changed: %+v", before)
	}
}

func TestNoticesAreBounded(t *testing.T) {
	n := Notices{}.Raise(CodeBlindLasting, Error, "open all the time", 1)
	for at := signal.Instant(2); at < 100; at += 2 {
		n, _ = deliver(n.Raise(CodeFault, Error, "now and then", at), at)
		n = n.Resolve(CodeFault, at+1)
	}
	if len(n.Incidents) != mostNotices || len(n.Told) > mostNotices {
		t.Errorf("%d incidents and %d records, want at most %d of each", len(n.Incidents), len(n.Told), mostNotices)
	}
	if !n.Open(CodeBlindLasting) {
		t.Error("one that is open was dropped for those that are over")
	}
}
