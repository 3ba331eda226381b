package release

import (
	"fmt"
	"slices"
	"strings"
)

// Report is what a person saw that no metric shows, of a kind that a policy has a signal for.
type Report struct {
	// ID tells it from the others of its release: its kind and a number, such as security-1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=48
	ID string `json:"id"`
	// Kind is a label, such as security, corruption or complaint.
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Kind string `json:"kind"`
	// +kubebuilder:validation:MaxLength=128
	By string `json:"by"`
	// +kubebuilder:validation:MaxLength=512
	Text string `json:"text,omitempty"`
	// Retracted takes it back: it no longer counts.
	Retracted bool `json:"retracted,omitempty"`
}

// mostReports is how many reports a release can hold, the retracted ones among them.
const mostReports = 32

// Reported gives the reports of a kind that count.
func (p People) Reported(kind string) []Report {
	return slices.DeleteFunc(slices.Clone(p.Reports), func(r Report) bool { return r.Kind != kind || r.Retracted })
}

// Reporting gives the reports with one more, which gets an ID.
func (p People) Reporting(r Report) ([]Report, Report, error) {
	if len(p.Reports) >= mostReports {
		return nil, r, fmt.Errorf("the release has %d reports already; edit one of them instead: spec.people.reports", mostReports)
	}
	for n := 1; r.ID == "" || p.report(r.ID) >= 0; n++ {
		r.ID = fmt.Sprintf("%s-%d", r.Kind, n)
	}
	return append(slices.Clone(p.Reports), r), r, nil
}

// Retracting gives the reports with one of them retracted.
func (p People) Retracting(id string) ([]Report, Report, error) {
	i := p.report(id)
	if i < 0 {
		return nil, Report{}, fmt.Errorf("the release has no report %q; it has %s", id, p.ids())
	}
	all := slices.Clone(p.Reports)
	all[i].Retracted = true
	return all, all[i], nil
}

func (p People) report(id string) int {
	return slices.IndexFunc(p.Reports, func(r Report) bool { return r.ID == id })
}

func (p People) ids() string {
	if len(p.Reports) == 0 {
		return "none"
	}
	var ids []string
	for _, r := range p.Reports {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, ", ")
}
