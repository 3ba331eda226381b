package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const (
	// longestRefusal is how much is read of an answer that is none, in bytes.
	longestRefusal = 64 << 10
	// wordsLen is how much of a server's own words is shown, in bytes.
	wordsLen = 200
)

// redirected is the error of an answer that leads elsewhere. Nobody goes there: what the request carries is for the
// server of the daemon's file alone.
type redirected struct{ to string }

// Error implements error.
func (r redirected) Error() string {
	return fmt.Sprintf("it redirects to %s, and no redirect is followed: write the address that answers itself into the daemon's file", r.to)
}

// turnedAway is the error of an answer that refuses whoever asks, or everybody for now, whatever the question is.
type turnedAway struct {
	cause signal.Cause // Refused or Throttled
	words string
}

// Error implements error.
func (t turnedAway) Error() string { return t.words }

// turnsAway tells by an HTTP status that it is not about the question; Known where it may be.
func turnsAway(status int) signal.Cause {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return signal.Refused
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return signal.Throttled
	}
	return signal.Known
}

// refusal is the error of an answer that is none.
func refusal(r *http.Response) error {
	if to, err := r.Location(); err == nil && r.StatusCode/100 == 3 {
		return redirected{(&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()}
	}
	text, _ := io.ReadAll(io.LimitReader(r.Body, longestRefusal)) // what could be read of it
	said := readRefusal(text)
	switch aboutTime := said.Type == v1.ErrTimeout || said.Type == v1.ErrCanceled; {
	case said.Status == "success":
		return &v1.Error{Type: v1.ErrBadResponse, Msg: fmt.Sprintf("status %d says that it is a success", r.StatusCode)}
	case aboutTime: // a server's own time for a query comes as a 503
		return &v1.Error{Type: said.Type, Msg: said.words(text)}
	case turnsAway(r.StatusCode) != signal.Known:
		return turnedAway{turnsAway(r.StatusCode), named(r.StatusCode, said.words(text))}
	case aboutQuery(r.StatusCode) && said.Error != "":
		return &v1.Error{Type: orType(said.Type, v1.ErrBadData), Msg: said.Error}
	}
	return &v1.Error{Type: typeOf(r.StatusCode), Msg: named(r.StatusCode, said.words(text))}
}

func aboutQuery(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnprocessableEntity
}

func typeOf(status int) v1.ErrorType {
	switch status / 100 {
	case 4:
		return v1.ErrClient
	case 5:
		return v1.ErrServer
	}
	return v1.ErrBadResponse
}

func orType(t, otherwise v1.ErrorType) v1.ErrorType {
	if t == "" {
		return otherwise
	}
	return t
}

// named begins a server's words with what its status says.
func named(status int, words string) string {
	head := "status"
	switch status / 100 {
	case 4:
		head = "client error:"
	case 5:
		head = "server error:"
	}
	head = fmt.Sprintf("%s %d", head, status)
	if words == "" {
		return head
	}
	return head + ": " + words
}

// refusalBody is what Prometheus, and what stands before it, say in JSON of an error.
type refusalBody struct {
	Status  string       `json:"status"`
	Type    v1.ErrorType `json:"errorType"`
	Error   string       `json:"error"`
	Message string       `json:"message"`
}

// readRefusal gives what can be read of a text that may be anything.
func readRefusal(text []byte) refusalBody {
	var body refusalBody
	if json.Unmarshal(text, &body) != nil {
		return refusalBody{}
	}
	return body
}

// words are the server's own, fit to be shown.
func (b refusalBody) words(text []byte) string {
	switch {
	case b.Error != "":
		return clean(b.Error)
	case b.Message != "":
		return clean(b.Message)
	}
	return clean(string(text))
}

var (
	unseenHTML = regexp.MustCompile(`(?is)<(style|script|head)\b.*?</(style|script|head)>|<!--.*?-->`)
	tags       = regexp.MustCompile(`(?s)<[/!a-zA-Z][^>]*>`)
)

// clean makes one short line of a server's words: no markup, no control characters, no credentials.
func clean(s string) string {
	s = tags.ReplaceAllString(unseenHTML.ReplaceAllString(s, " "), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return shorten(scrub(strings.Join(strings.Fields(s), " ")), wordsLen)
}
