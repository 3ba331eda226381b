package finding

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/milestone"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Facts is all that words may depend on.
type Facts struct {
	Namespace string
	// Spec is empty for what concerns no single release; for what concerns a policy itself it has the policy's
	// name alone.
	Spec release.Spec
	// State is the release now, Before what it was when something was last said.
	State, Before release.State
	// Incident is the one spoken of, for those that are one.
	Incident release.Incident
	// Check is the one spoken of, for CheckDone.
	Check release.CheckLine
	// Milestone is the one spoken of, for MilestoneMade.
	Milestone milestone.Milestone
}

// Name says a side for people: its version, or else its revision, and its slot.
func Name(s release.Side) string {
	const short = 10
	switch {
	case s.Version != "":
		return fmt.Sprintf("%s (%s)", s.Version, s.Slot)
	case s.Revision != "":
		return fmt.Sprintf("revision %.*s (%s)", short, s.Revision, s.Slot)
	}
	return cmp.Or(s.Slot, "unknown")
}

// Why is the command that explains a release.
func Why(namespace string, spec release.Spec) string {
	return fmt.Sprintf("kubectl greenwatch why %s -n %s", spec.Name(), namespace)
}

// Subject says what the facts are about: "production/knowledgebeast v2 (green)", or the policy alone.
func (f Facts) Subject() string {
	switch {
	case f.Spec.Policy == "":
		return "greenwatch"
	case f.Spec.Number == 0:
		return f.Namespace + "/" + f.Spec.Policy
	}
	return fmt.Sprintf("%s/%s %s", f.Namespace, f.Spec.Policy, f.candidate())
}

// Fill puts the names into an entry's Do.
func (f Facts) Fill(text string) string {
	return strings.NewReplacer("{candidate}", f.candidate(), "{stable}", f.stable(),
		"{release}", f.Spec.Name(), "{policy}", f.Spec.Policy, "{namespace}", f.Namespace, "{weights}", f.weights()).Replace(text)
}

// weights are those that lead all to stable, as a VirtualService has them.
func (f Facts) weights() string {
	if f.Spec.Service == nil {
		return "100 for " + f.stable() + " and 0 for " + f.candidate()
	}
	var route []string
	for _, s := range f.Spec.Service.Slots {
		subset, weight := "", 0
		if s.Subset != "" {
			subset = ", subset: " + s.Subset
		}
		if s.Name == f.Spec.Stable.Slot {
			weight = 100
		}
		route = append(route, fmt.Sprintf("{destination: {host: %s%s}, weight: %d}", s.Host, subset, weight))
	}
	return fmt.Sprintf("route: [%s] in VirtualService %s", strings.Join(route, ", "), f.Spec.Service.VirtualService)
}

func (f Facts) candidate() string { return Name(f.Spec.Candidate) }
func (f Facts) stable() string    { return Name(f.Spec.Stable) }

// because gives clause, followed by the incident's own words.
func (f Facts) because(clause string) string { return with(clause, f.Incident.Text) }

// with gives clause and, after a colon, more, if there is any.
func with(clause, more string) string {
	more = strings.TrimRight(strings.TrimSpace(more), ".")
	if clause == "" || more == "" {
		return clause + more
	}
	return clause + ": " + more
}
