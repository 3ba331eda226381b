package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// The bounds of a Client that Options leave at zero.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConcurrency = 4
	DefaultMaxBody     = 16 << 20
)

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
	// MaxBody bounds one answer, in bytes as decoded.
	MaxBody int64
	// ReplicaLabels are the labels by which the servers of a highly available pair differ; of
	// series that differ in nothing else the largest counts. Nil is prometheus_replica and replica,
	// empty is none.
	ReplicaLabels []string
}

// Client asks one Prometheus. It is safe for concurrent use.
type Client struct {
	prometheus v1.API
	timeout    time.Duration
	slots      chan struct{}
	replicas   []string
	rules      rules
	grown      grown
}

// New makes a Client. It does not connect: a server that is away is told by the readings.
func New(o Options) (*Client, error) {
	if err := checkURL(o.URL); err != nil {
		return nil, err
	}
	o = withDefaults(o)
	c, err := api.NewClient(api.Config{Address: o.URL, RoundTripper: bounded{next: o.Transport, max: o.MaxBody}})
	if err != nil {
		return nil, fmt.Errorf("prometheus client: %s", scrub(err.Error()))
	}
	return &Client{
		prometheus: v1.NewAPI(c),
		timeout:    o.Timeout,
		slots:      make(chan struct{}, o.Concurrency),
		replicas:   o.ReplicaLabels,
		rules:      rules{server: c, kept: map[string]keptRule{}},
		grown:      grown{kept: map[string]grownAt{}},
	}, nil
}

func withDefaults(o Options) Options {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
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
	if o.ReplicaLabels == nil {
		o.ReplicaLabels = []string{"prometheus_replica", "replica"}
	}
	return o
}

// checkURL refuses what can't be an address, without repeating it: it may hold a password.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("prometheus url: not a URL; want such as http://prometheus.monitoring:9090")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("prometheus url: scheme %q; want http or https", u.Scheme)
	case u.Host == "":
		return errors.New("prometheus url: no host; want such as http://prometheus.monitoring:9090")
	}
	return nil
}

// Clock asks for the server's own time, by which all else is asked.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	v, err := c.instant(ctx, "time()", time.Time{})
	if err != nil {
		_, detail := explain(err)
		return time.Time{}, fmt.Errorf("ask prometheus for its time: %s", detail)
	}
	s, ok := v.(*model.Scalar)
	if !ok {
		return time.Time{}, fmt.Errorf("ask prometheus for its time: a %s came; want a scalar", v.Type())
	}
	sec, frac := math.Modf(float64(s.Value))
	return time.Unix(int64(sec), int64(frac*1e9)).UTC(), nil
}

// instant asks for expr at t; the zero time is the server's own now.
func (c *Client) instant(ctx context.Context, expr string, t time.Time, opts ...v1.Option) (model.Value, error) {
	var answer model.Value
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		answer, _, _, err = c.prometheus.Query(ctx, expr, t, append(opts, v1.WithTimeout(c.timeout))...)
		return err
	})
	return answer, err
}

// span asks for expr at each step of r, which must have no more than chunk of them.
func (c *Client) span(ctx context.Context, expr string, r v1.Range, lookback time.Duration) (model.Matrix, error) {
	var answer model.Value
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		answer, _, _, err = c.prometheus.QueryRange(ctx, expr, r, v1.WithTimeout(c.timeout), v1.WithLookbackDelta(lookback))
		return err
	})
	if err != nil {
		return nil, err
	}
	m, ok := answer.(model.Matrix)
	if !ok {
		return nil, &v1.Error{Type: v1.ErrBadResponse, Msg: fmt.Sprintf("a %s came; want a matrix", answer.Type())}
	}
	return m, nil
}

// ask performs one query once there is room for it. The timeout starts then: queries that wait
// behind slow ones have the whole of it.
func (c *Client) ask(ctx context.Context, query func(context.Context) error) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return query(ctx)
}
