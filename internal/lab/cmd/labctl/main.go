// Command labctl builds the lab's programs, and runs a lab by hand.
//
//	labctl build [PROGRAM...]   compiles what is missing; without names, everything
//	labctl up                   starts a lab, prints how to reach it, and ends it on Ctrl-C
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/knowledgebeast/greenwatch/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "labctl:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("say what to do: build or up")
	}
	switch args[0] {
	case "build":
		_, err := lab.Build(ctx, lab.BuildOptions{Only: args[1:], Progress: stdout})
		return err
	case "up":
		return up(ctx, stdout)
	}
	return fmt.Errorf("%q is neither build nor up", args[0])
}

func up(ctx context.Context, stdout io.Writer) error {
	l, err := lab.Start(ctx, lab.Options{Progress: stdout})
	if err != nil {
		return err
	}
	err = describe(ctx, l, stdout)
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, l.Close())
}

func describe(ctx context.Context, l *lab.Lab, stdout io.Writer) error {
	prometheus, err := l.StartPrometheus(ctx, lab.PrometheusOptions{})
	if err != nil {
		return err
	}
	config, err := l.Kubeconfig(lab.Admin)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "export KUBECONFIG=%s\nPrometheus: %s\nlogs: %s\nCtrl-C ends the lab\n", config, prometheus.URL(), l.Dir())
	return err
}
