package main

import (
	"context"
	"sync"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
)

// How long an answer is good: before anything is done, and while something is about to be. What is done asks anew.
const (
	leadsFor     = 5 * time.Minute
	leadsForLive = 5 * time.Second
)

// leadingTo keeps for a while where destinations lead, so that each active release asks every few minutes alone.
type leadingTo struct {
	ask    rollout.Leads
	untold sync.Once
	mu     sync.Mutex
	known  map[destination]answer
}

type destination struct {
	namespace string
	slot      release.Slot
}

type answer struct {
	wrong string
	err   error
	at    time.Time
}

func newLeading(ask rollout.Leads) *leadingTo {
	return &leadingTo{ask: ask, known: map[destination]answer{}}
}

func (l *leadingTo) of(ctx context.Context, namespace string, slot release.Slot, live bool) (string, error) {
	key, good := destination{namespace, slot}, leadsFor
	if live {
		good = leadsForLive
	}
	l.mu.Lock()
	a, ok := l.known[key]
	l.mu.Unlock()
	if ok && time.Since(a.at) < good {
		return a.wrong, a.err
	}
	a = answer{at: time.Now()}
	a.wrong, a.err = l.ask(ctx, namespace, slot)
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, old := range l.known { // of releases that are over
		if time.Since(old.at) > 2*leadsFor {
			delete(l.known, k)
		}
	}
	l.known[key] = a
	return a.wrong, a.err
}
