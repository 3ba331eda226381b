package simulate

import "time"

// history holds the versions of one thing, so that it can be seen as it was: a cache that lags sees
// the past.
type history[T any] struct{ versions []version[T] }

type version[T any] struct {
	since time.Time
	value T
}

// mostVersions bounds what is kept; no cache lags behind by more.
const mostVersions = 512

func (h *history[T]) put(at time.Time, v T) {
	h.versions = append(h.versions, version[T]{at, v})
	if n := len(h.versions) - mostVersions; n > 0 {
		h.versions = h.versions[n:]
	}
}

// live gives the newest version.
func (h *history[T]) live() T {
	var none T
	if len(h.versions) == 0 {
		return none
	}
	return h.versions[len(h.versions)-1].value
}

// at gives the version of a moment, and whether there was any.
func (h *history[T]) at(t time.Time) (T, bool) {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if !h.versions[i].since.After(t) {
			return h.versions[i].value, true
		}
	}
	var none T
	return none, false
}

// before gives the version of a moment, or the first there ever was.
func (h *history[T]) before(t time.Time) T {
	if v, ok := h.at(t); ok || len(h.versions) == 0 {
		return v
	}
	return h.versions[0].value
}
