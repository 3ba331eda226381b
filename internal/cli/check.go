package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

// checked is what check prints for programs.
type checked struct {
	Verdict listing       `json:"verdict"`
	Plan    *release.Plan `json:"plan,omitempty"`
}

func checkCommand(name string, d Deps) *cobra.Command {
	var o CheckOptions
	var form output
	cmd := &cobra.Command{
		Use:   "check POLICY",
		Short: "Judge a policy once, now, and print the matrix",
		Long: `Judge a policy once, now, and print the decision matrix: for each signal its
value, what it is compared with, the events behind it, each bound and whether it
holds, and what is unknown and why. Nothing is changed and nobody is told.

The exit code tells the verdict:
   0  proceed
  10  investigate
  20  consider a rollback
  30  roll back
  40  blind: not enough evidence to judge
   1  an error
   2  a command line that can't be understood`,
		Example: examples(name,
			"# Judge the policy knowledgebeast in the namespace production",
			"NAME check knowledgebeast -n production",
			"",
			"# The same for a script, with another Prometheus",
			"NAME check knowledgebeast -n production --prometheus http://localhost:9090 -o json",
			"",
			"# With the queries that were asked",
			"NAME check knowledgebeast -o wide"),
		Args: takes(exactlyOne("POLICY")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := form.check(cmd); err != nil {
				return err
			}
			o.Policy = args[0]
			v, plan, err := d.Check(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("check %s: %w", o.Policy, err)
			}
			words := func() string { return matrix(v, plan, form) }
			if err := form.print(cmd.OutOrStdout(), checked{listOf(v), plan}, words); err != nil {
				return err
			}
			return verdict(v.Tier)
		},
	}
	clusterFlags(cmd.Flags(), &o.Cluster)
	outputFlag(cmd.Flags(), &form)
	cmd.Flags().StringVar(&o.Config, "config", "", "path of the daemon's file, for its Prometheus servers")
	cmd.Flags().StringVar(&o.Prometheus, "prometheus", "", "URL of the Prometheus to ask instead")
	return cmd
}

func matrix(v judge.Verdict, plan *release.Plan, form output) string {
	parts := []string{report.Matrix(v)}
	if plan != nil {
		parts = append(parts, report.InForce(*plan))
	}
	if form == wide {
		parts = append(parts, "Queries\n"+report.Queries(v))
	}
	return strings.Join(parts, "\n")
}

// exactlyOne asks for one argument, by its name.
func exactlyOne(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 || args[0] == "":
			return fmt.Errorf("name the %s", name)
		case len(args) > 1:
			return fmt.Errorf("want one %s, got %d", name, len(args))
		}
		return nil
	}
}
