package watchdog

import (
	"context"
	"fmt"
	"strings"

	"github.com/knowledgebeast/greenwatch/internal/release"
)

// mostMeasured is how much a policy's status says of signals that were never measured, in bytes.
const mostMeasured = 900

// sayMeasured says in a policy's status which signals with bounds have never had a value since the first traffic of
// the release that is watched. While it is too early to tell, what is said of the release before stands.
func (d *Daemon) sayMeasured(ctx context.Context, p Policy, records []Record) error {
	never, sure := neverMeasured(records)
	if d.SaveMeasured == nil || !sure || never == p.Unmeasured {
		return nil
	}
	p, err := d.Fresh(ctx, p) // the status may have been written since
	if err != nil {
		return err
	}
	if err := d.SaveMeasured(ctx, p, never); err != nil {
		return fmt.Errorf("say which signals were never measured: %w", err)
	}
	return nil
}

// neverMeasured says it of the newest release with traffic; sure is false while it is too early, or where none is
// watched.
func neverMeasured(records []Record) (text string, sure bool) {
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		if s := r.State; s.FirstTraffic.IsZero() || s.Phase != release.Canary && s.Phase != release.Watching {
			continue
		}
		var texts []string
		for _, u := range r.State.NeverMeasured() {
			texts = append(texts, u.Text())
		}
		if len(texts) == 0 {
			return "", len(r.State.Unmeasured) == 0
		}
		text = "release " + r.Name() + " is judged without what was never measured: " + strings.Join(texts, "; ")
		return cut(text, mostMeasured), true
	}
	return "", false
}
