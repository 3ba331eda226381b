package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Word is what a person says of a release: one of the fields is set.
type Word struct {
	Cluster
	Release  string
	Decision release.Choice
	// Hold is how long automatic action is held; Resume ends a hold.
	Hold   time.Duration
	Resume bool
	Reason string
	// By is the name that it is said by; empty: the one that the API server knows the caller by.
	By string
}

// Saying delivers a person's word and gives the name that it was said by.
type Saying func(ctx context.Context, w Word) (by string, err error)

// usualHold is how long a hold lasts if nothing else is said.
const usualHold = 4 * time.Hour

func rollbackCommand(name string, d Deps) *cobra.Command {
	var w Word
	cmd := wordCommand(name, d, &w, "rollback", "Move the traffic back to the stable side now",
		`Move the traffic back to the stable side now, whatever the matrix, the mode or a
hold says. Of a release in mode Observe only who may patch its VirtualService and
scale its Deployments may say so. The stable side is made ready first; where it
holds another revision or does not exist, the word is refused at once and a page
says why.`,
		func() string { return "is to be rolled back" })
	w.Decision = release.ChooseRollback
	return cmd
}

func acceptCommand(name string, d Deps) *cobra.Command {
	var w Word
	cmd := wordCommand(name, d, &w, "accept", "Accept a release: it is not watched any more",
		`Accept a release as it is: the watch over it ends, and nothing more is done about
it automatically. Traffic that was moved already stays where it is.`,
		func() string { return "is accepted" })
	w.Decision = release.ChooseAccept
	return cmd
}

func holdCommand(name string, d Deps) *cobra.Command {
	var w Word
	cmd := wordCommand(name, d, &w, "hold", "Hold automatic action for a while",
		`Hold automatic action for a while. The release is watched, judged and told of as
before; a rollback that the matrix calls for is paged instead of done. A person's
rollback is obeyed all the same.`,
		func() string { return "is held for " + w.Hold.String() })
	cmd.Flags().DurationVar(&w.Hold, "for", usualHold, "how long")
	return cmd
}

func resumeCommand(name string, d Deps) *cobra.Command {
	var w Word
	cmd := wordCommand(name, d, &w, "resume", "End a hold",
		`End a hold: what the matrix calls for is done automatically again, from the next
look on.`,
		func() string { return "is not held any more" })
	w.Resume = true
	return cmd
}

// wordCommand is a command that says one word of one release.
func wordCommand(name string, d Deps, w *Word, verb, short, long string, done func() string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     verb + " RELEASE",
		Short:   short,
		Long:    long + "\n\nKubernetes decides who may: it takes the right to patch releases. The word is said by the\nname that the API server knows you by, and no other is taken.",
		Example: examples(name, "NAME "+verb+` knowledgebeast-17 -n production --reason "what everybody should know"`),
		Args:    takes(exactlyOne("RELEASE")),
		RunE: func(cmd *cobra.Command, args []string) error {
			w.Release = args[0]
			if verb == "hold" && w.Hold <= 0 {
				return usage{cmd.CommandPath(), fmt.Errorf("--for %s: want a time such as 30m or 4h", w.Hold)}
			}
			by, err := d.Say(cmd.Context(), *w)
			if err != nil {
				return fmt.Errorf("%s %s: %w", verb, w.Release, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "release %s %s, by the word of %s\n", w.Release, done(), by)
			return err
		},
	}
	clusterFlags(cmd.Flags(), &w.Cluster)
	cmd.Flags().StringVar(&w.Reason, "reason", "", "why, for everybody who asks later")
	byFlag(cmd.Flags(), &w.By)
	return cmd
}
