// Package load calls the slots at a steady rate, as KnowledgeBeast's users would, and keeps
// what the callers saw: which slot answered, which version, and whether it failed. It is the
// witness that traffic really moved, independent of the servers' own metrics. It does not
// choose a slot; Istio does.
package load

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/knowledgebeast/greenwatch/internal/lab/traffic"
)

const (
	callTimeout = 2 * time.Second
	remembered  = 200_000
	// What is overdue by more than this is not sent at all: after a pause of the whole machine
	// a burst would be no steady load.
	catchUp = time.Second
)

// Options says what a Load sends, and how often.
type Options struct {
	Conn grpc.ClientConnInterface
	// RPS is the number of calls per second, whatever becomes of them.
	RPS float64
	// Header goes with each call, for routes that match one.
	Header metadata.MD
}

// Load sends calls and remembers them. Run drives it, Handler shows what it saw.
type Load struct {
	options  Options
	client   testpb.TestServiceClient
	record   *record
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	skipped  prometheus.Counter
	inFlight chan struct{}
	reached  chan struct{} // closed once a slot was reached
}

// New makes a Load that has sent nothing yet.
func New(o Options) (*Load, error) {
	if o.RPS <= 0 {
		return nil, fmt.Errorf("rps %v: want more than 0", o.RPS)
	}
	l := &Load{
		options:  o,
		client:   testpb.NewTestServiceClient(o.Conn),
		record:   newRecord(remembered),
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "client_requests_total",
			Help: "Calls as their callers saw them, by the slot reached (empty: none) and gRPC code.",
		}, []string{"slot", "code"}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "client_requests_skipped_total",
			Help: "Calls not sent because too many were in flight.",
		}),
		inFlight: make(chan struct{}, most(o.RPS)),
		reached:  make(chan struct{}),
	}
	l.registry.MustRegister(l.requests, l.skipped)
	return l, nil
}

// most is how many calls may be in flight: enough that a slot in which every call times out
// does not slow the load down.
func most(rps float64) int { return int(rps*callTimeout.Seconds()*1.5) + 32 }

// Run sends calls until ctx is done. The steady rate starts once a first call has reached a
// slot, since before that the client has no route and every call would count as an error.
func (l *Load) Run(ctx context.Context) {
	for !l.call(ctx, grpc.WaitForReady(true)) {
		if pause(ctx, 50*time.Millisecond) != nil {
			return
		}
	}
	close(l.reached)
	l.steady(ctx)
}

// steady starts the calls that are due by the clock and never waits for an answer.
func (l *Load) steady(ctx context.Context) {
	interval := time.Duration(float64(time.Second) / l.options.RPS)
	due := time.Now()
	for pause(ctx, time.Until(due)) == nil {
		if late := time.Since(due); late > catchUp {
			due = due.Add(late.Truncate(interval))
		}
		due = due.Add(interval)
		select {
		case l.inFlight <- struct{}{}:
			go func() {
				defer func() { <-l.inFlight }()
				l.call(ctx)
			}()
		default:
			l.skipped.Inc()
		}
	}
}

// call sends one request and reports whether it reached a slot. Calls cut off by the end of
// the load are not recorded, nor are those before any slot was reached.
func (l *Load) call(ctx context.Context, opts ...grpc.CallOption) bool {
	var header metadata.MD
	callCtx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, l.options.Header), callTimeout)
	defer cancel()
	c := Call{Start: time.Now()}
	_, err := l.client.UnaryCall(callCtx, &testpb.SimpleRequest{}, append(opts, grpc.Header(&header))...)
	c.End = time.Now()
	c.Slot, c.Version = first(header, traffic.SlotHeader), first(header, traffic.VersionHeader)
	if err != nil {
		c.Error = err.Error()
	}
	if ctx.Err() != nil || (c.Slot == "" && !l.hasReached()) {
		return false
	}
	l.requests.WithLabelValues(c.Slot, status.Code(err).String()).Inc()
	l.record.add(c)
	return true
}

func (l *Load) hasReached() bool {
	select {
	case <-l.reached:
		return true
	default:
		return false
	}
}

func first(md metadata.MD, key string) string {
	if values := md.Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
