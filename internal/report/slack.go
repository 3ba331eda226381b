package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/knowledgebeast/greenwatch/internal/finding"
)

// longestSection is what a section may hold at most, in UTF-16 units: Slack's limit.
const longestSection = 3000

// block is one of Slack's Block Kit blocks.
type block struct {
	Type     string    `json:"type"`
	Text     *textObj  `json:"text,omitempty"`
	Elements []textObj `json:"elements,omitempty"`
}

// textObj is a text. Verbatim keeps Slack from making links and mentions of what stands in it: names that
// policies, people and Kubernetes chose, which may look like @channel or a URL.
type textObj struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    bool   `json:"emoji,omitempty"`
	Verbatim bool   `json:"verbatim,omitempty"`
}

func markdown(text string) textObj { return textObj{Type: "mrkdwn", Text: text, Verbatim: true} }

// Slack lays a release out as the one message about it: the text is what a lock screen shows, the
// blocks are Block Kit's JSON, within Slack's limits.
func Slack(r Release) (text string, blocks json.RawMessage) {
	s := compose(r, mrkdwn())
	list := []block{header(s.emoji + " " + s.title), section("", s.verdict, s.sides)}
	if s.numbers != nil && len(s.numbers.Evidence) > 0 {
		list = append(list, listing("Numbers as of "+slackTime(s.numbers.At), table(numbers(*s.numbers))))
	}
	list = appendSection(list, "Findings", s.findings)
	list = appendSection(list, "Milestones", s.milestones)
	list = appendSection(list, "Done", s.done)
	if s.readiness != "" {
		list = appendSection(list, "Rollback readiness", []string{s.readiness})
	}
	list = appendSection(list, "Next", s.next)
	list = append(list, block{Type: "context", Elements: []textObj{markdown(strings.Join(s.context, " · "))}})
	return fallback(r), encode(list)
}

// Notice makes one line of a text, fit for a message of its own.
func Notice(text string) string { return escape(harmless(text)) }

// fallback is the message in one line, without markup.
func fallback(r Release) string {
	line := fmt.Sprintf("%s/%s %s: %s", r.Namespace, r.Spec.Policy, finding.Name(r.Spec.Candidate), r.State.Phase)
	if v := r.State.Verdict; v.Tier != "" && !r.State.FirstTraffic.IsZero() {
		line += ", " + r.State.Called()
		if v.Reason != "" {
			line += ": " + v.Reason
		}
	}
	return escape(oneLine(line))
}

func header(text string) block {
	return block{Type: "header", Text: &textObj{Type: "plain_text", Text: text, Emoji: true}}
}

func appendSection(list []block, heading string, lines []string) []block {
	if len(lines) == 0 {
		return list
	}
	return append(list, section(heading, lines...))
}

func words(text string) block {
	t := markdown(text)
	return block{Type: "section", Text: &t}
}

func section(heading string, lines ...string) block {
	text := ""
	if heading != "" {
		text = "*" + heading + "*\n"
	}
	return words(text + fitLines(lines, longestSection-width(text)))
}

// listing shows a table in a fixed width.
func listing(heading, table string) block {
	const fence = "```"
	table = strings.ReplaceAll(escape(strings.TrimRight(table, "\n")), "`", "'")
	head := heading + "\n" + fence + "\n"
	tail := "\n" + fence
	body := fitLines(strings.Split(table, "\n"), longestSection-width(head+tail))
	return words(head + body + tail)
}

// fitLines joins the lines from the top that there is room for, and says how many are left out.
func fitLines(lines []string, room int) string {
	whole := strings.Join(lines, "\n")
	if width(whole) <= room {
		return whole
	}
	kept, left := 0, room-width("\n… 1000 more")
	for kept < len(lines) && width(lines[kept])+1 <= left {
		left -= width(lines[kept]) + 1
		kept++
	}
	return strings.Join(append(lines[:kept:kept], fmt.Sprintf("… %d more", len(lines)-kept)), "\n")
}

// width is the length of a text as Slack counts it at most.
func width(s string) int { return len(utf16.Encode([]rune(s))) }

// encode leaves <, > and & as they are: they are Slack's markup here.
func encode(list []block) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(list); err != nil {
		panic(fmt.Sprintf("report: blocks of strings do not encode: %v", err)) // can't happen
	}
	return json.RawMessage(strings.TrimSpace(b.String()))
}
