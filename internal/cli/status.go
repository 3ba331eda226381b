package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/report"
)

// listed is what status prints for programs.
type listed struct {
	Items []report.Release `json:"items"`
}

func statusCommand(name string, d Deps) *cobra.Command {
	var o ListOptions
	var form output
	cmd := &cobra.Command{
		Use:   "status [POLICY]",
		Short: "List the releases that are being watched",
		Long: `List the releases that are being watched or have steps of a rollback to do: the
candidate and its share, the verdict that stands, how many checks are done, the
next one, and whether the stable side could take the traffic back.`,
		Example: examples(name,
			"# What is watched in all namespaces",
			"NAME status -A",
			"",
			"# One policy, with revisions and reasons",
			"NAME status knowledgebeast -n production -o wide"),
		Args: takes(atMostOne("POLICY")),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := form.check(cmd); err != nil {
				return err
			}
			if len(args) == 1 {
				o.Policy = args[0]
			}
			list, err := d.List(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("list the releases: %w", err)
			}
			if len(list) == 0 && (form == human || form == wide) {
				fmt.Fprintln(cmd.ErrOrStderr(), "No release is being watched here.")
				return nil
			}
			items := listed{Items: append([]report.Release{}, list...)}
			return form.print(cmd.OutOrStdout(), items, func() string { return report.Status(list, widthOf(form)) })
		},
	}
	clusterFlags(cmd.Flags(), &o.Cluster)
	cmd.Flags().BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "look in all namespaces")
	outputFlag(cmd.Flags(), &form)
	return cmd
}

func widthOf(form output) report.Width {
	if form == wide {
		return report.Wide
	}
	return report.Normal
}

// atMostOne allows one argument, by its name.
func atMostOne(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("want at most one %s, got %d", name, len(args))
		}
		return nil
	}
}
