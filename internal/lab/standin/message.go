package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxMetadata is ours: Slack says metadata_too_large, but not from which size on.
const maxMetadata = 8000 // bytes of JSON

// Metadata is what an app attaches to a message for itself.
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// Content is what a message says.
type Content struct {
	Text string
	// Blocks is a JSON array, nil if there are none.
	Blocks   json.RawMessage
	Metadata *Metadata
}

// Edit is one state of a message.
type Edit struct {
	At time.Time
	Content
}

// Message is a message as it is now, with all that it was.
type Message struct {
	Channel  string // its id
	TS       string
	ThreadTS string // the parent's, for a reply
	Content
	// History holds its states in order, the first as posted, the last as now.
	History []Edit

	user string
}

// Edits counts how often the message was updated.
func (m Message) Edits() int { return len(m.History) - 1 }

// Messages returns all messages in the order of posting.
func (s *Slack) Messages() []Message {
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	all := make([]Message, len(s.messages))
	for i, m := range s.messages {
		all[i] = *m
		all[i].History = slices.Clone(m.History)
	}
	return all
}

// PostAsSomebody posts a message that the app did not write and may not update.
func (s *Slack) PostAsSomebody(channel, text string) (ts string) {
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	return s.add(channel, given{content: Content{Text: text}}, foreignUser).TS
}

// Delete removes a message, as a person may do.
func (s *Slack) Delete(channel, ts string) {
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m *Message) bool { return m.Channel == channel && m.TS == ts })
}

func (s *Slack) find(channel, ts string) *Message {
	for _, m := range s.messages {
		if m.Channel == channel && m.TS == ts {
			return m
		}
	}
	return nil
}

func (s *Slack) add(channel string, g given, user string) *Message {
	now := time.Now()
	s.lastTS = max(now.UnixMicro(), s.lastTS+1)
	m := &Message{Channel: channel, TS: formatTS(s.lastTS), Content: g.content, user: user, History: []Edit{{now, g.content}}}
	s.messages = append(s.messages, m)
	return m
}

// given is the content that a call carries; what it does not mention, an update treats by rules
// of its own.
type given struct {
	content           Content
	text, metadataSet bool
}

// edit applies an update: text without blocks removes the blocks, blocks without text keep the
// text, metadata stay unless they are mentioned.
func (m *Message) edit(g given, at time.Time) {
	if !g.text {
		g.content.Text = m.Text
	}
	if !g.metadataSet {
		g.content.Metadata = m.Metadata
	}
	m.Content = g.content
	m.History = append(m.History, Edit{at, g.content})
}

// shown is the message as answers hold it.
func (m *Message) shown(metadata bool) answer {
	a := answer{"type": "message", "user": m.user, "text": m.Text, "ts": m.TS, "team": teamID}
	if m.user == botUser {
		a["bot_id"] = botID
	}
	if m.Blocks != nil {
		a["blocks"] = m.Blocks
	}
	if m.ThreadTS != "" {
		a["thread_ts"] = m.ThreadTS
	}
	if metadata && m.Metadata != nil {
		a["metadata"] = m.Metadata
	}
	if m.Edits() > 0 {
		a["edited"] = answer{"user": m.user, "ts": formatTS(m.History[len(m.History)-1].At.UnixMicro())}
	}
	return a
}

// parseContent reads text, blocks and metadata of a call, or returns Slack's refusal.
func parseContent(args arguments) (given, answer) {
	text := args["text"]
	g := given{content: Content{Text: text}, text: text != ""}
	if utf8.RuneCountInString(text) > maxText {
		return g, refused("msg_too_long")
	}
	blocks, bad := parseBlocks(args["blocks"])
	if bad != nil {
		return g, bad
	}
	g.content.Blocks = blocks
	if strings.TrimSpace(text) == "" && blocks == nil {
		return g, refused("no_text")
	}
	if raw, ok := args["metadata"]; ok && raw != "" {
		metadata, code := parseMetadata(raw)
		if code != "" {
			return g, refused(code)
		}
		g.content.Metadata, g.metadataSet = metadata, true
	}
	return g, nil
}

// parseMetadata returns nil for an empty object, which takes a message's metadata away.
func parseMetadata(raw string) (metadata *Metadata, code string) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &object); err != nil || object == nil {
		return nil, "invalid_metadata_format"
	}
	if len(object) == 0 {
		return nil, ""
	}
	if len(raw) > maxMetadata {
		return nil, "metadata_too_large"
	}
	var m Metadata
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return nil, "invalid_metadata_format"
	}
	names := slices.Sorted(maps.Keys(object))
	if !slices.Equal(names, []string{"event_payload", "event_type"}) || !isEventType(m.EventType) || m.EventPayload == nil {
		return nil, "invalid_metadata_schema"
	}
	for _, value := range m.EventPayload {
		if !isPayloadValue(value) {
			return nil, "invalid_metadata_schema"
		}
	}
	return &m, ""
}

func isEventType(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(letters, r) })
}

// isPayloadValue tells whether v is a scalar, an object of scalars or an array of those.
func isPayloadValue(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return isFlat(v)
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { object, ok := item.(map[string]any); return !ok || !isFlat(object) })
	default:
		return v != nil
	}
}

func isFlat(object map[string]any) bool {
	for _, v := range object {
		switch v.(type) {
		case string, float64, bool:
		default:
			return false
		}
	}
	return true
}

// formatTS writes microseconds as Slack does, as in 1503435956.000247.
func formatTS(micros int64) string { return fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6) }

// parseTS reads a ts, or seconds alone.
func parseTS(ts string) (micros int64, ok bool) {
	whole, fraction, _ := strings.Cut(ts, ".")
	fraction = (fraction + "000000")[:6]
	micros, err := strconv.ParseInt(whole+fraction, 10, 64)
	return micros, err == nil
}
