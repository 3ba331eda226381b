// Command demo plays a bad release on real parts: a new green version takes traffic, later its
// errors rise, greenwatch sees it in Prometheus, moves the Istio weights back by itself, pages and
// tells Slack, and real requests follow.
//
// It only sets the stage and watches; what is decided is decided by greenwatch.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/stage"
)

// longest is how long the play may take once everything is built.
const longest = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		stop()
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "\nended; nothing is left running")
			os.Exit(130)
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	fmt.Println("greenwatch demo: a bad release is rolled back, on a real API server, istiod and Prometheus.")
	fmt.Println("The bounds are shortened for the demo (error rate above 5 % for 6 s instead of 5 min; see the policy below).")
	if _, err := lab.Build(ctx, lab.BuildOptions{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	begun := time.Now()
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s, err := stage.Start(ctx, stage.Options{Lab: l, RPS: 200})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p := &play{Stage: s, begun: begun, shown: map[string]bool{}}
	return p.perform(ctx)
}
