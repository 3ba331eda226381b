package watchdog

import (
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/caught"
)

// together does all parts side by side, and returns when the last has ended. A panic in one of them is the
// caller's then.
func together(parts ...func()) {
	if len(parts) == 1 {
		parts[0]()
		return
	}
	panics := make(chan error, len(parts))
	var all sync.WaitGroup
	for _, part := range parts {
		all.Go(func() {
			if err := caught.Call(func() error { part(); return nil }); err != nil {
				panics <- err
			}
		})
	}
	all.Wait()
	select {
	case p := <-panics:
		panic(p)
	default:
	}
}
