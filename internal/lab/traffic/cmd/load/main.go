// Command load sends the lab's real traffic: see package load. With a target xds:///… it is a
// proxyless member of the mesh and Istio routes every call; the environment variable
// GRPC_XDS_BOOTSTRAP names the file that leads to Istio.
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
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	_ "google.golang.org/grpc/xds" // the xds:/// targets

	"github.com/knowledgebeast/greenwatch/internal/lab/traffic/load"
)

// reconnect bounds the pause between attempts to reach a slot. By gRPC's defaults it grows to
// two minutes, and a slot that came up again would look down for that long.
func reconnect() grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
		MinConnectTimeout: time.Second,
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "traffic-load:", err)
		return 2
	}
	if err := send(ctx, o); err != nil {
		fmt.Fprintf(stderr, "traffic-load: to %s: %v\n", o.target, err)
		return 1
	}
	return 0
}

type options struct {
	target, http string
	rps          float64
	header       metadata.MD
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{header: metadata.MD{}}
	fs := flag.NewFlagSet("traffic-load", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.target, "target", "", "gRPC `target`, as in xds:///echo.shop.svc.cluster.local:7070")
	fs.StringVar(&o.http, "http", "", "`IP:PORT` of /metrics, /healthz, /counts and /log")
	fs.Float64Var(&o.rps, "rps", 100, "calls per second")
	fs.Func("header", "`k=v` to send with each call; may be repeated", o.addHeader)
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.target == "" || o.http == "" {
		return o, errors.New("--target and --http are required")
	}
	return o, nil
}

func (o *options) addHeader(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("header %q: want k=v", text)
	}
	o.header.Append(key, value)
	return nil
}

func send(ctx context.Context, o options) error {
	conn, err := grpc.NewClient(o.target,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(reconnect()))
	if err != nil {
		return fmt.Errorf("make the client: %w", err)
	}
	defer conn.Close()
	l, err := load.New(load.Options{Conn: conn, RPS: o.rps, Header: o.header})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.http)
	if err != nil {
		return fmt.Errorf("listen for HTTP: %w", err)
	}
	web := &http.Server{Handler: l.Handler(), ReadHeaderTimeout: 5 * time.Second}
	defer web.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(fmt.Errorf("serve HTTP: %w", web.Serve(listener))) }()
	l.Run(ctx)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
