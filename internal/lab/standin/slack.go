package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const maxText = 40_000 // characters of a message's text

// The app and the workspace that the token belongs to.
const (
	botID       = "B0GREENWATCH"
	botUser     = "U0GREENWATCH"
	botName     = "greenwatch"
	teamID      = "T0STANDIN"
	teamName    = "standin"
	foreignUser = "U0SOMEBODY"
)

// Channel is a channel that the app has joined. Messages may be posted by id or #name;
// everything else wants the id.
type Channel struct {
	ID   string // as in C0DEPLOYMENTS
	Name string // as in deployments, without #
}

// Slack stands in for the Web API, under /api/: chat.postMessage, chat.update,
// chat.getPermalink, conversations.history, auth.test.
type Slack struct {
	gate
	token    string
	channels []Channel

	messageMu sync.Mutex
	messages  []*Message
	lastTS    int64 // microseconds
}

// NewSlack makes a workspace with one app, whose bot token (xoxb-…) is the only valid one.
func NewSlack(token string, channels ...Channel) *Slack {
	return &Slack{token: token, channels: slices.Clone(channels)}
}

// Start serves it on a loopback address, as in 127.0.0.1:0. The API's base is URL + "/api/".
func (s *Slack) Start(addr string) (*Server, error) { return start(addr, s) }

// ServeHTTP answers one call.
func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.pass(w, r, failCall, s.call) }

// answer is the body of an answer; ok says whether the call succeeded.
type answer map[string]any

func refused(code string) answer { return answer{"ok": false, "error": code} }

// method is one method of the Web API.
type method struct {
	get  bool // may be called with GET too
	call func(*Slack, arguments) answer
}

func methodOf(name string) (method, bool) {
	m, ok := map[string]method{
		"auth.test":             {true, (*Slack).authTest},
		"chat.postMessage":      {false, (*Slack).postMessage},
		"chat.update":           {false, (*Slack).update},
		"chat.getPermalink":     {true, (*Slack).permalink},
		"conversations.history": {true, (*Slack).history},
	}[name]
	return m, ok
}

// call answers errors of the API with HTTP 200, like the real one does.
func (s *Slack) call(w http.ResponseWriter, r *http.Request, body []byte) {
	name, ok := strings.CutPrefix(r.URL.Path, "/api/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	m, ok := methodOf(name)
	switch {
	case !ok:
		answerCall(w, http.StatusOK, refused("unknown_method"))
	case r.Method != http.MethodPost && (r.Method != http.MethodGet || !m.get):
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		answerCall(w, http.StatusOK, s.authorised(r, body, m.call))
	}
}

func (s *Slack) authorised(r *http.Request, body []byte, call func(*Slack, arguments) answer) answer {
	args, code := parseArguments(r, body)
	if code != "" {
		return refused(code)
	}
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		token = args["token"]
	}
	switch {
	case token == "":
		return refused("not_authed")
	case !strings.HasPrefix(token, "xoxb-") || token != s.token:
		return refused("invalid_auth")
	}
	return call(s, args)
}

func (s *Slack) authTest(arguments) answer {
	return answer{"ok": true, "url": "https://standin.slack.com/", "team": teamName, "team_id": teamID,
		"user": botName, "user_id": botUser, "bot_id": botID}
}

// channelNamed finds a channel by its id, or by #name where names are taken.
func (s *Slack) channelNamed(text string, names bool) (string, bool) {
	for _, c := range s.channels {
		if text == c.ID || (names && strings.TrimPrefix(text, "#") == c.Name) {
			return c.ID, true
		}
	}
	return "", false
}

func (s *Slack) postMessage(args arguments) answer {
	channel, ok := s.channelNamed(args["channel"], true)
	if !ok {
		return refused("channel_not_found")
	}
	c, bad := parseContent(args)
	if bad != nil {
		return bad
	}
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	if thread := args["thread_ts"]; thread != "" && s.find(channel, thread) == nil {
		return refused("thread_not_found")
	}
	m := s.add(channel, c, botUser)
	m.ThreadTS = args["thread_ts"]
	return answer{"ok": true, "channel": channel, "ts": m.TS, "message": m.shown(true)}
}

func (s *Slack) update(args arguments) answer {
	channel, ok := s.channelNamed(args["channel"], false)
	if !ok {
		return refused("channel_not_found")
	}
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	m := s.find(channel, args["ts"])
	switch {
	case m == nil:
		return refused("message_not_found")
	case m.user != botUser:
		return refused("cant_update_message")
	}
	c, bad := parseContent(args)
	if bad != nil {
		return bad
	}
	m.edit(c, time.Now())
	return answer{"ok": true, "channel": channel, "ts": m.TS, "text": m.Text, "message": m.shown(true)}
}

func (s *Slack) permalink(args arguments) answer {
	channel, ok := s.channelNamed(args["channel"], false)
	if !ok {
		return refused("channel_not_found")
	}
	s.messageMu.Lock()
	defer s.messageMu.Unlock()
	if s.find(channel, args["message_ts"]) == nil {
		return refused("message_not_found")
	}
	link := fmt.Sprintf("https://standin.slack.com/archives/%s/p%s", channel, strings.Replace(args["message_ts"], ".", "", 1))
	return answer{"ok": true, "channel": channel, "permalink": link}
}

func failCall(w http.ResponseWriter, status int) {
	if status == http.StatusTooManyRequests {
		answerCall(w, status, refused("ratelimited"))
		return
	}
	// Slack's own failures are pages for people, not JSON.
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html><body>%s</body></html>\n", http.StatusText(status))
}

func answerCall(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// The only error is a caller that went away.
	_ = json.NewEncoder(w).Encode(a)
}
