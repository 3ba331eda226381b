// Package server is one slot of KnowledgeBeast as the lab runs it: a real gRPC server whose
// metrics carry the product's names and whose faults are ordered over HTTP. It keeps nothing
// but counts, and knows nothing of its own share of the traffic.
package server

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/knowledgebeast/greenwatch/internal/lab/traffic"
)

// A healthy query takes an exponentially distributed time, so that quantiles have a shape.
const (
	meanWork = 4 * time.Millisecond
	maxWork  = 40 * time.Millisecond
)

// Options says which slot a Server is.
type Options struct {
	Slot    string
	Version string
	// Seed makes the sequence of faults and of working times repeatable.
	Seed uint64
	// Crash ends the process; it is called when the fault of that name is ordered.
	Crash func()
}

// Server answers calls as one slot. Register adds it to a gRPC server, Handler is its HTTP side.
type Server struct {
	testpb.UnimplementedTestServiceServer

	options  Options
	registry *prometheus.Registry
	metrics  *metrics
	ready    atomic.Bool

	mu     sync.Mutex
	faults Faults
	random *rand.Rand
}

// New makes a slot in good health that is not ready yet.
func New(o Options) *Server {
	reg := prometheus.NewRegistry()
	return &Server{
		options:  o,
		registry: reg,
		metrics:  newMetrics(reg),
		random:   rand.New(rand.NewPCG(o.Seed, o.Seed)),
	}
}

// Register adds the slot's calls to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) { testpb.RegisterTestServiceServer(r, s) }

// SetReady says whether /healthz answers 200.
func (s *Server) SetReady(ready bool) { s.ready.Store(ready) }

// Faults returns the faults in force.
func (s *Server) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// SetFaults replaces all faults by f.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// UnaryCall answers one query, or fails it with Internal as the faults say.
func (s *Server) UnaryCall(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	start := time.Now()
	s.metrics.queue.Inc()
	defer s.metrics.queue.Dec()
	header := metadata.Pairs(traffic.SlotHeader, s.options.Slot, traffic.VersionHeader, s.options.Version)
	if err := grpc.SendHeader(ctx, header); err != nil {
		s.metrics.answered(statusGaveUp, time.Since(start))
		return nil, err
	}
	plan := s.plan()
	s.metrics.cache(plan.hit)
	if err := wait(ctx, plan.work); err != nil {
		s.metrics.answered(statusGaveUp, time.Since(start))
		return nil, status.FromContextError(err).Err()
	}
	if plan.fail {
		s.metrics.answered(statusFailed, time.Since(start))
		return nil, status.Errorf(codes.Internal, "%s %s: failed by order", s.options.Slot, s.options.Version)
	}
	s.metrics.answered(statusOK, time.Since(start))
	return &testpb.SimpleResponse{ServerId: s.options.Slot}, nil
}

// course is what will become of one call.
type course struct {
	work time.Duration
	fail bool
	hit  bool
}

func (s *Server) plan() course {
	s.mu.Lock()
	defer s.mu.Unlock()
	work := time.Duration(s.random.ExpFloat64() * float64(meanWork))
	return course{
		work: min(work, maxWork) + time.Duration(s.faults.Latency),
		fail: s.random.Float64() < s.faults.ErrorRatio,
		hit:  s.random.Float64() < s.faults.hitRatio(),
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
