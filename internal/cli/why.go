package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

// WhyOptions are the argument and flags of why that need a cluster.
type WhyOptions struct {
	Cluster
	Release string
}

func whyCommand(name string, d Deps) *cobra.Command {
	var o WhyOptions
	var which report.Which
	var form output
	var file, window string
	cmd := &cobra.Command{
		Use:   "why RELEASE",
		Short: "Explain a verdict of a release from its own evidence",
		Long: `Explain a verdict of a release: print the decision matrix as check does, with when,
why and by which generation of the policy it was given, and the queries to paste
into Prometheus. It is judged again from the evidence that the Release keeps;
Prometheus is not asked, and may be gone.

Without a flag it explains the decision to roll back, else the latest change of
the verdict, else the latest check. Full evidence is kept for these; an older
check is one line.

With --milestone it prints instead the report at the end of a window: each signal
against its SLO and its baseline, with its trend.

The exit code is 0 where the evidence gives the verdict that was recorded, or is
not there any more, and 1 where it gives another one.`,
		Example: examples(name,
			"# Why was it rolled back?",
			"NAME why knowledgebeast-17 -n production",
			"",
			"# What did the third check say?",
			"NAME why knowledgebeast-17 -n production --check 3",
			"",
			"# Were the SLOs met in the first hour?",
			"NAME why knowledgebeast-17 -n production --milestone active",
			"",
			"# From a Release that was saved, without a cluster",
			"NAME why -f knowledgebeast-17.yaml --transition 1 -o wide"),
		Args: takes(func(_ *cobra.Command, args []string) error { return releaseOrFile(args, file) }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := form.check(cmd); err != nil {
				return err
			}
			if err := oneVerdict(cmd); err != nil {
				return usage{cmd.CommandPath(), err}
			}
			what := file
			if len(args) > 0 {
				o.Release, what = args[0], args[0]
			}
			r, err := whose(cmd.Context(), d, o, file, cmd.InOrStdin())
			if err != nil {
				return fmt.Errorf("why %s: %w", what, err)
			}
			if window != "" {
				return printMilestone(cmd.OutOrStdout(), r, window, form)
			}
			return explain(cmd.OutOrStdout(), r, which, form)
		},
	}
	clusterFlags(cmd.Flags(), &o.Cluster)
	outputFlag(cmd.Flags(), &form)
	f := cmd.Flags()
	f.StringVarP(&file, "filename", "f", "", "path of a file with the Release, instead of a cluster; - for stdin")
	f.BoolVar(&which.Decision, "decision", false, "the decision to roll back")
	f.BoolVar(&which.Latest, "latest", false, "the latest check")
	f.IntVar(&which.Check, "check", 0, "number of a check, from 1")
	f.IntVar(&which.Transition, "transition", 0, "number of a change of the verdict, from 1, the oldest that is kept")
	f.StringVar(&window, "milestone", "", "name of a window of the schedule: the report at its end")
	return cmd
}

// oneVerdict wants at most one verdict to be named, and numbers from 1.
func oneVerdict(cmd *cobra.Command) error {
	named := ""
	for _, name := range []string{"decision", "latest", "check", "transition", "milestone"} {
		f := cmd.Flag(name)
		switch {
		case !f.Changed:
			continue
		case named != "":
			return fmt.Errorf("--%s and --%s: want one verdict", named, name)
		case f.Value.Type() == "int" && (f.Value.String() == "0" || f.Value.String()[0] == '-'):
			return fmt.Errorf("--%s %s: want a number from 1", name, f.Value)
		}
		named = name
	}
	return nil
}

// releaseOrFile wants the name of a release, or a file in its place.
func releaseOrFile(args []string, file string) error {
	if file == "" {
		return exactlyOne("RELEASE")(nil, args)
	}
	if len(args) > 0 {
		return fmt.Errorf("want a RELEASE or --filename, got both")
	}
	return nil
}

// whose gives the release that is asked about, from the file if one is named.
func whose(ctx context.Context, d Deps, o WhyOptions, file string, stdin io.Reader) (report.Release, error) {
	switch file {
	case "":
		return d.Release(ctx, o)
	case "-":
		return saved(stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		return report.Release{}, Mistaken(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return saved(f)
}

// saved reads a Release as kubectl get -o yaml, or json, writes it.
func saved(from io.Reader) (report.Release, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return report.Release{}, fmt.Errorf("read the file: %w", err)
	}
	var r v1alpha1.Release
	if err := yaml.Unmarshal(text, &r); err != nil {
		return report.Release{}, Mistaken(fmt.Errorf("read the file: %w", err))
	}
	if want := v1alpha1.GroupVersion().String(); r.Kind != "Release" || r.APIVersion != want {
		return report.Release{}, Mistaken(fmt.Errorf("the file holds a %q of %q: want one Release of %q", r.Kind, r.APIVersion, want))
	}
	return report.Of(r.Namespace, r.Spec, r.Status), nil
}

// printMilestone prints the report at the end of a window.
func printMilestone(to io.Writer, r report.Release, window string, form output) error {
	m, err := report.FindMilestone(r.State, window)
	if err != nil {
		return fmt.Errorf("why %s: %w", r.Spec.Name(), err)
	}
	return form.print(to, m, func() string { return report.Milestone(r, m) })
}

// explain prints a verdict. That its evidence gives another one is an error.
func explain(to io.Writer, r report.Release, which report.Which, form output) error {
	kept, err := report.Find(r.State, which)
	if err != nil {
		return fmt.Errorf("why %s: %w", r.Spec.Name(), err)
	}
	x := report.Explain(kept)
	if err := form.print(to, x, func() string { return report.Why(r, x, widthOf(form)) }); err != nil {
		return err
	}
	if len(x.Differs) > 0 {
		return fmt.Errorf("why %s: judged again, the evidence gives another verdict: %s, recorded %s", r.Spec.Name(), x.Again.Tier, x.Verdict.Tier)
	}
	return nil
}
