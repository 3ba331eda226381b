package report

import (
	"encoding/json"
	"strings"
	"testing"
)

// Slack makes no mention and no link of what others wrote: every text with markup says verbatim, and what they
// wrote in the form of Slack's own commands is escaped.
func TestSlackMakesNothingOfOthersWords(t *testing.T) {
	r := Of("production", spec(), considered())
	const words = "@channel @here <!channel> <@U123> https://evil.example.com"
	r.State.Verdict.Reason, r.State.ReadinessReason, r.Spec.Candidate.Version = words, words, words
	text, blocks := Slack(r)
	if strings.Contains(text, "<!") || strings.Contains(text, "<@") {
		t.Errorf("the text holds a command: %s", text)
	}
	var all any
	if err := json.Unmarshal(blocks, &all); err != nil {
		t.Fatal(err)
	}
	seen := 0
	eachText(all, func(kind, text string, verbatim any) {
		if kind != "mrkdwn" { // plain text is nothing else to Slack
			return
		}
		if strings.Contains(text, "<!channel") || strings.Contains(text, "<@") {
			t.Errorf("holds a command: %s", text)
		}
		if verbatim != true {
			t.Errorf("is not verbatim: %s", text)
		}
		if strings.Contains(text, "evil.example.com") {
			seen++
		}
	})
	if seen == 0 {
		t.Error("the words are nowhere, so that nothing was tested")
	}
}

// eachText finds the text objects among blocks.
func eachText(v any, do func(kind, text string, verbatim any)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			eachText(x, do)
		}
	case map[string]any:
		if text, ok := v["text"].(string); ok {
			kind, _ := v["type"].(string)
			do(kind, text, v["verbatim"])
			return
		}
		for _, x := range v {
			eachText(x, do)
		}
	}
}
