package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// Width says how much of each release a table shows.
type Width int

// The widths.
const (
	Normal Width = iota
	Wide         // with the release's name, both revisions and the verdict's reason
)

// Status lists releases, ordered by namespace, policy and number.
func Status(releases []Release, width Width) string {
	releases = slices.Clone(releases)
	slices.SortFunc(releases, func(a, b Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Spec.Policy, b.Spec.Policy), cmp.Compare(a.Spec.Number, b.Spec.Number))
	})
	head := []string{"NAMESPACE", "POLICY", "CANDIDATE", "PHASE", "SHARE", "VERDICT", "SINCE", "CHECKS", "NEXT CHECK", "READINESS", "CONDITIONS"}
	if width == Wide {
		head = append(head, "RELEASE", "REVISION", "STABLE", "REASON")
	}
	rows := [][]string{head}
	for _, r := range releases {
		rows = append(rows, statusRow(r, width))
	}
	return table(rows)
}

func statusRow(r Release, width Width) []string {
	s := r.State
	tier := s.Called()
	if s.FirstTraffic.IsZero() {
		tier = ""
	}
	row := []string{r.Namespace, r.Spec.Policy, finding.Name(r.Spec.Candidate), string(s.Phase),
		fmt.Sprintf("%d%%", s.Share), tier, s.Verdict.Since.String(), progress(s), s.NextCheck.String(),
		string(s.Readiness), conditions(s.Conditions)}
	if width == Wide {
		row = append(row, r.Spec.Name(), r.Spec.Candidate.Revision, finding.Name(r.Spec.Stable), s.Verdict.Reason)
	}
	for i := range row {
		row[i] = cmp.Or(oneLine(row[i]), "-")
	}
	return row
}

func progress(s release.State) string {
	if len(s.Grid) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", s.Checks, s.Grid.Count())
}

// conditions names those that are so. That stable is ready is told by the readiness.
func conditions(all []signal.Condition) string {
	var names []string
	for _, c := range all {
		if c.Status == "True" && c.Type != release.ConditionRollbackReady {
			names = append(names, c.Type)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
