// Package measure puts signals' questions to Prometheus and counts the answers in bins.
//
// # Counting
//
// A bin is the stretch (End-Bin, End]. What a counter counted within it is the difference of its
// last sample in the bin and its last sample in the bin before, so that consecutive bins share their
// boundary sample: nothing is counted twice, nothing falls between two bins and nothing is
// extrapolated, as rate and increase do. Where the difference is negative the counter was reset and
// its new value counts; where there is no sample in the bin before, the series is new and its whole
// value counts. The samples that a series left before it disappeared still count: last_over_time
// takes no notice of staleness markers, nor of the server's lookback, which would keep a silent
// series alive for five minutes.
//
// A target that was heard before, was silent for at least one whole bin and is heard again would
// count its whole life at once. Such a bin is a gap, and so is one without any sample. A target is
// told by its labels job, instance and pod; a target not heard for [History] counts as new.
//
// Three things are not exact. What a process counted between its last scrape and its end was never
// seen by Prometheus; a counter that was reset and has passed its former value within one bin counts
// the difference only; and a target that Prometheus first hears of long after it began counts its
// whole life in that one bin, so that no judgement should rest on a single bin.
//
// Two Prometheus servers behind one address double every series. The larger one of such twins
// counts; see Options.ReplicaLabels.
//
// # Cost
//
// Each ask is one range query, whatever the number of bins up to [chunk] of them. A second one
// follows only where a target appeared within the range, or where nothing at all was found.
//
// [Client.Newest] is one query for all asks together and, once a minute, one more per scrape job.
//
// # Answers
//
// An answer is read word by word, and no further than it can be used: see shape. Whatever comes instead of one is a
// cause, and never a number: another type, samples that were not asked for or that are out of order, a series twice.
// What all answers hold in memory while they are read is bounded: see [Memory]. No redirect is followed.
//
// The package does not judge, does not wait for late samples and keeps nothing between two calls.
package measure
