package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/notify/slack"
)

const (
	token   = "xoxb-1234567890-abcdefghijklmnop"
	channel = "C0RELEASES"
)

// message is one message of the channel, as a request left it.
type message struct {
	ts, text, blocks string
	metadata         json.RawMessage
}

// workspace is Slack as far as these tests need it: one channel, oldest message first.
type workspace struct {
	server *httptest.Server

	mu       sync.Mutex
	messages []message
	stamps   int               // handed out so far
	calls    []string          // the methods that were called
	refuse   map[string]string // method: the whole answer instead
	deaf     map[string]bool   // method: done, but the connection breaks before the answer
}

func newWorkspace(t *testing.T) *workspace {
	w := &workspace{refuse: map[string]string{}, deaf: map[string]bool{}}
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	return w
}

func (w *workspace) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	w.calls = append(w.calls, method)
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	answer := w.answer(method, r)
	if w.deaf[method] {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprint(rw, answer)
}

func (w *workspace) answer(method string, r *http.Request) string {
	switch {
	case r.FormValue("token") != token:
		return `{"ok": false, "error": "invalid_auth"}`
	case w.refuse[method] != "":
		return w.refuse[method]
	case r.FormValue("channel") != channel:
		return `{"ok": false, "error": "channel_not_found"}`
	case strings.HasPrefix(method, "chat.") && r.FormValue("parse") != "none":
		return `{"ok": false, "error": "words_would_be_made_mentions"}`
	}
	switch method {
	case "chat.postMessage":
		m := read(r)
		m.ts = w.stamp()
		w.messages = append(w.messages, m)
		return named(m.ts)
	case "chat.update":
		return w.update(read(r))
	case "conversations.history":
		return w.history(r)
	}
	return `{"ok": false, "error": "unknown_method"}`
}

func (w *workspace) stamp() string {
	w.stamps++
	return fmt.Sprintf("1700000000.%06d", w.stamps)
}

func read(r *http.Request) message {
	return message{
		ts: r.FormValue("ts"), text: r.FormValue("text"), blocks: r.FormValue("blocks"),
		metadata: json.RawMessage(r.FormValue("metadata")),
	}
}

func named(ts string) string {
	return fmt.Sprintf(`{"ok": true, "channel": %q, "ts": %q}`, channel, ts)
}

func (w *workspace) update(m message) string {
	for i := range w.messages {
		if w.messages[i].ts == m.ts {
			w.messages[i] = m
			return named(m.ts)
		}
	}
	return `{"ok": false, "error": "message_not_found"}`
}

func (w *workspace) history(r *http.Request) string {
	if r.FormValue("include_all_metadata") != "1" || r.FormValue("limit") != "100" {
		return `{"ok": false, "error": "invalid_arguments"}`
	}
	var list []map[string]any
	for _, m := range slices.Backward(w.messages[max(0, len(w.messages)-100):]) {
		entry := map[string]any{"type": "message", "ts": m.ts, "text": m.text}
		if len(m.metadata) > 0 {
			entry["metadata"] = m.metadata
		}
		list = append(list, entry)
	}
	answer, _ := json.Marshal(map[string]any{"ok": true, "messages": list})
	return string(answer)
}

// chatter adds messages of other people.
func (w *workspace) chatter(n int) {
	for range n {
		w.messages = append(w.messages, message{ts: w.stamp(), text: "lunch?"})
	}
}

// breakOff says whether the connection breaks before a method's answer. A handler may still run
// when its caller has given up: hence the lock here, and in count.
func (w *workspace) breakOff(method string, broken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf[method] = broken
}

func (w *workspace) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.messages)
}

// called returns the methods called since it was last asked.
func (w *workspace) called() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *workspace) channel(t *testing.T) *slack.Channel {
	t.Helper()
	c, err := slack.New(slack.Config{
		Token: notify.NewSecret(token), Channel: channel, BaseURL: w.server.URL + "/api",
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tell tells a story that must go through and returns its Ref.
func (w *workspace) tell(t *testing.T, story notify.Story) string {
	t.Helper()
	receipt, err := w.channel(t).Tell(t.Context(), story)
	if err != nil {
		t.Fatalf("tell %+v: %v", story, err)
	}
	return receipt.Ref
}
