package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
)

// hear shows pages and editions of the Slack message as they arrive.
func (p *play) hear() {
	requests := p.PagerDuty.Requests()
	for _, r := range requests[min(p.paged, len(requests)):] {
		p.showPage(r.Body)
	}
	p.paged = len(requests)
	for _, m := range p.Slack.Messages() {
		for _, e := range m.History[min(p.edits, len(m.History)):] {
			p.edits++
			p.showEdition(e.Content)
		}
	}
}

// showEdition shows what an edition of the Slack message says that the ones before did not.
func (p *play) showEdition(c standin.Content) {
	news := p.news(c.Text)
	for _, text := range texts(c.Blocks) {
		if body, is := strings.CutPrefix(plain(text), "Done\n"); is {
			for line := range strings.Lines(body) {
				news = append(news, p.news(strings.TrimSpace(line))...)
			}
		}
	}
	if len(news) > 0 {
		p.say("Slack (edition %d): %s", p.edits, strings.Join(news, "\n         | "))
	}
}

// news gives a line if it was not shown before.
func (p *play) news(line string) []string {
	if p.shown[line] {
		return nil
	}
	p.shown[line] = true
	return []string{line}
}

func (p *play) showPage(body []byte) {
	var event struct {
		EventAction string `json:"event_action"`
		DedupKey    string `json:"dedup_key"`
		Payload     struct{ Summary, Severity string }
	}
	if err := json.Unmarshal(body, &event); err != nil {
		p.say("PagerDuty: %s", body)
		return
	}
	if !strings.HasPrefix(event.DedupKey, "prometheus/") { // a new leader's greeting to the servers
		about := event.DedupKey
		if event.Payload.Summary != "" {
			about = fmt.Sprintf("[%s] %s: %s", event.Payload.Severity, event.DedupKey, event.Payload.Summary)
		}
		p.say("PagerDuty %s %s", event.EventAction, about)
	}
}

// figures are the last lines: how long it took, and what it cost.
func (p *play) figures(ctx context.Context) error {
	v, err := p.look(ctx)
	if err != nil {
		return err
	}
	calls, err := p.Load.Calls(ctx, p.faulty)
	if err != nil {
		return err
	}
	failed, first, last := failures(calls)
	if failed == 0 {
		return fmt.Errorf("green failed and no request did: the demo shows nothing")
	}
	moved := p.moved()
	p.showMessage()
	fmt.Println()
	fmt.Printf("  first bad request      %s after the fault was switched on\n", since(first, p.faulty))
	fmt.Printf("  verdict: roll back     %s after the first bad request (the bound must last three bins of 2 s)\n", since(v.decided, first))
	fmt.Printf("  weights moved          %s after the first bad request\n", since(moved, first))
	fmt.Printf("  last bad request       %s after the first, %s after the weights\n", since(last, first), since(last, moved))
	fmt.Printf("  proven by the metrics  %s after the first bad request\n", since(v.proven, first))
	fmt.Printf("  failed requests        %d of %d since the fault was switched on\n", failed, len(calls))
	fmt.Printf("  incidents              %d, all resolved; Slack messages %d, edited %d times\n", len(p.PagerDuty.Incidents()), len(p.Slack.Messages()), p.edits-1)
	fmt.Printf("  the release            %s\n", v.phase)
	fmt.Printf("  the whole demo         %s\n", since(time.Now(), p.begun))
	return nil
}

// greenwatch is what the API server calls the daemon.
const greenwatch = "system:serviceaccount:greenwatch:greenwatch"

// moved is when the API server took the weights, as its audit log has it.
func (p *play) moved() time.Time {
	requests, err := p.Lab.Audit()
	if err != nil {
		return time.Time{}
	}
	for _, r := range requests {
		if r.Object.Resource == "virtualservices" && r.Writes() && r.Status.Code == 200 && r.User.Username == greenwatch {
			return r.At
		}
	}
	return time.Time{}
}

func failures(calls []lab.Call) (n int, first, last time.Time) {
	for _, c := range calls {
		if c.Error == "" {
			continue
		}
		n++
		if first.IsZero() || c.End.Before(first) {
			first = c.End
		}
		if c.End.After(last) {
			last = c.End
		}
	}
	return n, first, last
}

func since(a, b time.Time) string {
	if a.IsZero() {
		return "an unknown time"
	}
	return fmt.Sprintf("%.1f s", a.Sub(b).Seconds())
}

// showMessage shows the Slack message as it stands at last, as a reader has it.
func (p *play) showMessage() {
	fmt.Println("\nThe Slack message, as it stands now:")
	for _, m := range p.Slack.Messages() {
		for _, text := range texts(m.Blocks) {
			fmt.Println("  | " + strings.ReplaceAll(plain(text), "\n", "\n  | "))
		}
	}
}

// texts gives the text of each block.
func texts(blocks []byte) []string {
	type text struct{ Text string }
	var all []struct {
		Text     text
		Elements []text
	}
	if err := json.Unmarshal(blocks, &all); err != nil {
		return []string{string(blocks)}
	}
	var out []string
	for _, b := range all {
		for _, t := range append([]text{b.Text}, b.Elements...) {
			if t.Text != "" {
				out = append(out, t.Text)
			}
		}
	}
	return out
}

var date = regexp.MustCompile(`<!date\^[^|>]*\|([^>]*)>`)

// plain takes Slack's markup out.
func plain(text string) string {
	text = date.ReplaceAllString(text, "$1")
	return strings.NewReplacer("```", "", "*", "", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}
