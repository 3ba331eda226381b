package pagerduty

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// The API's limits. It counts characters; bytes are never fewer, so they are counted here.
const (
	longestSummary  = 1024
	longestDedupKey = 255
	largestEvent    = 512_000
)

// leftOut is the detail that names the details left out.
const leftOut = "left_out"

// event makes a page into what the API takes, within its limits: the summary is cut, details
// that are too large are left out. A dedup key is never cut, since its end tells two apart.
func (c *Client) event(page notify.Page) (pd.V2Event, error) {
	if err := check(page); err != nil {
		return pd.V2Event{}, err
	}
	event := pd.V2Event{
		RoutingKey: c.key.Reveal(),
		Action:     string(page.Action),
		DedupKey:   page.DedupKey,
	}
	if page.Action == notify.Resolve {
		return event, nil
	}
	event.Client, event.ClientURL = "greenwatch", c.clientURL
	event.Links = links(page.Links)
	event.Payload = payload(page)
	return event, fit(&event, page.Details)
}

func check(page notify.Page) error {
	switch {
	case page.DedupKey == "":
		return errors.New("no dedup key")
	case len(page.DedupKey) > longestDedupKey:
		return fmt.Errorf("dedup key of %d bytes, want at most %d", len(page.DedupKey), longestDedupKey)
	case page.Action == notify.Resolve:
		return nil
	case page.Action != notify.Trigger:
		return fmt.Errorf("action %q, want %s or %s", page.Action, notify.Trigger, notify.Resolve)
	case page.Summary == "":
		return errors.New("no summary")
	case page.Source == "":
		return errors.New("no source")
	case !slices.Contains(severities(), page.Severity):
		return fmt.Errorf("severity %q, want one of %v", page.Severity, severities())
	}
	return nil
}

func severities() []notify.Severity {
	return []notify.Severity{notify.SeverityCritical, notify.SeverityError, notify.SeverityWarning, notify.SeverityInfo}
}

func payload(page notify.Page) *pd.V2Payload {
	p := &pd.V2Payload{
		Summary:   cut(page.Summary, longestSummary),
		Source:    page.Source,
		Severity:  string(page.Severity),
		Component: page.Component,
		Group:     page.Group,
		Class:     page.Class,
	}
	if !page.At.IsZero() {
		p.Timestamp = page.At.UTC().Format(time.RFC3339Nano)
	}
	return p
}

func links(from []notify.Link) []any {
	var to []any
	for _, link := range from {
		to = append(to, map[string]string{"href": link.Href, "text": link.Text})
	}
	return to
}

// cut shortens text to so many bytes, between two characters, with an ellipsis at the end.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	const ellipsis = "…"
	return strings.ToValidUTF8(text[:most-len(ellipsis)], "") + ellipsis
}

// fit gives the event as many of the details as it has room for, the small ones first, and a
// detail that names the others. A page must not fail for what is only an addition to it.
func fit(event *pd.V2Event, details map[string]any) error {
	bare, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	const roomForNames = 16 << 10
	room := largestEvent - roomForNames - len(bare)
	if room < 0 {
		return fmt.Errorf("event of %d bytes without its details, want at most %d", len(bare), largestEvent-roomForNames)
	}
	if kept := choose(details, room); len(kept) > 0 {
		event.Payload.Details = kept
	}
	return nil
}

// choose keeps the details whose encodings fit into room, bytes, smallest first.
func choose(details map[string]any, room int) map[string]any {
	kept := map[string]any{}
	var out []string
	for _, d := range encode(details) {
		size := len(d.name)*6 + len(d.text) + len(`"":,`) // an escaped byte takes up to 6
		if d.err == nil && size <= room {
			kept[d.name] = d.text
			room -= size
			continue
		}
		out = append(out, d.reason())
	}
	if len(out) > 0 {
		kept[leftOut] = cut(strings.Join(out, "; "), 2<<10)
	}
	return kept
}

type detail struct {
	name string
	text json.RawMessage
	err  error
}

func (d detail) reason() string {
	if d.err != nil {
		return fmt.Sprintf("%s (cannot be encoded: %v)", d.name, d.err)
	}
	return fmt.Sprintf("%s (%d bytes, an event may have %d)", d.name, len(d.text), largestEvent)
}

// encode encodes each detail by itself, smallest first.
func encode(details map[string]any) []detail {
	var encoded []detail
	for name, value := range details {
		text, err := json.Marshal(value)
		encoded = append(encoded, detail{name, text, err})
	}
	slices.SortFunc(encoded, func(a, b detail) int {
		return cmp.Or(cmp.Compare(len(a.text), len(b.text)), cmp.Compare(a.name, b.name))
	})
	return encoded
}
