package report

import (
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// InForce lists what a policy comes to, with everything that it leaves to the daemon filled in. The
// bounds are in the matrix.
func InForce(p release.Plan) string {
	l := p.Limits
	rows := [][]string{
		{"mode", string(p.Mode)},
		{"virtual service", p.VirtualService + routes(p.HTTPRoutes)},
		{"slots", slots(p.Slots)},
		{"schedule", windows(p)},
		{"guard", fmt.Sprintf("every %s, in bins of %s", p.GuardEvery, p.Matrix.Bin)},
		{"rollback", fmt.Sprintf("automatic until %s after cutover, proof within %s", l.AutomaticFor, l.ProofWithin)},
		{"canary", map[bool]string{true: "canary cells roll back", false: "canary cells ask"}[l.OnCanary]},
		{"afterwards", fmt.Sprintf("stable watched for %s, candidate scaled down after %s", l.WatchStableFor, l.KeepCandidateFor)},
		{"slos", slos(p.Matrix.Rows)},
		{"prometheus", p.Prometheus},
		{"notify", strings.Join(p.Notify, ", ")},
	}
	for _, r := range rows {
		if r[1] = oneLine(r[1]); r[1] == "" {
			r[1] = "-"
		}
	}
	return fmt.Sprintf("In force, generation %d\n", p.Generation) + table(rows)
}

func routes(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", routes " + strings.Join(names, ", ")
}

func slots(list []release.Slot) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, fmt.Sprintf("%s (Deployment %s)", s.Name, s.Deployment))
	}
	return strings.Join(parts, ", ")
}

func slos(rows []judge.Row) string {
	var parts []string
	for _, r := range rows {
		if r.SLO != nil {
			parts = append(parts, r.Signal+" "+r.SLO.Text(r))
		}
	}
	return strings.Join(parts, ", ")
}

func windows(p release.Plan) string {
	var parts []string
	for _, w := range p.Schedule {
		parts = append(parts, fmt.Sprintf("%s until %s every %s", w.Name, w.Until, w.Every))
	}
	return fmt.Sprintf("%s: %d checks", strings.Join(parts, ", "), p.Schedule.Count())
}
