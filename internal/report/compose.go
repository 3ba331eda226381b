package report

import (
	"cmp"
	"fmt"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// story is what a report says of one release, in the dialect of its place and not yet laid out.
type story struct {
	emoji, title string
	// verdict says what stands and why; sides who is judged and where the traffic could go back to.
	verdict, sides string
	// numbers is the newest verdict that has its evidence, or nil.
	numbers  *judge.Verdict
	findings []string
	// milestones are the reports at the ends of the windows.
	milestones []string
	done       []string
	readiness  string
	next       []string
	context    []string
}

func compose(r Release, d dialect) story {
	c := composer{Release: r, dialect: d}
	return story{
		emoji:      emoji(r.State),
		title:      title(r),
		verdict:    c.verdict(),
		sides:      c.sides(),
		numbers:    finding.Newest(r.State),
		findings:   c.findings(),
		milestones: c.milestones(),
		done:       c.done(),
		readiness:  c.readiness(),
		next:       c.next(),
		context:    c.context(),
	}
}

// title names the service, the version and the phase; it fits in a header.
func title(r Release) string {
	const longestName = 100
	name := oneLine(r.Spec.Policy + " " + finding.Name(r.Spec.Candidate))
	return fmt.Sprintf("%s: %s", cut(name, longestName), r.State.Phase)
}

// emoji shows the state at a glance; Slack's names.
func emoji(s release.State) string {
	byPhase := map[release.Phase]string{
		release.Deployed:    ":package:",
		release.RollingBack: ":rotating_light:",
		release.RolledBack:  ":leftwards_arrow_with_hook:",
		release.Accepted:    ":white_check_mark:",
		release.Superseded:  ":fast_forward:",
		release.Orphaned:    ":grey_question:",
	}
	byTier := map[judge.Tier]string{
		judge.Rollback:    ":red_circle:",
		judge.Consider:    ":large_orange_circle:",
		judge.Investigate: ":large_yellow_circle:",
		judge.Blind:       ":white_circle:",
		judge.Proceed:     ":large_green_circle:",
	}
	return cmp.Or(byPhase[s.Phase], byTier[s.Verdict.Tier], ":white_circle:")
}

// composer words the parts of a story.
type composer struct {
	Release
	dialect
}

func (c composer) candidate() string { return c.plain(finding.Name(c.Spec.Candidate)) }
func (c composer) stable() string    { return c.plain(finding.Name(c.Spec.Stable)) }

// with gives clause and, after a colon, more from outside, if there is any.
func (c composer) with(clause, more string) string {
	if more == "" {
		return clause
	}
	return clause + ": " + c.plain(more)
}

func (c composer) verdict() string {
	v := c.State.Verdict
	if c.State.FirstTraffic.IsZero() || v.Tier == "" {
		return "Not judged yet: no traffic"
	}
	return c.with(fmt.Sprintf("%s since %s", c.bold(c.plain(c.State.Called())), c.time(v.Since)), v.Reason)
}

func (c composer) sides() string {
	text := fmt.Sprintf("%s, after %s", c.candidate(), c.stable())
	if !c.State.Ended.IsZero() {
		return text
	}
	return fmt.Sprintf("%s; share %d %%", text, c.State.Share)
}

// findings are what people hold, what is withheld, and what somebody is paged for now.
func (c composer) findings() []string {
	var lines []string
	for _, kind := range []string{release.ConditionHeld, release.ConditionHalted, release.ConditionWithheld} {
		if c.State.Is(kind) {
			lines = append(lines, c.with(c.bold(kind), c.State.Condition(kind).Message))
		}
	}
	for _, i := range c.State.Incidents {
		if i.Closed.IsZero() {
			lines = append(lines, c.incident(i)...)
		}
	}
	return lines
}

func (c composer) incident(i release.Incident) []string {
	e, known := finding.Find(i.Code)
	if !known {
		e.Title = string(i.Code)
	}
	lines := []string{c.with(fmt.Sprintf("%s, since %s", c.bold(e.Title), c.time(i.Opened)), i.Text)}
	if known {
		f := finding.Facts{Namespace: c.Namespace, Spec: c.Spec}
		lines = append(lines, "Now: "+c.plain(f.Fill(e.Do)))
	}
	return lines
}

func (c composer) readiness() string {
	s := c.State
	if s.Readiness == "" || !s.Ended.IsZero() || s.Phase == release.RolledBack {
		return ""
	}
	return c.with(fmt.Sprintf("%s is %s", c.stable(), c.bold(string(s.Readiness))), s.ReadinessReason)
}

func (c composer) context() []string {
	lines := []string{
		"release " + c.code(c.plain(c.Namespace+"/"+c.Spec.Name())),
		"revision " + c.code(c.plain(cut(c.Spec.Candidate.Revision, 12))),
	}
	if v := finding.Newest(c.State); v != nil && v.Generation > 0 {
		lines = append(lines, fmt.Sprintf("policy generation %d", v.Generation))
	}
	return append(lines, c.code(c.plain(finding.Why(c.Namespace, c.Spec))))
}

// moment is one line of what was done.
func (c composer) moment(at signal.Instant, text string) string {
	return c.time(at) + "  " + text
}
