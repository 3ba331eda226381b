package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/knowledgebeast/greenwatch/internal/judge"
)

// The exit codes that are no verdict.
const (
	exitError = 1
	exitUsage = 2
)

// usage is a command line that can't be understood.
type usage struct {
	command string
	err     error
}

func (u usage) Error() string { return u.err.Error() }
func (u usage) Unwrap() error { return u.err }

// judged is a verdict that the exit code tells.
type judged struct{ tier judge.Tier }

func (j judged) Error() string { return "the verdict is " + string(j.tier) }

// mistaken is an input, such as the daemon's file, that can't be understood.
type mistaken struct{ err error }

func (m mistaken) Error() string { return m.err.Error() }
func (m mistaken) Unwrap() error { return m.err }

// Mistaken marks an error as a mistake in what the program was given to read: the exit code is that
// of a command line that can't be understood.
func Mistaken(err error) error { return mistaken{err} }

// ExitCode gives the code that the program ends with: 0 where all is well, 10, 20, 30 and 40 for the
// verdicts Investigate, Consider, Rollback and Blind, 2 for a command line that can't be understood,
// 1 for any other error.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[usage](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[mistaken](err); ok {
		return exitUsage
	}
	if j, ok := errors.AsType[judged](err); ok {
		return codeOf(j.tier)
	}
	return exitError
}

func codeOf(t judge.Tier) int {
	switch t {
	case judge.Proceed:
		return 0
	case judge.Investigate:
		return 10
	case judge.Consider:
		return 20
	case judge.Rollback:
		return 30
	case judge.Blind:
		return 40
	}
	return exitError
}

// verdict gives the error that makes the exit code tell the tier.
func verdict(t judge.Tier) error {
	if t == judge.Proceed {
		return nil
	}
	return judged{t}
}

// complaint is what is printed of an error. A verdict has been printed already.
func complaint(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[judged](err); ok {
		return ""
	}
	text := fmt.Sprintf("Error: %v\n", err)
	if u, ok := errors.AsType[usage](err); ok {
		text += fmt.Sprintf("Run '%s --help' for usage.\n", u.command)
	}
	return text
}

// takes makes what a check of the arguments finds wrong an error of usage.
func takes(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage{cmd.CommandPath(), err}
		}
		return nil
	}
}
