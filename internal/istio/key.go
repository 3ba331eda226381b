package istio

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// digestLength is how much of the digest is kept: 40 bits tell the few routes of one object apart
// and can still be read out on the phone.
const digestLength = 10

// matchDigest is the same for the same match clauses in the same order, whatever the order of their
// fields. No clauses and an empty list of them are the same: both match everything.
func matchDigest(match node) string {
	if clauses, ok := match.value.([]any); ok && len(clauses) == 0 {
		match.value = nil
	}
	canonical, err := json.Marshal(match.value) // keys of maps are sorted
	if err != nil {
		match.mismatch("values that JSON knows")
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])[:digestLength]
}

// distinguish makes the routes' keys unique. The first route keeps its key; those after it, which
// Istio never reaches if it is their matches that are the same, are numbered in their order.
func distinguish(routes []Route) {
	taken := make(map[string]bool, len(routes))
	for _, route := range routes {
		taken[route.Key] = true
	}
	// tried is up to which number a key is known to be taken, so that one look suffices for all: an object may hold
	// tens of thousands of routes with one name.
	tried := make(map[string]int, len(routes))
	for i := range routes {
		key := routes[i].Key
		if tried[key]++; tried[key] == 1 {
			continue
		}
		for taken[numbered(key, tried[key])] {
			tried[key]++
		}
		routes[i].Key = numbered(key, tried[key])
		taken[routes[i].Key] = true
	}
}

func numbered(key string, number int) string { return fmt.Sprintf("%s#%d", key, number) }
