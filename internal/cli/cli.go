// Package cli is greenwatch's command line: flags, help, exit codes, and how answers are printed.
//
// It does not do the work itself. What the commands do is injected, so that they can be tried without
// a cluster. The same commands serve as a plugin of kubectl when the program is called
// kubectl-greenwatch.
package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

// Deps are what the commands do.
type Deps struct {
	// Version is shown by the version command; empty means what the build recorded.
	Version string
	// Run is the daemon; it returns when ctx ends.
	Run func(ctx context.Context, o RunOptions) error
	// Check judges a policy once; the plan is what was in force, or nil.
	Check func(ctx context.Context, o CheckOptions) (judge.Verdict, *release.Plan, error)
	// List gives the active releases.
	List func(ctx context.Context, o ListOptions) ([]report.Release, error)
	// Release gives one release.
	Release func(ctx context.Context, o WhyOptions) (report.Release, error)
	// Backtest judges a past release.
	Backtest func(ctx context.Context, o BacktestOptions) (backtest.Result, error)
	// Say delivers a person's word.
	Say Saying
	// Report writes what a person reports, or retracts it.
	Report Reporting
}

// Cluster says which cluster and namespace is meant, as kubectl's flags do. Empty fields mean what
// the kubeconfig says.
type Cluster struct {
	Kubeconfig, Context, Namespace string
}

// RunOptions are the flags of run.
type RunOptions struct {
	// Config is the path of the daemon's file.
	Config     string
	Kubeconfig string
}

// CheckOptions are the argument and flags of check.
type CheckOptions struct {
	Cluster
	Policy string
	// Config is the path of the daemon's file, for its Prometheus servers; Prometheus is a URL that is
	// asked instead. Either may be empty.
	Config, Prometheus string
}

// ListOptions are the argument and flags of status.
type ListOptions struct {
	Cluster
	AllNamespaces bool
	// Policy is the only one that is asked for; empty means all.
	Policy string
}

// Main runs the command line that args hold, the program's name first, and gives the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, d Deps) int {
	root := New(called(args), d)
	if len(args) > 0 {
		args = args[1:]
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if text := complaint(err); text != "" {
		fmt.Fprint(stderr, text)
	}
	return ExitCode(err)
}

// called gives the name that people type for the program: "kubectl greenwatch" for the plugin.
func called(args []string) string {
	if len(args) == 0 {
		return "greenwatch"
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if strings.HasPrefix(name, "kubectl-") {
		return "kubectl greenwatch"
	}
	return "greenwatch"
}

// New builds the root command. Name is what people type: "greenwatch" or "kubectl greenwatch".
func New(name string, d Deps) *cobra.Command {
	root := &cobra.Command{
		Use:         "greenwatch",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: name},
		Short:       "Stands watch over blue/green releases",
		Long: `greenwatch stands watch over a blue/green service after a new version goes live:
it judges the new version from Prometheus for seven days, moves the traffic back
by itself when the decision matrix says so, and tells the on-call engineer what
happened and why.`,
		Args:          cobra.ArbitraryArgs,
		RunE:          noCommand,
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage{cmd.CommandPath(), err} })
	root.AddCommand(runCommand(d), checkCommand(name, d), whyCommand(name, d), statusCommand(name, d), backtestCommand(name, d), versionCommand(d),
		rollbackCommand(name, d), holdCommand(name, d), resumeCommand(name, d), acceptCommand(name, d), reportCommand(name, d))
	return root
}

// noCommand shows the help, or says that there is no such command.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		text += "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return usage{cmd.CommandPath(), fmt.Errorf("%s", text)}
}

func runCommand(d Deps) *cobra.Command {
	var o RunOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Run the daemon: watch every WatchPolicy of the cluster until SIGTERM.

One process leads at a time; the others wait. Without --kubeconfig the service
account of the pod is used.`,
		Args: takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.Run(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.Config, "config", "/etc/greenwatch/config.yaml", "path of the daemon's file")
	cmd.Flags().StringVar(&o.Kubeconfig, "kubeconfig", "", "path of the kubeconfig file, outside a cluster")
	return cmd
}

func versionCommand(d Deps) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "greenwatch %s\n", version(d))
			return err
		},
	}
}

func version(d Deps) string {
	if d.Version != "" {
		return d.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
