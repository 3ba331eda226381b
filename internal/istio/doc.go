// Package istio is a VirtualService as greenwatch sees it: which of its routes lead to the slots
// of a service, what share of the traffic each slot has, who set it, and the JSON patch that moves
// the traffic from one slot to the other.
//
// Reading is narrow: only names, matches, destinations, weights and managed fields are looked at.
// Nothing is ever encoded from what was read, so that whatever else an object holds, known to Istio
// or only to a version of it that does not exist yet, survives (the promise weights-only). Writing
// is a JSON patch that touches weights alone, fenced by the resourceVersion that was read (the
// promise one-writer).
//
// The package is pure: no client, no clock, no goroutine. It does not know which slot is the
// candidate, does not follow delegates, does not look at DestinationRules or Services, and does not
// prove that traffic moved: proxies may keep an old split although the object shows a new one.
package istio
