package measure

import (
	"context"
	"encoding/json"
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
		return serverError(e)
	case v1.ErrBadResponse:
		return signal.Away, "what answers is not Prometheus: " + e.Msg
	}
	return signal.QueryError, e.Msg
}

// serverError tells Prometheus' own query timeout, which comes as a 503, from a server that is not
// there.
func serverError(e *v1.Error) (signal.Cause, string) {
	var body struct {
		ErrorType v1.ErrorType `json:"errorType"`
		Error     string       `json:"error"`
	}
	if json.Unmarshal([]byte(e.Detail), &body) != nil || body.Error == "" {
		return signal.Away, e.Msg
	}
	if body.ErrorType == v1.ErrTimeout || body.ErrorType == v1.ErrCanceled {
		return signal.Timeout, body.Error
	}
	return signal.Away, e.Msg + ": " + body.Error
}

// withoutURL takes off what net/http wraps around the transport's error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

var userinfo = regexp.MustCompile(`://[^/@\s"]+@`)

// scrub hides user and password in every URL within s.
func scrub(s string) string { return userinfo.ReplaceAllString(s, "://<secret>@") }

// cut shortens s to detailLen, at a character's end.
func cut(s string) string {
	if len(s) <= detailLen {
		return s
	}
	s = s[:detailLen-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return strings.TrimSpace(s) + "…"
}
