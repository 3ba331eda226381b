package slack_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/notify/notifytest"
	"github.com/knowledgebeast/greenwatch/internal/notify/slack"
)

const (
	post    = "chat.postMessage"
	update  = "chat.update"
	history = "conversations.history"
)

var _ notify.Teller = (*slack.Channel)(nil).Tell

func story() notify.Story {
	return notify.Story{
		Key:    "production/knowledgebeast-7",
		Text:   "knowledgebeast-7: watching <https://example.org|green>",
		Blocks: []byte(`[{"type": "section", "text": {"type": "mrkdwn", "text": "*watching*"}}]`),
	}
}

func TestConforms(t *testing.T) {
	notifytest.Conform(t, notifytest.Subject{
		Secret: token,
		New: func(baseURL string) (notifytest.Notifier, error) {
			c, err := slack.New(slack.Config{Token: notify.NewSecret(token), Channel: channel, BaseURL: baseURL})
			if err != nil {
				return notifytest.Notifier{}, err
			}
			send := func(ctx context.Context) (notify.Receipt, error) { return c.Tell(ctx, story()) }
			return notifytest.Notifier{Value: c, Send: send}, nil
		},
		Accept: func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			fmt.Fprint(w, named("1700000000.000001"))
		},
	})
}

func TestAStoryIsPostedOnceAndEditedInPlace(t *testing.T) {
	w, s := newWorkspace(t), story()
	s.Ref = w.tell(t, s)
	if s.Ref != "C0RELEASES:1700000000.000001" {
		t.Errorf("Ref %q", s.Ref)
	}
	s.Text, s.Blocks = "knowledgebeast-7: rolled back", nil
	if again := w.tell(t, s); again != s.Ref {
		t.Errorf("Ref %q after the edit, %q before", again, s.Ref)
	}
	if diff := cmp.Diff([]string{history, post, update}, w.called()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	want := []message{{
		ts: "1700000000.000001", text: "knowledgebeast-7: rolled back", blocks: "[]",
		metadata: []byte(`{"event_type":"greenwatch_release","event_payload":{"key":"production/knowledgebeast-7"}}`),
	}}
	if diff := cmp.Diff(want, w.messages, cmp.AllowUnexported(message{})); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestTextAndBlocksArriveAsTheyAre(t *testing.T) {
	w, s := newWorkspace(t), story()
	s.Blocks = []byte(`[{"type":"kind_of_the_future","depth":12345678901234567890,"x":null}]`)
	w.tell(t, s)
	if got := w.messages[0]; got.text != s.Text || got.blocks != `[{"depth":12345678901234567890,"type":"kind_of_the_future","x":null}]` {
		t.Errorf("message %+v", got)
	}
}

func TestALongTextIsCut(t *testing.T) {
	w, s := newWorkspace(t), story()
	s.Text = strings.Repeat("x", 5000)
	w.tell(t, s)
	if got := w.messages[0].text; len(got) > 4000 || len(got) < 3990 || !strings.HasSuffix(got, "x…") {
		t.Errorf("text of %d bytes", len(got))
	}
}

// A crash between send and save: the message is there, the Ref is not.
func TestAForgottenMessageIsFoundAndEdited(t *testing.T) {
	w := newWorkspace(t)
	first := w.tell(t, story())
	other := story()
	other.Key = "production/knowledgebeast-70"
	w.tell(t, other)
	w.chatter(98)
	if again := w.tell(t, story()); again != first {
		t.Errorf("told in %s, want %s", again, first)
	}
	if n := len(w.messages); n != 100 {
		t.Errorf("%d messages", n)
	}
}

// The control of the test above: what the look-up cannot see is posted again.
func TestAForgottenMessageOutOfSightIsPostedAgain(t *testing.T) {
	w := newWorkspace(t)
	w.tell(t, story())
	w.chatter(100)
	if ref := w.tell(t, story()); ref != "C0RELEASES:1700000000.000102" {
		t.Errorf("Ref %s", ref)
	}
}

func TestAPostWhoseAnswerWasLostIsNotRepeated(t *testing.T) {
	w := newWorkspace(t)
	w.breakOff(post, true)
	if _, err := w.channel(t).Tell(t.Context(), story()); !notify.Retryable(err) {
		t.Fatalf("error %v, want a retryable one", err)
	}
	w.breakOff(post, false)
	if ref := w.tell(t, story()); ref != "C0RELEASES:1700000000.000001" || w.count() != 1 {
		t.Errorf("Ref %s, %d messages", ref, w.count())
	}
}

func TestAHistoryThatSlackRefusesDoesNotKeepAStoryBack(t *testing.T) {
	for _, code := range []string{"missing_scope", "not_in_channel", "no_permission", "invented_tomorrow"} {
		w := newWorkspace(t)
		w.refuse[history] = fmt.Sprintf(`{"ok": false, "error": %q}`, code)
		if w.tell(t, story()); len(w.messages) != 1 {
			t.Errorf("%s: %d messages", code, len(w.messages))
		}
	}
}

func TestAHistoryTooLongToReadDoesNotKeepAStoryBack(t *testing.T) {
	w := newWorkspace(t)
	w.refuse[history] = `{"ok": true, "messages": [{"text": "` + strings.Repeat("x", 9<<20) + `"}]}`
	if w.tell(t, story()); len(w.messages) != 1 {
		t.Errorf("%d messages", len(w.messages))
	}
}

func TestAHistoryThatIsNotThereNowIsWaitedFor(t *testing.T) {
	for _, answer := range []string{`{"ok": false, "error": "ratelimited"}`, "<html>", ""} {
		w := newWorkspace(t)
		w.refuse[history] = answer
		w.breakOff(history, answer == "")
		_, err := w.channel(t).Tell(t.Context(), story())
		if err == nil || !notify.Retryable(err) || w.count() != 0 {
			t.Errorf("history %q: error %v, %d messages; want a retryable error and no post", answer, err, w.count())
		}
	}
}

func TestAMessageThatCannotBeEditedIsPostedAnew(t *testing.T) {
	for _, code := range []string{"message_not_found", "cant_update_message", "edit_window_closed"} {
		t.Run(code, func(t *testing.T) {
			w, s := newWorkspace(t), story()
			s.Ref = w.tell(t, s)
			w.called()
			w.refuse[update] = fmt.Sprintf(`{"ok": false, "error": %q}`, code)
			if ref := w.tell(t, s); ref != "C0RELEASES:1700000000.000002" {
				t.Errorf("Ref %s", ref)
			}
			// It found its old self, and did not try that a second time.
			if diff := cmp.Diff([]string{update, history, post}, w.called()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// A crash after posting anew: the old Ref leads nowhere, the new message is there.
func TestAMessagePostedAnewAndForgottenIsFound(t *testing.T) {
	w, s := newWorkspace(t), story()
	s.Ref = w.tell(t, s)
	w.messages = nil // somebody deleted it
	w.chatter(1)
	second := w.tell(t, s)
	if third := w.tell(t, s); third != second || len(w.messages) != 2 {
		t.Errorf("told in %s, then in %s, %d messages", second, third, len(w.messages))
	}
}

func TestARefOfAnotherChannelIsNone(t *testing.T) {
	for _, ref := range []string{"C0OTHER:1700000000.000001", "rubbish", ":", "C0RELEASES"} {
		w, s := newWorkspace(t), story()
		w.chatter(1)
		s.Ref = ref
		if got := w.tell(t, s); got != "C0RELEASES:1700000000.000002" {
			t.Errorf("Ref %s became %s", ref, got)
		}
		if w.messages[0].text != "lunch?" {
			t.Errorf("Ref %s: edited somebody else's message", ref)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for _, tc := range []struct {
		answer    string
		retryable bool
		want      string
		sender    bool // it is the token, the channel or the address that is refused
	}{
		{`{"ok": false, "error": "not_in_channel"}`, false, "invite the app's bot to channel C0RELEASES", true},
		{`{"ok": false, "error": "channel_not_found"}`, false, "no channel C0RELEASES", true},
		{`{"ok": false, "error": "is_archived"}`, false, "unarchive it", true},
		{`{"ok": false, "error": "invalid_auth"}`, false, "Bot User OAuth Token", true},
		{`{"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "users:read"}`, false, "add the scope chat:write", true},
		{`{"ok": false, "error": "msg_too_long"}`, false, "will not be sent again", false},
		{`{"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text]"]}}`,
			false, "json-pointer:/blocks/0/text", false},
		{`{"ok": false, "error": "invented_tomorrow"}`, false, "refused by Slack: invented_tomorrow", true},
		{`{"ok": false, "error": "ratelimited"}`, true, "ratelimited", false},
		{`{"ok": false, "error": "internal_error"}`, true, "internal_error", false},
		{`{"ok": false}`, true, "names no message", false},
		{`{"ok": true}`, true, "names no message", false},
		{`{"ok": false, "error": "token_revoked"}`, false, "Bot User OAuth Token", true},
		{`{"ok": false, "error": "account_inactive"}`, false, "Bot User OAuth Token", true},
		{`{"ok": false, "error": "token_expired"}`, false, "Bot User OAuth Token", true},
		{`{"ok": false, "error": "restricted_action"}`, false, "an admin forbids", true},
		{`{"ok": false, "error": "metadata_too_large"}`, false, "will not be sent again", false},
		{"<html>", true, "check the base URL", false},
	} {
		w := newWorkspace(t)
		w.refuse[post] = tc.answer
		_, err := w.channel(t).Tell(t.Context(), story())
		if err == nil || notify.Retryable(err) != tc.retryable || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v (retryable %v), want %q (%v)", tc.answer, err, notify.Retryable(err), tc.want, tc.retryable)
			continue
		}
		if said := notify.RefusalOf(err); said != "" != tc.sender || strings.Contains(said, story().Key) {
			t.Errorf("%s: %q is held against the sender, want something: %v", tc.answer, said, tc.sender)
		}
		if !strings.HasPrefix(err.Error(), "tell production/knowledgebeast-7: ") {
			t.Errorf("error %v does not say which story", err)
		}
	}
}

func TestAStoryThatCannotBeSentIsRefusedBeforehand(t *testing.T) {
	for want, s := range map[string]notify.Story{
		"no key":          {Text: "x"},
		"no text":         {Key: "k"},
		"read the blocks": {Key: "k", Text: "x", Blocks: []byte(`{"type": "section"}`)},
	} {
		w := newWorkspace(t)
		_, err := w.channel(t).Tell(t.Context(), s)
		if err == nil || notify.Retryable(err) || !strings.Contains(err.Error(), want) || len(w.calls) > 0 {
			t.Errorf("error %v after calls %v, want a permanent one that says %q", err, w.calls, want)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	secret := notify.NewSecret(token)
	for want, config := range map[string]slack.Config{
		"no token":           {Channel: channel},
		"want its ID":        {Token: secret, Channel: "#deployments"},
		"want one like":      {Token: secret, Channel: channel, BaseURL: "slack.com/api"},
		"query and fragment": {Token: secret, Channel: channel, BaseURL: "https://example.org/?token=" + token},
	} {
		_, err := slack.New(config)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := slack.New(slack.Config{Token: secret, Channel: channel}); err != nil {
		t.Errorf("token and channel are enough: %v", err)
	}
}
