// Package against holds package promql against Prometheus' own parser: what that refuses is refused, and what it
// accepts is accepted, and of the same type. It is a module of its own, since Prometheus is heavy.
package against
