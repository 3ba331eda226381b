// Command server runs one slot of the lab's real traffic: see package server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/knowledgebeast/greenwatch/internal/lab/traffic/server"
)

// drainFor bounds how long calls in flight may take once the process was asked to end.
const drainFor = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "traffic-server:", err)
		return 2
	}
	if err := serve(ctx, o); err != nil {
		fmt.Fprintf(stderr, "traffic-server: slot %s: %v\n", o.slot.Slot, err)
		return 1
	}
	return 0
}

type options struct {
	listen, http string
	startDelay   time.Duration
	slot         server.Options
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{slot: server.Options{Crash: func() { os.Exit(1) }}}
	fs := flag.NewFlagSet("traffic-server", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.listen, "listen", "", "`IP:PORT` of the gRPC server")
	fs.StringVar(&o.http, "http", "", "`IP:PORT` of /metrics, /healthz and /faults")
	fs.StringVar(&o.slot.Slot, "slot", "", "name of the slot, as in green")
	fs.StringVar(&o.slot.Version, "version", "", "version that the slot runs")
	fs.Uint64Var(&o.slot.Seed, "seed", 1, "seed of the faults and working times")
	fs.DurationVar(&o.startDelay, "start-delay", 0, "time until the gRPC server listens and /healthz answers 200")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.listen == "" || o.http == "" || o.slot.Slot == "" {
		return o, errors.New("--listen, --http and --slot are required")
	}
	return o, nil
}

// serve answers HTTP at once and gRPC after the start delay, until ctx is done or one of the
// two servers fails.
func serve(ctx context.Context, o options) error {
	slot := server.New(o.slot)
	web := &http.Server{Handler: slot.Handler(), ReadHeaderTimeout: 5 * time.Second}
	webListener, err := net.Listen("tcp", o.http)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	failed := make(chan error, 2)
	go func() { failed <- web.Serve(webListener) }()
	defer web.Close()

	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-time.After(o.startDelay):
	}

	calls := grpc.NewServer()
	slot.Register(calls)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen for gRPC: %w", err)
	}
	go func() { failed <- calls.Serve(listener) }()
	slot.SetReady(true)

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		slot.SetReady(false)
		drain(calls)
		return nil
	}
}

func drain(calls *grpc.Server) {
	cut := time.AfterFunc(drainFor, calls.Stop)
	defer cut.Stop()
	calls.GracefulStop()
}
