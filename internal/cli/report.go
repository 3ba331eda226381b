package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// ReportOptions are what a person reports of a release, or takes back.
type ReportOptions struct {
	Cluster
	Release string
	// Kind and Text are of a new report; Retract is the ID of one that was made.
	Kind, Text, Retract string
	// By is who makes the report; empty: as the API server knows the caller.
	By string
}

// Reporting writes a report, or retracts one, and gives it as it stands.
type Reporting func(ctx context.Context, o ReportOptions) (release.Report, error)

func reportCommand(name string, d Deps) *cobra.Command {
	var o ReportOptions
	cmd := &cobra.Command{
		Use:   "report RELEASE",
		Short: "Report what no metric shows, such as a security hole or a complaint",
		Long: `Report what no metric shows, such as a security hole, corrupt data or a complaint.
The guard judges it at its next look, by the policy's signal for reports of that
kind: it may move the traffic back. A report counts until it is retracted.

Kubernetes decides who may: it takes the rights to get and to patch releases. A report
is made in your own name; another's can be retracted, and nothing else.`,
		Example: examples(name, `NAME report knowledgebeast-17 -n production --kind security --text "tokens in the answers"`,
			"NAME report knowledgebeast-17 -n production --retract security-1"),
		Args: takes(exactlyOne("RELEASE")),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Release = args[0]
			if err := o.check(); err != nil {
				return usage{cmd.CommandPath(), err}
			}
			r, err := d.Report(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("report %s: %w", o.Release, err)
			}
			text := "made by " + r.By
			if r.Retracted {
				text = "retracted"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "release %s: report %s is %s\n", o.Release, r.ID, text)
			return err
		},
	}
	clusterFlags(cmd.Flags(), &o.Cluster)
	cmd.Flags().StringVar(&o.Kind, "kind", "", "what it is about: a kind that the policy has a signal for")
	cmd.Flags().StringVar(&o.Text, "text", "", "what was seen, for everybody who asks later")
	byFlag(cmd.Flags(), &o.By)
	cmd.Flags().StringVar(&o.Retract, "retract", "", "take back the report of this ID")
	return cmd
}

func (o ReportOptions) check() error {
	switch {
	case o.Kind == "" && o.Retract == "":
		return errors.New("want --kind for a new report, or --retract for one that was made")
	case o.Kind != "" && o.Retract != "":
		return errors.New("want --kind or --retract, not both")
	case o.Retract != "" && o.Text != "":
		return errors.New("--text is for a new report")
	}
	return nil
}
