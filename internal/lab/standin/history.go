package standin

import (
	"math"
	"slices"
	"strconv"
)

const (
	defaultPage = 100
	maxPage     = 999
)

// span is which messages a call of conversations.history asks for, in microseconds.
type span struct {
	oldest, latest int64
	inclusive      bool
	before         int64 // from the cursor: the page before ended there
	limit          int
}

// history answers newest first, without replies.
func (s *Slack) history(args arguments) answer {
	channel, ok := s.channelNamed(args["channel"], false)
	if !ok {
		return refused("channel_not_found")
	}
	asked, code := parseSpan(args)
	if code != "" {
		return refused(code)
	}
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	page, next := asked.page(s.messages, channel)
	shown := []answer{}
	for _, m := range page {
		shown = append(shown, m.shown(args.flag("include_all_metadata")))
	}
	a := answer{"ok": true, "messages": shown, "has_more": next != "", "pin_count": 0}
	if next != "" {
		a["response_metadata"] = answer{"next_cursor": next}
	}
	return a
}

func parseSpan(args arguments) (sp span, code string) {
	sp = span{oldest: 0, latest: math.MaxInt64, inclusive: args.flag("inclusive"), before: math.MaxInt64, limit: defaultPage}
	for name, to := range map[string]*int64{"oldest": &sp.oldest, "latest": &sp.latest, "cursor": &sp.before} {
		if args[name] == "" {
			continue
		}
		micros, ok := parseTS(args[name])
		if !ok {
			return sp, map[string]string{"oldest": "invalid_ts_oldest", "latest": "invalid_ts_latest", "cursor": "invalid_cursor"}[name]
		}
		*to = micros
	}
	if args["limit"] != "" {
		n, err := strconv.Atoi(args["limit"])
		if err != nil || n < 1 || n > maxPage {
			return sp, "invalid_limit"
		}
		sp.limit = n
	}
	return sp, ""
}

func (sp span) contains(micros int64) bool {
	if micros >= sp.before {
		return false
	}
	if sp.inclusive {
		return micros >= sp.oldest && micros <= sp.latest
	}
	return micros > sp.oldest && micros < sp.latest
}

// page returns the newest messages of the span and the cursor of the next page, empty if this
// is the last.
func (sp span) page(messages []*Message, channel string) (page []*Message, next string) {
	for _, m := range slices.Backward(messages) {
		micros, _ := parseTS(m.TS)
		if m.Channel != channel || m.ThreadTS != "" || !sp.contains(micros) {
			continue
		}
		if len(page) == sp.limit {
			return page, page[len(page)-1].TS
		}
		page = append(page, m)
	}
	return page, ""
}
