package meter

import (
	"slices"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// other stands for whatever is not in a closed set.
const other = "other"

func tiers() []string {
	return words(judge.Rollback, judge.Consider, judge.Investigate, judge.Blind, judge.Proceed)
}

func phases() []release.Phase {
	return []release.Phase{release.Deployed, release.Canary, release.Watching, release.RollingBack, release.RolledBack,
		release.Accepted, release.Superseded, release.Orphaned}
}

func causes() []string {
	return words(signal.Causes()...)
}

func deliveries() []string { return []string{"delivered", "retried", "refused", "expired"} }

func places() []string { return []string{"look", "delivery", "query"} }

func verbs() []string { return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} }

func words[T ~string](list ...T) []string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = string(t)
	}
	return texts
}

func among(set []string, word string) string {
	if slices.Contains(set, word) {
		return word
	}
	return other
}

func truth(is bool) string {
	if is {
		return "true"
	}
	return "false"
}

// names is a closed set that the configuration closes.
type names struct {
	mu   sync.RWMutex
	list []string
}

func (n *names) replace(list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = slices.Clone(list)
}

func (n *names) known(name string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return among(n.list, name)
}
