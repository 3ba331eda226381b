// Package rollout observes: what the two slots of a service run, who holds the traffic, and who
// gave it to them.
//
// The same observation is made from informers' caches, which cost nothing and may be old, or by
// asking the API server, which is what an open intention needs: see [Source]. An object that is not
// there is an observation, and so is one that is being deleted, which counts as not there; an API
// server that does not answer is an error and never an observation.
//
// The caches hold what greenwatch needs of an object and not the object: some hundred bytes for
// each Deployment, whatever its pod template weighs. ReplicaSets are not watched at all; they are
// listed where they decide something.
//
// The package decides nothing: whether a revision is a new one, and what follows from that, is
// package release's matter.
package rollout
