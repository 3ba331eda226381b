package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/backtest"
	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// BacktestOptions are the flags of backtest.
type BacktestOptions struct {
	Cluster
	// Release names a release of the cluster; then all but Prometheus and Until may be left out.
	Release string
	// Policy is the path of a WatchPolicy's file, Config that of the daemon's; the latter may be empty.
	Policy, Config string
	// Prometheus is a URL.
	Prometheus string
	// Candidate is a slot.
	Candidate string
	// Deployed and Until are zero where they are left out.
	Deployed, Cutover, Until time.Time
}

func backtestCommand(name string, d Deps) *cobra.Command {
	var o BacktestOptions
	var form output
	var deployed, cutover, until string
	cmd := &cobra.Command{
		Use:   "backtest [RELEASE]",
		Short: "Judge a past release from Prometheus' history",
		Long: `Judge a past release from Prometheus' history, with the daemon's own rules: the
guard and all checks, from the first traffic to the end of the schedule. It
changes nothing and tells nobody.

Of a RELEASE that the cluster still keeps it takes policy, slot and times from
there. Without one it needs no cluster: say them by flags.

What only Kubernetes knows is taken from kube-state-metrics, where Prometheus has
it, else it is unknown: a slot is then unavailable only where all of its requests
failed. Until the cutover the traffic is taken to be split.`,
		Example: examples(name,
			"# What would greenwatch have done with a release of the log, by its policy as it is now?",
			"NAME backtest knowledgebeast-17 -n production --prometheus http://localhost:9090",
			"",
			"# What would greenwatch have done with last week's release?",
			"NAME backtest --policy knowledgebeast.yaml --prometheus http://localhost:9090 \\",
			"    --candidate green --cutover 2026-03-03T15:00:00Z",
			"",
			"# Its first day, for a program",
			"NAME backtest --policy knowledgebeast.yaml --prometheus http://localhost:9090 \\",
			"    --candidate green --deployed 2026-03-03T14:40:00Z --cutover 2026-03-03T15:00:00Z \\",
			"    --until 2026-03-04T15:00:00Z -o json"),
		Args: takes(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := form.check(cmd); err != nil {
				return err
			}
			needed := []string{"policy", "prometheus", "candidate", "cutover"}
			if len(args) > 0 {
				o.Release, needed = args[0], nil
				if candidate := cmd.Flag("candidate"); candidate.Changed {
					return usage{cmd.CommandPath(), fmt.Errorf("--candidate: release %s has its own", o.Release)}
				}
			}
			for _, required := range needed {
				if f := cmd.Flag(required); f.Value.String() == "" {
					return usage{cmd.CommandPath(), fmt.Errorf("--%s is missing: the %s", required, f.Usage)}
				}
			}
			for _, at := range []struct {
				flag, text string
				into       *time.Time
			}{{"deployed", deployed, &o.Deployed}, {"cutover", cutover, &o.Cutover}, {"until", until, &o.Until}} {
				if err := moment(at.text, at.into); err != nil {
					return usage{cmd.CommandPath(), fmt.Errorf("--%s %w", at.flag, err)}
				}
			}
			r, err := d.Backtest(cmd.Context(), o)
			if err != nil {
				return err
			}
			return form.print(cmd.OutOrStdout(), r, func() string { return course(r) })
		},
	}
	f := cmd.Flags()
	clusterFlags(f, &o.Cluster)
	f.StringVar(&o.Policy, "policy", "", "path of a file with the WatchPolicy (default for a RELEASE: its policy in the cluster)")
	f.StringVar(&o.Prometheus, "prometheus", "", "URL of the Prometheus with the history (default for a RELEASE: as --config has it)")
	f.StringVar(&o.Candidate, "candidate", "", "slot that held the new version")
	f.StringVar(&cutover, "cutover", "", "when the candidate got all the traffic, in RFC 3339")
	f.StringVar(&deployed, "deployed", "", "when the candidate got its first traffic, in RFC 3339 (default: the cutover)")
	f.StringVar(&until, "until", "", "where to stop, in RFC 3339 (default: the end of the schedule)")
	f.StringVar(&o.Config, "config", "", "path of the daemon's file, for its defaults")
	outputFlag(f, &form)
	return cmd
}

// moment reads a flag's time; an empty one leaves it zero.
func moment(text string, into *time.Time) (err error) {
	if text == "" {
		return nil
	}
	if *into, err = time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("%q: want a time such as 2026-03-03T15:00:00Z", text)
	}
	return nil
}

// course tells a backtest to people.
func course(r backtest.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s after %s, cutover %s, until %s\n\n", r.Release.Policy, r.Release.Candidate, r.Release.Stable, r.Release.Cutover, r.Release.Until)
	fmt.Fprintf(&b, "Decision\n  %s at %s%s\n", without(r.Decision.Verdict, r.Decision.Without), r.Decision.Time, after(": ", r.Decision.Reason))
	if len(r.Transitions) > 0 {
		b.WriteString("\nTransitions\n")
		w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		for _, t := range r.Transitions {
			fmt.Fprintf(w, "  %s\t%s\t%s → %s\t%s\n", t.Time, t.Source, t.From, t.To, t.Reason)
		}
		w.Flush() //nolint:errcheck // a builder takes everything
	}
	fmt.Fprintf(&b, "\nChecks\n  %s\n", counted(r))
	if r.BlindSeconds > 0 {
		fmt.Fprintf(&b, "\nBlind for %s\n", time.Duration(r.BlindSeconds)*time.Second)
	}
	return b.String()
}

// without is a verdict with what it was judged without.
func without(verdict string, signals []string) string {
	for _, t := range []judge.Tier{judge.Proceed, judge.Investigate, judge.Consider} {
		if strings.EqualFold(string(t), verdict) {
			return verdict + strings.TrimPrefix(t.Called(judge.Named(signals)), string(t))
		}
	}
	return verdict
}

func counted(r backtest.Result) string {
	count := map[string]int{}
	for _, c := range r.Checks {
		count[without(c.Verdict, c.Without)]++
	}
	parts := []string{}
	for _, t := range []judge.Tier{judge.Rollback, judge.Consider, judge.Investigate, judge.Blind, judge.Proceed} {
		for _, called := range slices.Sorted(maps.Keys(count)) {
			if tier, _, _ := strings.Cut(called, " "); tier == strings.ToLower(string(t)) {
				parts = append(parts, fmt.Sprintf("%d %s", count[called], called))
			}
		}
	}
	return after(fmt.Sprintf("%d done: ", len(r.Checks)), strings.Join(parts, ", "))
}

// after puts a beginning before a text that is not empty.
func after(beginning, text string) string {
	if text == "" {
		return ""
	}
	return beginning + text
}
