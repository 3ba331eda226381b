// Package measure puts signals' questions to Prometheus and counts the answers in bins.
//
// # Counting
//
// A bin is the stretch (End-Bin, End]. What a counter counted within it is the difference of its
// last sample in the bin and its last sample in the bin before, so that consecutive bins share their
// boundary sample: nothing is counted twice, nothing falls between two bins and nothing is
// extrapolated, as rate and increase do. The samples that a series left before it disappeared still
// count: last_over_time takes no notice of staleness markers, nor of the server's lookback, which would keep
// a silent series alive for five minutes. A bin without any sample is a gap.
//
// What a counter had before a bin is no event of that bin, and a bin in which that can't be told is no count:
//
//   - A fall is a reset, after which the new value counts, where the target has started since by its own word
//     (process_start_time_seconds, or created timestamps), or where all that it counted fell to a tenth, for the
//     first time lately. Else its counters are not those of one process, or, without the labels instance and pod,
//     a sum of several targets of which one went. So it is where a counter rises to what it was before it fell.
//   - A series that was not there in the bin before counts whole if its target was, or was scraped without it, or has
//     started since; but not what was counted by another name before: of a label, or of the end of a bucket. A target
//     that was silent for a bin and is heard again would count all that it missed, and is a gap.
//
// What became of targets is asked only where something fell or appeared: see inquiry.
//
// Two things are not exact. What a process counted between its last scrape and its end was never seen by
// Prometheus; and a counter that was reset and has passed its former value within one bin counts the
// difference only.
//
// Two Prometheus servers behind one address double every series. The larger one of such twins
// counts; see Options.ReplicaLabels. Of two scrapes of one pod none does: by which labels they differ is looked
// at every few minutes, by the samples of one pod.
//
// # Cost
//
// Each ask is one range query, whatever the number of bins up to [chunk] of them. Two more follow only where a
// series fell or appeared within the range, and one where nothing at all was found. Of an alert that fired before the
// first traffic, and does now, one more tells since when, and once an hour two which labels tell it from others.
// Whether an ask takes series of the other slot, too, is one more an hour for both slots' asks.
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
