package web

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"slices"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

//go:embed page.html
var source string

func page() *template.Template { return template.Must(template.New("page").Parse(source)) }

// line is one release on the page.
type line struct {
	Href, Name, Candidate, Phase, Share, Verdict, Reason, Since, Checks, Next, Readiness string
	Findings                                                                             []string
}

func lines(releases []report.Release) []line {
	releases = slices.Clone(releases)
	slices.SortFunc(releases, func(a, b report.Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Spec.Policy, b.Spec.Policy), cmp.Compare(a.Spec.Number, b.Spec.Number))
	})
	list := make([]line, 0, len(releases))
	for _, r := range releases {
		list = append(list, lineOf(r))
	}
	return list
}

func lineOf(r report.Release) line {
	s := r.State
	l := line{
		Href:      "/releases/" + url.PathEscape(r.Namespace) + "/" + url.PathEscape(r.Name),
		Name:      r.Namespace + "/" + r.Name,
		Candidate: finding.Name(r.Spec.Candidate),
		Phase:     string(s.Phase),
		Share:     fmt.Sprintf("%d %%", s.Share),
		Checks:    fmt.Sprintf("%d of %d", s.Checks, s.Grid.Count()),
		Next:      s.NextCheck.String(),
		Readiness: string(s.Readiness),
	}
	if !s.FirstTraffic.IsZero() {
		l.Verdict, l.Reason, l.Since = string(s.Verdict.Tier), s.Verdict.Reason, s.Verdict.Since.String()
	}
	for _, i := range s.Incidents {
		if e, ok := finding.Find(i.Code); ok && i.Closed.IsZero() {
			l.Findings = append(l.Findings, e.Title)
		}
	}
	return l
}
