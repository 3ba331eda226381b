package fair

import (
	"fmt"
	"testing"
	"time"
)

// bounded: who has asked nothing for long is forgotten, whether its turns came or it left before.
func TestWhoAsksNothingIsForgotten(t *testing.T) {
	l := New(Terms{Slots: 2, Budget: time.Minute})
	for i := range 100 {
		f := Flow{fmt.Sprint("namespace-", i%10), fmt.Sprint("policy-", i)}
		served, left := &Turn{Flow: f}, &Turn{Flow: f, Class: 1}
		l.Join(served, 0)
		l.Join(left, 0)
		if got := l.Next(0); got != served {
			t.Fatalf("served %v", got)
		}
		l.Leave(left, 0)
		l.Done(served, 0)
	}
	if n := len(l.namespaces); n != 10 {
		t.Fatalf("%d namespaces are known", n)
	}
	last := &Turn{Flow: Flow{"other", "policy"}}
	l.Join(last, forgotten+time.Minute)
	if n := len(l.namespaces); n != 1 {
		t.Errorf("%d namespaces are known long after, want that of who asks", n)
	}
	l.Next(forgotten + time.Minute)
	l.Join(&Turn{Flow: Flow{"third", "policy"}}, 3*forgotten)
	if n := len(l.namespaces); n != 2 {
		t.Errorf("%d namespaces are known, want two: one has a turn that goes on", n)
	}
}
