// Package simulate is a world for a daemon to live in: a cluster, a store, Prometheus, sinks and people,
// all in memory, all in the virtual time of a testing/synctest bubble.
//
// The daemon sees it through watchdog.Edges and can be killed before and after each call; everything
// that it had in memory is lost then, and the world goes on. The world knows the truth, so that it can
// tell at any time whether a promise was broken.
//
// It is for tests alone. It does not imitate Kubernetes' or Istio's APIs: what is between the daemon's
// edges and the wire is tested where it is built.
package simulate
