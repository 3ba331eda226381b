package access

import (
	"sync"
	"time"
)

// memory keeps answers for a while, and not more than so many.
type memory[K comparable, V any] struct {
	most int

	mu   sync.Mutex
	kept map[K]answer[V]
}

type answer[V any] struct {
	value V
	until time.Time
}

// ask gives the kept answer, or asks for one. An error is not kept.
func (m *memory[K, V]) ask(key K, ask func() (V, error)) (V, error) {
	m.mu.Lock()
	a, ok := m.kept[key]
	m.mu.Unlock()
	if ok && time.Now().Before(a.until) {
		return a.value, nil
	}
	v, err := ask()
	if err == nil {
		m.keep(key, v)
	}
	return v, err
}

// keep keeps an answer; where there is no room, what has run out goes, and else everything.
func (m *memory[K, V]) keep(key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if len(m.kept) >= m.most {
		for k, a := range m.kept {
			if !now.Before(a.until) {
				delete(m.kept, k)
			}
		}
	}
	if m.kept == nil || len(m.kept) >= m.most {
		m.kept = map[K]answer[V]{}
	}
	m.kept[key] = answer[V]{value: v, until: now.Add(keptFor)}
}
