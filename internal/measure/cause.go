package measure

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// detailLen is the longest Detail of a reading, in bytes.
const detailLen = 512

// explain says what a failed query means for a reading, with a detail that is fit to be shown.
func explain(err error) (signal.Cause, string) {
	cause, detail := diagnose(err)
	return cause, cut(scrub(detail))
}

func diagnose(err error) (signal.Cause, string) {
	var refused *v1.Error
	var large tooLarge
	var many tooMany
	var elsewhere redirected
	var away turnedAway
	var part incomplete
	var over overspent
	switch {
	case errors.As(err, &over):
		return signal.Budget, over.Error()
	case errors.Is(err, errFault):
		return signal.Fault, ""
	case errors.As(err, &large), errors.As(err, &many):
		return signal.TooLarge, err.Error()
	case errors.As(err, &elsewhere):
		return signal.Away, elsewhere.Error()
	case errors.As(err, &away):
		return away.cause, away.Error()
	case errors.As(err, &part):
		return signal.Incomplete, part.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return signal.Timeout, "no answer in time"
	case errors.Is(err, context.Canceled):
		return signal.Timeout, "given up before the answer came"
	case errors.As(err, &refused):
		return answered(refused)
	}
	return signal.Away, withoutURL(err).Error()
}

// answered explains an error that the server, or what stands before it, answered with.
func answered(e *v1.Error) (signal.Cause, string) {
	switch e.Type {
	case v1.ErrTimeout, v1.ErrCanceled:
		return signal.Timeout, e.Msg
	case v1.ErrServer:
		return signal.Away, e.Msg
	case v1.ErrBadResponse:
		return signal.Away, "what answers is not Prometheus: " + e.Msg
	}
	return signal.QueryError, e.Msg
}

// withoutURL takes off what net/http wraps around the transport's error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// secrets are what a server may repeat of a request: user and password in a URL, and the header that carries them.
var secrets = []struct {
	of   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`://[^/@\s"]+@`), "://<secret>@"},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}`), "$1 <secret>"},
}

// scrub hides credentials within s.
func scrub(s string) string {
	for _, x := range secrets {
		s = x.of.ReplaceAllString(s, x.with)
	}
	return s
}

// cut shortens s to detailLen.
func cut(s string) string { return shorten(s, detailLen) }

// shorten cuts s to so many bytes, at a character's end.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return strings.TrimSpace(s) + "…"
}
