package measure

import (
	"fmt"
	"math"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// What answers may hold. What was asked bounds them further: a column is one series, a bin one sample.
const (
	mostBuckets    = 512     // ends of a classic histogram's buckets
	mostTargets    = 5_000   // targets behind the asks of one policy
	mostTwins      = 100     // series that have the labels of one, and others
	mostContainers = 1_000   // series of containers' memory, starts and limits
	mostLasting    = 1_000   // series of one alert
	mostRawSamples = 10_000  // samples of one series as they were scraped
	mostLabels     = 64      // of one series
	mostLabelBytes = 8 << 10 // in all labels of one series
	mostNumber     = 1 << 20 // bytes of an answer that is one number per bin
	mostJobs       = 16      // scrape jobs whose interval is asked for
	mostRules      = 100     // alerting rules of one name
	mostEvents     = 1 << 53 // in a bin: beyond it floats don't count
)

// shape is what an answer may look like: whatever goes beyond it is of no use, and isn't read.
type shape struct {
	series  int
	samples int   // per series
	bytes   int64 // of the whole answer
	// from and to enclose the samples' times, step is their distance; 0: as they were scraped, after from.
	from, to model.Time
	step     int64 // in milliseconds
	timeless bool  // the samples' times are not looked at
}

// atOnce is the shape of an answer as of one moment.
func atOnce(series int) shape {
	return shape{series: series, samples: 1, bytes: bytesOf(series, 1), timeless: true}
}

// during is the shape of an answer at each step of a range.
func during(r v1.Range, series int) shape {
	n := 1 + int(r.End.Sub(r.Start)/r.Step)
	return shape{series: series, samples: n, bytes: bytesOf(series, n),
		from: model.TimeFromUnixNano(r.Start.UnixNano()), to: model.TimeFromUnixNano(r.End.UnixNano()), step: r.Step.Milliseconds()}
}

// asScraped is the shape of samples as they were scraped, in the stretch up to a moment. Histograms are long, but only
// their times are kept.
func asScraped(series int, at time.Time, stretch time.Duration) shape {
	return shape{series: series, samples: mostRawSamples, bytes: math.MaxInt64,
		from: model.TimeFromUnixNano(at.Add(-stretch).UnixNano()), to: model.TimeFromUnixNano(at.UnixNano())}
}

// bytesOf is more than any honest answer has: labels of 2 KiB a series, samples of 64 bytes, and what goes around them.
func bytesOf(series, samples int) int64 { return 64<<10 + int64(series)*(2<<10+int64(samples)*64) }

// seriesOf is how many series columns have at most. Without a name an answer is to be one number; beside it there
// may be a shadow.
func seriesOf(columns []column) int {
	n := len(columns)
	for _, c := range columns {
		switch c.name {
		case "":
			n++
		case colBucket:
			n += mostBuckets
		case colStanding:
			n += mostLasting
		}
	}
	return n
}

// at tells what is wrong with the time of a sample that follows one at last.
func (s shape) at(t, last model.Time, first bool) error {
	switch {
	case s.timeless:
		return nil
	case !first && t <= last:
		return fmt.Errorf("the sample of %s follows that of %s", clock(t), clock(last))
	case t < s.from || t > s.to || s.step == 0 && t == s.from:
		return fmt.Errorf("a sample of %s came, which is not within %s and %s, as was asked", clock(t), clock(s.from), clock(s.to))
	case s.step > 0 && int64(t-s.from)%s.step != 0:
		return fmt.Errorf("a sample of %s came, which is no multiple of %s after %s, as was asked", clock(t), time.Duration(s.step)*time.Millisecond, clock(s.from))
	}
	return nil
}

func clock(t model.Time) string { return t.Time().UTC().Format("2006-01-02T15:04:05.999Z") }

// tooLarge is the error of an answer that goes beyond its shape; it says how.
type tooLarge string

// Error implements error.
func (t tooLarge) Error() string { return "the answer is too large: " + string(t) }

// tooMany is the error of an answer with more series than were asked for.
type tooMany struct {
	most int
	like []string
}

// Error implements error.
func (t tooMany) Error() string {
	return fmt.Sprintf("the answer is too large: more than %d series, such as %s", t.most, strings.Join(t.like, " and "))
}
