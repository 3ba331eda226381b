package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// longestForeign is how much of one text from outside (a reason, a server's message) is shown, in
// characters.
const longestForeign = 300

// dialect is how a place writes what is not plain text.
type dialect struct {
	// plain makes text from outside harmless.
	plain func(string) string
	time  func(signal.Instant) string
	bold  func(string) string
	code  func(string) string
}

func itself(s string) string { return s }

// terminal shows times in UTC and cannot be told to do anything by control characters.
func terminal() dialect {
	return dialect{plain: oneLine, time: signal.Instant.String, bold: itself, code: itself}
}

// mrkdwn is Slack's markup. It shows times in the reader's own zone.
func mrkdwn() dialect {
	return dialect{
		plain: func(s string) string { return escape(oneLine(s)) },
		time:  slackTime,
		bold:  func(s string) string { return "*" + s + "*" },
		code:  func(s string) string { return "`" + strings.ReplaceAll(s, "`", "'") + "`" },
	}
}

// escape makes text from outside say nothing but itself in Slack's markup: no link, no mention.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func slackTime(i signal.Instant) string {
	if i.IsZero() {
		return i.String()
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", int64(i), i.Time().Format("2006-01-02 15:04 UTC"))
}

// oneLine takes line breaks and control characters out, and cuts what is too long.
func oneLine(s string) string { return cut(harmless(s), longestForeign) }

// harmless takes line breaks and control characters out.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// cut shortens text to so many characters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
