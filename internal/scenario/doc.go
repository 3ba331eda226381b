// Package scenario is a corpus of releases with a known truth: what really happened, what scrapes showed
// of it, and what greenwatch should have said.
//
// A [Truth] is a set of functions of time. Two things are made of it that know nothing of each other: the
// samples that a Prometheus would hold ([Write]), with all that gets lost or doubled on the way, and the
// [Label], which integrates the truth itself by the words of the decision matrix. The samples are judged by
// package backtest, and [Score] compares its decision with the label. No label ever comes from a judge.
//
// A scenario follows from its seed alone. The package starts no Prometheus: who runs scenarios brings one.
package scenario
