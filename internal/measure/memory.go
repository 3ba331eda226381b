package measure

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// keptAtOnce is what each answer may hold in memory without waiting: all but a few stay far below.
	keptAtOnce = 1 << 20
	// mostKept is the most that one answer may hold.
	mostKept = 32 << 20
	// DefaultMemory is that of a Client that shares none.
	DefaultMemory = 64 << 20
)

// Memory bounds, in bytes, what all answers that are being read hold in memory together, over all Clients that
// share it: beyond the first MiB of each, which bounds them by the number of queries under way. An answer that
// needs more waits for all that it may need; whoever has it never waits again, so that nobody waits for ever, and
// small answers don't wait at all.
type Memory struct{ large *semaphore.Weighted }

// NewMemory makes a Memory of so many bytes; less than one large answer's worth is that.
func NewMemory(bytes int64) *Memory {
	return &Memory{large: semaphore.NewWeighted(max(bytes, mostKept))}
}

// room is what one answer holds.
type room struct {
	memory *Memory
	kept   int64
	large  bool
}

// keep accounts for so many bytes more. Its error is tooLarge, or the context's.
func (r *room) keep(ctx context.Context, bytes int64) error {
	r.kept += bytes
	switch {
	case r.kept > mostKept:
		return tooLarge("it takes more than 32 MiB of memory")
	case r.large || r.kept <= keptAtOnce:
		return nil
	}
	if err := r.memory.large.Acquire(ctx, mostKept); err != nil {
		return err
	}
	r.large = true
	return nil
}

// leave gives back what was taken.
func (r *room) leave() {
	if r.large {
		r.memory.large.Release(mostKept)
		r.large = false
	}
}
