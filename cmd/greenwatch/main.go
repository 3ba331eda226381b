// Command greenwatch stands watch over blue/green releases behind Istio.
//
// This package wires the parts together and contains no decision of its own.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/knowledgebeast/greenwatch/internal/cli"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run ends the program's work with the first SIGTERM or SIGINT; a second one ends the program.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Main(ctx, args, stdout, stderr, cli.Deps{Version: version(), Run: runDaemon, Check: check, List: list, Release: oneRelease, Say: say, Report: reportSeen, Backtest: backtestPast})
}
