package measure

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAnAnswerHoldsNoMoreThanItsShare(t *testing.T) {
	memory := NewMemory(0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	small, large, second := room{memory: memory}, room{memory: memory}, room{memory: memory}
	if err := large.keep(ctx, mostKept); err != nil {
		t.Errorf("an answer of the largest size: %v", err)
	}
	if err := small.keep(ctx, keptAtOnce); err != nil {
		t.Errorf("a small answer beside a large one: %v", err)
	}
	if err := second.keep(ctx, mostKept); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second large one: %v; want it to wait until its time is over", err)
	}
	var too tooLarge
	if err := large.keep(t.Context(), 1); !errors.As(err, &too) {
		t.Errorf("more than the largest size: %v; want too large", err)
	}
	large.leave()
	second = room{memory: memory}
	if err := second.keep(t.Context(), mostKept); err != nil {
		t.Errorf("the second, once the first has left: %v", err)
	}
}
