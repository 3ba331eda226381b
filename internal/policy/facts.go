package policy

import (
	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func (r *reader) alert(path string, in v1alpha1.Alert) release.Question {
	return release.Question{Kind: signal.Alert, Of: r.filled(path+".name", in.Name), Match: r.matchers(path+".match", in.Match)}
}

// stated reads the bound of what is so or not: it is above nothing.
func (r *reader) stated(path string, row judge.Row, c v1alpha1.Cell) judge.Bound {
	switch {
	case row.Kind == signal.Alert && !c.Firing:
		r.fail(path, "an alert fires or does not; write firing: true")
	case row.Kind != signal.Alert && c.Firing:
		r.fail(path+".firing", "is for an alert signal; write another bound, or alert: {name: ...}")
	case row.Kind == signal.Report && !c.Reported:
		r.fail(path, "a report is there or is not; write reported: true")
	case row.Kind != signal.Report && c.Reported:
		r.fail(path+".reported", "is for a report signal; write another bound, or report: security")
	}
	nothing := signal.Number(0)
	return judge.Bound{Above: &nothing}
}

// atOnce refuses for where one look is enough.
func (r *reader) atOnce(path string, c v1alpha1.Cell) signal.Duration {
	switch {
	case c.For == "":
	case c.Firing:
		r.fail(path+".for", "does not apply to firing: an alert's rule has its own")
	default:
		r.fail(path+".for", "does not apply to reported: one report is enough")
	}
	return 0
}
