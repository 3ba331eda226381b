package measure

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/fair"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// The bounds of a Client that Options leave at zero.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConcurrency = 4
	DefaultMaxBody     = 16 << 20
)

// ownTimeout bounds a query in a policy's own words, which may be any.
const ownTimeout = 2 * time.Second

// Options say where a Prometheus is and how much may be asked of it.
type Options struct {
	// URL is the address below which /api/v1 is found.
	URL string
	// Transport carries credentials and TLS; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one query, from the moment it is sent.
	Timeout time.Duration
	// Concurrency bounds the queries under way at once, over all callers of the Client.
	Concurrency int
	// Budget is how much of the server's time each policy may use per minute; 0 is without end.
	Budget time.Duration
	// MaxBody bounds one answer, in bytes as decompressed; most are bounded further by what was asked.
	MaxBody int64
	// Memory bounds what all answers hold in memory; nil is one of the Client's own.
	Memory *Memory
	// ReplicaLabels are the labels by which the servers of a highly available pair differ; of
	// series that differ in nothing else the largest counts. Nil is prometheus_replica and replica,
	// empty is none.
	ReplicaLabels []string
	// Panicked is told of panics that were caught while a question was asked or its answer read; it may be nil.
	Panicked func(*caught.Panic)
}

// Client asks one Prometheus, on somebody's behalf. It is safe for concurrent use.
type Client struct {
	server   server
	memory   *Memory
	maxBody  int64
	timeout  time.Duration
	queue    *fair.Queue
	asker    Asker
	own      bool // in the policy's own words, which may ask for anything
	replicas []string
	rules    *rules
	// identities are the labels that tell alerts apart.
	identities *identities
	overlaps   *overlaps
	grown      *grown
	// intervals are the scrape intervals that were learnt.
	intervals *intervals
	// scrapes are the labels by which the scrapes of one pod differ.
	scrapes  *scrapeLabels
	able     *able
	panicked func(*caught.Panic)
}

// Asker is on whose behalf a Client asks, and how much hangs on the answers. Without a name it has the server
// to itself.
type Asker struct {
	Namespace, Policy string
	Class             signal.Class
}

func (a Asker) flow() fair.Flow { return fair.Flow{Namespace: a.Namespace, Policy: a.Policy} }

// For gives the client on another's behalf. They share the server's slots: see package fair.
func (c *Client) For(a Asker) *Client {
	of := *c
	of.asker = a
	return &of
}

// inOwnWords gives the client for a query in the policy's own words.
func (c *Client) inOwnWords() *Client {
	if c.asker.Policy == "" {
		return c
	}
	of := *c
	of.own, of.timeout = true, min(c.timeout, ownTimeout)
	return &of
}

// Overspent is how many policies have used up their budgets.
func (c *Client) Overspent() int { return c.queue.Overs() }

// IsOverspent tells whether a policy has used up its budget.
func (c *Client) IsOverspent(namespace, policy string) bool {
	return c.queue.Over(fair.Flow{Namespace: namespace, Policy: policy})
}

// New makes a Client. It does not connect: a server that is away is told by the readings.
func New(o Options) (*Client, error) {
	o = withDefaults(o)
	s, err := newServer(o.URL, o.Transport)
	if err != nil {
		return nil, err
	}
	return &Client{
		server:     s,
		memory:     o.Memory,
		maxBody:    o.MaxBody,
		timeout:    o.Timeout,
		queue:      fair.NewQueue(fair.Terms{Slots: o.Concurrency, Budget: o.Budget}),
		replicas:   o.ReplicaLabels,
		rules:      &rules{kept: map[string]keptRule{}},
		overlaps:   &overlaps{kept: map[string]overlap{}},
		identities: &identities{kept: map[string]keptIdentity{}},
		grown:      &grown{kept: map[string]grownAt{}},
		intervals:  &intervals{kept: map[string]keptInterval{}},
		scrapes:    &scrapeLabels{kept: map[string]keptLabels{}},
		able:       newAble(),
		panicked:   o.Panicked,
	}, nil
}

func withDefaults(o Options) Options {
	if o.Transport == nil {
		o.Transport = NewTransport()
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Memory == nil {
		o.Memory = NewMemory(DefaultMemory)
	}
	if o.ReplicaLabels == nil {
		o.ReplicaLabels = []string{"prometheus_replica", "replica"}
	}
	return o
}

// NewTransport gives one of its own to a Client: http.DefaultTransport, but for the length of headers.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone() // documented to be one
	t.MaxResponseHeaderBytes = longestRefusal
	return t
}

// Clock asks for the server's own time, by which all else is asked.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	a, err := c.answer(ctx, "query", url.Values{"query": {"time()"}}, model.ValScalar, atOnce(1))
	if err != nil {
		_, detail := explain(err)
		return time.Time{}, fmt.Errorf("ask prometheus for its time: %s", detail)
	}
	t := float64(a.scalar.Value)
	if !(t > 0 && t < math.MaxUint32) {
		return time.Time{}, fmt.Errorf("ask prometheus for its time: it is %g seconds since 1970", t)
	}
	sec, frac := math.Modf(t)
	return time.Unix(int64(sec), int64(frac*1e9)).UTC(), nil
}

// instant asks for expr at t, which must yield no more than so many series.
func (c *Client) instant(ctx context.Context, expr string, t time.Time, series int) (model.Vector, error) {
	a, err := c.answer(ctx, "query", url.Values{"query": {expr}, "time": {seconds(t)}}, model.ValVector, atOnce(series))
	if err != nil {
		return nil, err
	}
	v := make(model.Vector, len(a.series))
	for i, s := range a.series {
		v[i] = &model.Sample{Metric: s.Metric, Timestamp: s.Values[0].Timestamp, Value: s.Values[0].Value}
	}
	return v, nil
}

// raw asks for the samples that expr, a selector of a stretch, has at t.
func (c *Client) raw(ctx context.Context, expr string, t time.Time, stretch time.Duration) (model.Matrix, error) {
	a, err := c.answer(ctx, "query", url.Values{"query": {expr}, "time": {seconds(t)}}, model.ValMatrix, asScraped(mostTwins, t, stretch))
	if err != nil {
		return nil, err
	}
	return a.series, nil
}

// span asks for expr at each step of r, which must have no more than chunk of them, and yield no more than so many
// series.
func (c *Client) span(ctx context.Context, expr string, r v1.Range, lookback time.Duration, s shape) (model.Matrix, error) {
	form := url.Values{"query": {expr}, "start": {seconds(r.Start)}, "end": {seconds(r.End)}, "step": {strconv.FormatFloat(r.Step.Seconds(), 'f', -1, 64)}}
	if lookback > 0 {
		form.Set("lookback_delta", lookback.String())
	}
	a, err := c.answer(ctx, "query_range", form, model.ValMatrix, s)
	if err != nil {
		return nil, err
	}
	return a.series, nil
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.Unix())+float64(t.Nanosecond())/1e9, 'f', -1, 64)
}

// answer asks one query. A server that knows limits sends no more than one series beyond what can be used.
func (c *Client) answer(ctx context.Context, what string, form url.Values, want model.ValueType, s shape) (a *answer, err error) {
	form.Set("timeout", c.timeout.String())
	form.Set("nocache", "1") // VictoriaMetrics else answers as of multiples of the step; others take no notice
	form.Set("limit", strconv.Itoa(s.series+1))
	s.bytes = min(s.bytes, c.maxBody)
	err = c.ask(ctx, func(ctx context.Context) error {
		return c.server.query(ctx, "api/v1/"+what, form, func(body io.Reader) (err error) {
			room := &room{memory: c.memory}
			defer room.leave()
			a, err = readAnswer(ctx, body, room, want, s)
			return err
		})
	})
	return a, err
}

// ask performs one query when it is its turn. The timeout starts then: queries that wait behind slow ones
// have the whole of it.
func (c *Client) ask(ctx context.Context, query func(context.Context) error) error {
	if c.shed() {
		return overspent{}
	}
	done, err := c.queue.Wait(ctx, c.asker.flow(), int(c.asker.Class))
	if err != nil {
		return err
	}
	defer done()
	if c.shed() {
		return overspent{}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return query(ctx)
}

// shed tells whether a question is not asked, since its policy has used up its budget. What a rollback rests on
// is asked all the same, but for what a policy puts in its own words.
func (c *Client) shed() bool {
	return (c.own || c.asker.Class > signal.Acts) && c.queue.Over(c.asker.flow())
}

// overspent is the error of a question that was not asked.
type overspent struct{}

// Error implements error.
func (overspent) Error() string {
	return "not asked: within a minute the policy's queries have taken all of Prometheus' time that the daemon's file allows one (queryBudget)"
}
