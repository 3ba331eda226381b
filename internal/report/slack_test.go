package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/judge"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func decoded(t *testing.T, r Release) []block {
	t.Helper()
	_, raw := Slack(r)
	var list []block
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// swollen is a release with as much of everything as its schema allows, and hostile text in it.
func swollen() Release {
	hostile := strings.Repeat("<!channel> & ```&&&&", 25)
	s := considered()
	s.Verdict.Reason, s.ReadinessReason = hostile, hostile
	s.Incidents = nil
	for n := range 16 {
		s.Incidents = append(s.Incidents, release.Incident{Code: release.CodeConsider, Episode: int64(n), Opened: at(n), Text: hostile})
	}
	v := good()
	v.Evidence = nil
	for n := range 32 {
		e := errorRate(0.02, judge.Consider)
		e.Signal = fmt.Sprintf("%02d%s", n, strings.Repeat("x", 61))
		e.Cause, e.Tier = signal.Cause(strings.Repeat("`", 32)), judge.Blind
		v.Evidence = append(v.Evidence, e)
	}
	s.Latest, s.Transitions = &v, nil
	p := spec()
	p.Policy, p.Candidate.Version = strings.Repeat("p", 253), strings.Repeat("v", 128)
	return Of("production", p, s)
}

func TestSlackKeepsWithinItsLimits(t *testing.T) {
	list := decoded(t, swollen())
	if len(list) > 50 {
		t.Errorf("%d blocks", len(list))
	}
	for i, b := range list {
		limit := map[string]int{"header": 150, "section": 3000}[b.Type]
		if b.Text != nil && (width(b.Text.Text) > limit || b.Text.Text == "") {
			t.Errorf("block %d, a %s, has %d characters", i, b.Type, width(b.Text.Text))
		}
		for _, e := range b.Elements {
			if width(e.Text) > 3000 {
				t.Errorf("block %d: an element of %d characters", i, width(e.Text))
			}
		}
	}
	if h := list[0].Text.Text; !strings.HasSuffix(h, ": Watching") {
		t.Errorf("the phase was cut from the header %q", h)
	}
}

func TestSlackSaysHowMuchIsLeftOut(t *testing.T) {
	var all strings.Builder
	for _, b := range decoded(t, swollen()) {
		if b.Text != nil {
			all.WriteString(b.Text.Text)
		}
	}
	if n := strings.Count(all.String(), " more"); n < 2 {
		t.Errorf("%d omissions are told, want those of the findings and of the numbers", n)
	}
}

func TestTextFromOutsideCommandsNothingInSlack(t *testing.T) {
	text, raw := Slack(swollen())
	for _, mark := range []string{"<!channel>", "<!here>"} {
		if strings.Contains(text, mark) || strings.Contains(string(raw), mark) {
			t.Errorf("%s got through", mark)
		}
	}
	for i, b := range decoded(t, swollen()) {
		if b.Text == nil || !strings.HasPrefix(b.Text.Text, "Numbers") {
			continue
		}
		if n := strings.Count(b.Text.Text, "```"); n != 2 {
			t.Errorf("block %d: %d fences, want 2", i, n)
		}
	}
}

func TestTimesInSlackAreTheReadersOwn(t *testing.T) {
	_, raw := Slack(Of("production", spec(), watching()))
	if want := "<!date^1772550000^{date_short_pretty} {time}|2026-03-03 15:00 UTC>"; !strings.Contains(string(raw), want) {
		t.Errorf("no %s in %s", want, raw)
	}
}

func TestTheSameReleaseGivesTheSameBytes(t *testing.T) {
	for name, s := range cases() {
		r := Of("production", spec(), s)
		text, blocks := Slack(r)
		text2, blocks2 := Slack(Of("production", spec(), cases()[name]))
		if text != text2 || string(blocks) != string(blocks2) || Text(r) != Text(Of("production", spec(), cases()[name])) {
			t.Errorf("%s: differs", name)
		}
	}
}

func TestReportsChangeNothing(t *testing.T) {
	list := []Release{Of("b", spec(), watching()), Of("a", spec(), watching())}
	Status(list, Wide)
	if list[0].Namespace != "b" {
		t.Error("Status sorted its argument")
	}
}

func TestATerminalIsNotCommandedEither(t *testing.T) {
	s := watching()
	s.Verdict.Reason = "\x1b[2Jgone\nnew line\u009b31m"
	if text := Text(Of("production", spec(), s)); strings.ContainsAny(text, "\x1b\u009b") || strings.Contains(text, "\nnew") {
		t.Errorf("control characters got through: %q", text)
	}
}
