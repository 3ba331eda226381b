package fair

import (
	"context"
	"sync"
	"time"
)

// Queue lets callers wait in a Line. It is safe for concurrent use.
type Queue struct {
	mu     sync.Mutex
	line   *Line
	begun  time.Time
	called map[*Turn]chan struct{}
}

// NewQueue makes a queue.
func NewQueue(t Terms) *Queue {
	return &Queue{line: New(t), begun: time.Now(), called: map[*Turn]chan struct{}{}}
}

// Wait waits for a turn, whose end is told by done; the error is ctx's.
func (q *Queue) Wait(ctx context.Context, f Flow, class int) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &Turn{Flow: f, Class: min(max(0, class), Classes-1)}
	mine := q.join(t)
	select {
	case <-mine:
		return func() { q.end(t) }, nil
	case <-ctx.Done():
		q.giveUp(t)
		return nil, ctx.Err()
	}
}

// Over tells whether a policy has used up its budget.
func (q *Queue) Over(f Flow) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.Over(f, q.now())
}

// Overs is how many policies have used up their budgets.
func (q *Queue) Overs() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.Overs(q.now())
}

func (q *Queue) now() time.Duration { return time.Since(q.begun) }

func (q *Queue) join(t *Turn) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := make(chan struct{})
	q.called[t] = mine
	q.line.Join(t, q.now())
	q.call()
	return mine
}

func (q *Queue) end(t *Turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line.Done(t, q.now())
	q.call()
}

// giveUp takes a turn out of the line, or gives it on where it has just been called.
func (q *Queue) giveUp(t *Turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, waits := q.called[t]; waits {
		delete(q.called, t)
		q.line.Leave(t, q.now())
		return
	}
	q.line.Done(t, q.now())
	q.call()
}

// call tells all whose turn it is.
func (q *Queue) call() {
	now := q.now()
	for t := q.line.Next(now); t != nil; t = q.line.Next(now) {
		close(q.called[t])
		delete(q.called, t)
	}
}
