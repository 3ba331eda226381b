// Package e2e holds the end-to-end tests: the real greenwatch, with the rights that its manifests grant,
// beside a real API server, istiod, Prometheus and real requests, all on loopback.
//
// Each test plays on a stage of its own (package internal/lab/stage) in one lab for all, one after the
// other. What is asserted is what an on-call engineer would see: weights, requests as their callers saw
// them, pages, the Slack message, the API server's audit log.
package e2e
