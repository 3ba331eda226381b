// Package traffic holds what the two programs of the lab's real traffic agree on: the slot
// servers (cmd/server) say in every answer's header which slot and version gave it, and the
// load (cmd/load) reads it there. The header goes out before the work starts, so that a call
// that fails or times out is still known to have reached a slot.
//
// It is a Go module of its own: gRPC and Istio's data plane stay out of the product's.
package traffic

// Keys of a gRPC answer's header.
const (
	SlotHeader    = "lab-slot"
	VersionHeader = "lab-version"
)
