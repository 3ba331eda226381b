package caught_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/caught"
)

func breaks(m map[string]int) error {
	m["nil map"]++
	return nil
}

func TestAPanicIsAnErrorWithItsStack(t *testing.T) {
	err := caught.Call(func() error { return breaks(nil) })
	p, ok := errors.AsType[*caught.Panic](err)
	if !ok {
		t.Fatalf("got %v, want a panic", err)
	}
	if !strings.Contains(p.Stack, "caught_test.breaks") {
		t.Errorf("the stack does not name the place:\n%s", p.Stack)
	}
	if !strings.Contains(p.Error(), "nil map") || strings.Contains(p.Error(), "caught_test.breaks") {
		t.Errorf("the error is %q, want what happened without the stack", p)
	}
}

// What was caught in another goroutine is passed on as it is: else the stack would be that of who waited for it.
func TestAPanicThatIsPassedOnKeepsItsStack(t *testing.T) {
	first := caught.Call(func() error { return breaks(nil) })
	err := caught.Call(func() error { panic(first) })
	if err != first {
		t.Errorf("got %v, want the very panic", err)
	}
	if p, ok := errors.AsType[*caught.Panic](err); !ok || !strings.Contains(p.Stack, "caught_test.breaks") {
		t.Errorf("the stack does not name the place: %+v", err)
	}
}

func TestWithoutAPanicNothingIsChanged(t *testing.T) {
	if err := caught.Call(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := caught.Call(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("got %v, want the very error", err)
	}
}
