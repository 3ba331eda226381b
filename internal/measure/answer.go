package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// What a sample and a series hold in memory, at most, beside the text of the labels.
const (
	sampleKept = 40
	seriesKept = 512
	labelKept  = 64
)

// answer is an answer being read. Whatever comes instead of one is an error, and never a number that is not in it.
type answer struct {
	*tokens
	ctx    context.Context
	room   *room
	shape  shape
	want   model.ValueType
	series []*model.SampleStream // a vector is series of one sample
	scalar *model.SamplePair
	// buckets are those of the last histogram in a vector, as JSON has them.
	buckets json.RawMessage
	seen    map[model.Fingerprint]bool
	said    struct{ status, kind, errorType, message string }
	lacks   incomplete
}

// readAnswer reads what a query is answered with. A histogram is NaN: it is no number, but there at its time.
func readAnswer(ctx context.Context, r io.Reader, room *room, want model.ValueType, s shape) (*answer, error) {
	a := &answer{tokens: newTokens(r, s.bytes), ctx: ctx, room: room, shape: s, want: want, seen: map[model.Fingerprint]bool{}}
	err := a.object("the answer", map[string]func() error{
		"status":    a.word(&a.said.status),
		"errorType": a.word(&a.said.errorType),
		"error":     a.word(&a.said.message),
		"data":      a.data,
		"warnings":  a.lacks.warnings(a.tokens),
		"isPartial": a.lacks.partial(a.tokens),
	})
	if err == nil {
		err = a.end()
	}
	if err == nil {
		err = a.complete()
	}
	return a, bad(ctx, err)
}

// bad makes an answer that can't be read one that is none of Prometheus, unless it is too large or came to no end.
func bad(ctx context.Context, err error) error {
	var large tooLarge
	var many tooMany
	var said *v1.Error
	var part incomplete
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &large), errors.As(err, &many), errors.As(err, &said), errors.As(err, &part):
		return err
	}
	return &v1.Error{Type: v1.ErrBadResponse, Msg: err.Error()}
}

// complete tells what an answer lacks that can be read.
func (a *answer) complete() error {
	switch {
	case a.said.status == "error":
		return &v1.Error{Type: v1.ErrorType(a.said.errorType), Msg: a.said.message}
	case a.said.status != "success":
		return errors.New("it has no status")
	case a.said.kind == "":
		return errors.New("it has no result")
	case a.want == model.ValScalar && a.scalar == nil, a.want != model.ValScalar && a.series == nil:
		return errors.New("it has no result")
	case a.want != model.ValScalar && len(a.lacks) > 0: // a server's own time is whole, whatever else it lacks
		return a.lacks
	}
	return nil
}

func (a *answer) word(into *string) func() error {
	return func() (err error) {
		*into, err = a.text("its head")
		return err
	}
}

// data reads the data of an answer; of an error's there may be none.
func (a *answer) data() error {
	return a.object("data", map[string]func() error{
		"resultType": func() (err error) {
			if a.said.kind, err = a.text("resultType"); err == nil && a.said.kind != a.want.String() {
				err = fmt.Errorf("a %.20q came; want a %s", a.said.kind, a.want)
			}
			return err
		},
		"result": a.result,
	})
}

func (a *answer) result() error {
	if a.want == model.ValScalar {
		number, err := a.number()
		a.scalar = &number
		return err
	}
	a.series = []*model.SampleStream{}
	return a.list("the result", a.one)
}

// one reads a series.
func (a *answer) one() error {
	s := &model.SampleStream{Metric: model.Metric{}}
	sample, histogram := a.sample(&s.Values, a.number), a.sample(&s.Values, a.histogram)
	var whole []model.SamplePair // the samples that are histograms, which come in a list of their own
	many := func(what string, read func() error) func() error {
		return func() error { return a.list(what, read) }
	}
	keys := map[string]func() error{"metric": a.labels(s.Metric)}
	if a.want == model.ValVector {
		keys["value"], keys["histogram"] = sample, histogram
	} else {
		keys["values"], keys["histograms"] = many("values", sample), many("histograms", a.sample(&whole, a.histogram))
	}
	if len(a.series) == a.shape.series {
		return a.tooMany()
	}
	if err := a.room.keep(a.ctx, seriesKept); err != nil {
		return err
	}
	if err := a.object("a series", keys); err != nil {
		return err
	}
	s.Values = merged(s.Values, whole)
	id := s.Metric.Fingerprint()
	switch {
	case a.seen[id]:
		return fmt.Errorf("the series %s comes twice", s.Metric)
	case len(s.Values) == 0 || a.want == model.ValVector && len(s.Values) > 1:
		return fmt.Errorf("the series %s has %d samples", s.Metric, len(s.Values))
	}
	a.seen[id] = true
	a.series = append(a.series, s)
	return nil
}

func (a *answer) tooMany() error {
	e := tooMany{most: a.shape.series}
	for _, s := range a.series[:min(2, len(a.series))] {
		e.like = append(e.like, s.Metric.String())
	}
	return e
}

// labels reads those of a series.
func (a *answer) labels(into model.Metric) func() error {
	return func() error {
		length := 0
		return a.pairs("metric", func(name string) error {
			value, err := a.text("a label")
			if err != nil {
				return err
			}
			length += len(name) + len(value)
			switch _, twice := into[model.LabelName(name)]; {
			case twice:
				return fmt.Errorf("a series has the label %.64q twice", name)
			case len(into) == mostLabels || length > mostLabelBytes:
				return tooLarge(fmt.Sprintf("a series has more than %d labels, or %d bytes in them", mostLabels, mostLabelBytes))
			}
			into[model.LabelName(name)] = model.LabelValue(value)
			return a.room.keep(a.ctx, labelKept+int64(len(name)+len(value)))
		})
	}
}

// sample reads a sample of a series, as read does.
func (a *answer) sample(into *[]model.SamplePair, read func() (model.SamplePair, error)) func() error {
	return func() error {
		n := len(*into)
		if n == a.shape.samples {
			return tooLarge(fmt.Sprintf("a series has more than %d samples", n))
		}
		next, err := read()
		if err != nil {
			return err
		}
		var last model.Time
		if n > 0 {
			last = (*into)[n-1].Timestamp
		}
		if err := a.shape.at(next.Timestamp, last, n == 0); err != nil {
			return err
		}
		*into = append(*into, next)
		return a.room.keep(a.ctx, sampleKept)
	}
}

// number reads a time and a number, which is a text, as JSON has no NaN.
func (a *answer) number() (model.SamplePair, error) {
	var text string
	t, err := a.pair(&text)
	if err != nil {
		return model.SamplePair{}, err
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return model.SamplePair{}, fmt.Errorf("a sample's value is %.32q; want a number", text)
	}
	return model.SamplePair{Timestamp: t, Value: model.SampleValue(v)}, nil
}

// histogram reads a time and a histogram, of which nothing is kept but the buckets of one that comes alone.
func (a *answer) histogram() (model.SamplePair, error) {
	var h struct {
		Buckets json.RawMessage `json:"buckets"`
	}
	t, err := a.pair(&h)
	if a.want == model.ValVector {
		a.buckets = h.Buckets
	}
	return model.SamplePair{Timestamp: t, Value: model.SampleValue(math.NaN())}, err
}

// pair reads a list of a time and what stands beside it: one word, as there are many of them.
func (a *answer) pair(value any) (model.Time, error) {
	var at float64
	both := []any{&at, value}
	if err := a.decode(&both); err != nil {
		return 0, fmt.Errorf("a sample can't be read: %w", err)
	}
	if len(both) != 2 || both[0] == nil || both[1] == nil {
		return 0, errors.New("a sample is no time with a value")
	}
	if math.Abs(at) > math.MaxUint32 {
		return 0, fmt.Errorf("a sample is of %g s since 1970", at)
	}
	return model.Time(math.Round(at * 1000)), nil
}

// merged puts samples of two kinds in the order of their times.
func merged(a, b []model.SamplePair) []model.SamplePair {
	if len(b) == 0 {
		return a
	}
	out := make([]model.SamplePair, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].Timestamp <= b[0].Timestamp {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}
