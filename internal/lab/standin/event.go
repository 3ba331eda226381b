package standin

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of the Events API v2, in characters.
const (
	routingKeyLength = 32
	maxDedupKey      = 255
	maxSummary       = 1024
)

// Event is one event that was accepted.
type Event struct {
	At         time.Time
	RoutingKey string
	DedupKey   string
	Action     string // trigger, acknowledge or resolve
	Summary    string
	Source     string
	Severity   string
	// Raw is the body as it was sent.
	Raw json.RawMessage
}

// parseEvent reads a body and returns all that is wrong with it.
func (p *PagerDuty) parseEvent(body []byte) (Event, []string) {
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return Event{}, []string{"JSON parse error: want an object"}
	}
	f := fields{object: object}
	e := Event{
		At:         time.Now(),
		RoutingKey: f.required("routing_key", 0),
		Action:     f.oneOf("event_action", "trigger", "acknowledge", "resolve"),
		DedupKey:   f.text("dedup_key", maxDedupKey),
		Raw:        body,
	}
	p.checkRoutingKey(&f, e.RoutingKey)
	if e.Action == "trigger" {
		f.trigger(&e)
	} else if e.DedupKey == "" {
		f.problem("'dedup_key' is missing or blank")
	}
	return e, f.problems
}

func (p *PagerDuty) checkRoutingKey(f *fields, key string) {
	switch {
	case key == "": // said already
	case utf8.RuneCountInString(key) != routingKeyLength:
		f.problem("Length of 'routing_key' is incorrect (should be 32 characters)")
	case !slices.Contains(p.keys, key):
		f.problem("Invalid routing key")
	}
}

// fields reads the members of an event and collects what is wrong with them. at names the
// object in the messages, as in "payload.".
type fields struct {
	object   map[string]any
	at       string
	problems []string
}

func (f *fields) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// trigger reads what only a trigger needs.
func (f *fields) trigger(e *Event) {
	f.text("client", 0)
	f.url("client_url")
	f.each("links", func(link *fields) { link.requiredURL("href"); link.text("text", 0) })
	f.each("images", func(image *fields) { image.secure("src"); image.url("href"); image.text("alt", 0) })
	payload, ok := f.object["payload"].(map[string]any)
	if !ok {
		f.problem("'payload' is missing or no object")
		return
	}
	p := fields{object: payload, at: "payload."}
	e.Summary = p.required("summary", maxSummary)
	e.Source = p.required("source", 0)
	e.Severity = p.oneOf("severity", "critical", "error", "warning", "info")
	p.timestamp("timestamp")
	for _, name := range []string{"component", "group", "class"} {
		p.text(name, 0)
	}
	if details := payload["custom_details"]; details != nil {
		if _, ok := details.(map[string]any); !ok {
			p.problem("'payload.custom_details' is no object")
		}
	}
	f.problems = append(f.problems, p.problems...)
}

// text returns a string of at most limit characters (0: any number); absent is empty.
func (f *fields) text(name string, limit int) string {
	value, present := f.object[name]
	if !present || value == nil {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		f.problem("'%s%s' is no string", f.at, name)
		return ""
	}
	if n := utf8.RuneCountInString(s); limit > 0 && n > limit {
		f.problem("'%s%s' has %d characters, the limit is %d", f.at, name, n, limit)
	}
	return s
}

func (f *fields) required(name string, limit int) string {
	known := len(f.problems)
	s := f.text(name, limit)
	if s == "" && len(f.problems) == known {
		f.problem("'%s%s' is missing or blank", f.at, name)
	}
	return s
}

func (f *fields) oneOf(name string, allowed ...string) string {
	s := f.required(name, 0)
	if s != "" && !slices.Contains(allowed, s) {
		f.problem("'%s%s' is %q, want one of %q", f.at, name, s, allowed)
	}
	return s
}

func (f *fields) url(name string) {
	if s := f.text(name, 0); s != "" && !isURL(s) {
		f.problem("'%s%s' is no URL", f.at, name)
	}
}

func (f *fields) requiredURL(name string) {
	if s := f.required(name, 0); s != "" && !isURL(s) {
		f.problem("'%s%s' is no URL", f.at, name)
	}
}

// secure is a required URL that must be served over HTTPS.
func (f *fields) secure(name string) {
	s := f.required(name, 0)
	if u, err := url.Parse(s); s != "" && (err != nil || u.Scheme != "https") {
		f.problem("'%s%s' is no https URL", f.at, name)
	}
}

// isISO8601 takes date and time of day, with or without a zone and fractions of a second.
func isISO8601(s string) bool {
	layouts := []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05-07", "2006-01-02T15:04:05"}
	return slices.ContainsFunc(layouts, func(layout string) bool { _, err := time.Parse(layout, s); return err == nil })
}

func (f *fields) timestamp(name string) {
	if s := f.text(name, 0); s != "" && !isISO8601(s) {
		f.problem("'%s%s' is no ISO 8601 timestamp", f.at, name)
	}
}

// each reads an array of objects.
func (f *fields) each(name string, read func(*fields)) {
	value, present := f.object[name]
	if !present || value == nil {
		return
	}
	items, ok := value.([]any)
	if !ok {
		f.problem("'%s%s' is no array", f.at, name)
		return
	}
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			f.problem("'%s%s[%d]' is no object", f.at, name, i)
			continue
		}
		one := fields{object: object, at: fmt.Sprintf("%s%s[%d].", f.at, name, i)}
		read(&one)
		f.problems = append(f.problems, one.problems...)
	}
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
