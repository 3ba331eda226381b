package standin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
)

const (
	token   = "xoxb-lab"
	channel = "C0DEPLOYMENTS"
)

func startSlack(t *testing.T) (s *standin.Slack, client *slack.Client, base string) {
	t.Helper()
	s = standin.NewSlack(token, standin.Channel{ID: channel, Name: "deployments"}, standin.Channel{ID: "C0ONCALL", Name: "oncall"})
	server, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return s, slack.New(token, slack.OptionAPIURL(server.URL+"/api/")), server.URL + "/api/"
}

func metadata(n int) slack.MsgOption {
	return slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "greenwatch_release", EventPayload: map[string]any{"n": n, "who": map[string]any{"is": "x"}}})
}

func goodBlocks() []slack.Block {
	plain := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, s, true, false)
	}
	mrkdwn := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.MarkdownType, s, false, false)
	}
	button := slack.NewButtonBlockElement("open", "7", plain("Open"))
	button.URL = "https://greenwatch.example.com/releases/7"
	return []slack.Block{
		slack.NewHeaderBlock(plain("knowledgebeast: rolled back")),
		slack.NewSectionBlock(mrkdwn("*error-rate* 7 %"), []*slack.TextBlockObject{mrkdwn("*slot*\ngreen"), mrkdwn("*share*\n0 %")}, nil),
		slack.NewSectionBlock(mrkdwn("with a button"), nil, slack.NewAccessory(button)),
		slack.NewDividerBlock(),
		slack.NewContextBlock("context", mrkdwn("check 3 of 64")),
		slack.NewActionBlock("actions", slack.NewButtonBlockElement("why", "7", plain("Why")).WithStyle(slack.StylePrimary)),
		slack.NewImageBlock("https://example.com/a.png", "chart", "chart", plain("chart")),
	}
}

func TestPostUpdateAndRead(t *testing.T) {
	s, client, _ := startSlack(t)
	if who, err := client.AuthTestContext(t.Context()); err != nil || who.BotID == "" {
		t.Fatalf("auth.test: %+v, %v", who, err)
	}
	id, ts, err := client.PostMessageContext(t.Context(), "#deployments", slack.MsgOptionText("watching", false), slack.MsgOptionBlocks(goodBlocks()...), metadata(1))
	if err != nil || id != channel {
		t.Fatalf("post: channel %q, %v, want the channel's id", id, err)
	}
	if _, _, _, err := client.UpdateMessageContext(t.Context(), channel, ts, slack.MsgOptionText("rolled back", false), metadata(2)); err != nil {
		t.Fatal(err)
	}
	messages := s.Messages()
	if len(messages) != 1 {
		t.Fatalf("%d messages, want 1", len(messages))
	}
	m := messages[0]
	if m.Text != "rolled back" || m.TS != ts || m.Edits() != 1 || m.History[0].Text != "watching" || m.Metadata.EventPayload["n"] != 2.0 {
		t.Errorf("message %+v", m)
	}
	if m.Blocks != nil || m.History[0].Blocks == nil {
		t.Errorf("blocks %s, first %s: an update with text alone removes them", m.Blocks, m.History[0].Blocks)
	}
	history, err := client.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: channel, IncludeAllMetadata: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := history.Messages; len(got) != 1 || got[0].Timestamp != ts || got[0].Text != "rolled back" || got[0].Metadata.EventType != "greenwatch_release" || got[0].Edited == nil || got[0].BotID == "" {
		t.Errorf("history %+v", got)
	}
	if link, err := client.GetPermalinkContext(t.Context(), &slack.PermalinkParameters{Channel: channel, Ts: ts}); err != nil || !strings.Contains(link, channel) {
		t.Errorf("permalink %q, %v", link, err)
	}
}

func TestUpdateKeepsWhatItDoesNotMention(t *testing.T) {
	s, client, base := startSlack(t)
	_, ts, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("first", false), metadata(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := client.UpdateMessageContext(t.Context(), channel, ts, slack.MsgOptionBlocks(slack.NewDividerBlock())); err != nil {
		t.Fatal(err)
	}
	if m := s.Messages()[0]; m.Text != "first" || m.Metadata == nil || m.Blocks == nil {
		t.Errorf("message %+v, want its text and metadata kept, and a block", m)
	}
	callWith(t, base, "chat.update", url.Values{"channel": {channel}, "ts": {ts}, "text": {"x"}, "metadata": {"{}"}}, "")
	if m := s.Messages()[0]; m.Metadata != nil {
		t.Errorf("metadata %+v, want an empty object to take them away", m.Metadata)
	}
}

func TestHistoryWithoutMetadataUnlessAsked(t *testing.T) {
	_, client, _ := startSlack(t)
	if _, _, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false), metadata(1)); err != nil {
		t.Fatal(err)
	}
	history, err := client.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: channel})
	if err != nil {
		t.Fatal(err)
	}
	if history.Messages[0].Metadata.EventType != "" {
		t.Errorf("metadata %+v though not asked for", history.Messages[0].Metadata)
	}
}

func TestHistoryPages(t *testing.T) {
	_, client, _ := startSlack(t)
	var all []string
	for i := range 5 {
		_, ts, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText(fmt.Sprint(i), false))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ts)
	}
	if _, _, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("reply", false), slack.MsgOptionTS(all[0])); err != nil {
		t.Fatal(err)
	}
	read := func(p slack.GetConversationHistoryParameters) (texts, next string) {
		t.Helper()
		p.ChannelID = channel
		h, err := client.GetConversationHistoryContext(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range h.Messages {
			texts += m.Text
		}
		return texts, h.ResponseMetaData.NextCursor
	}
	first, next := read(slack.GetConversationHistoryParameters{Limit: 2})
	second, next := read(slack.GetConversationHistoryParameters{Limit: 2, Cursor: next})
	third, last := read(slack.GetConversationHistoryParameters{Limit: 2, Cursor: next})
	if first != "43" || second != "21" || third != "0" || last != "" {
		t.Errorf("pages %q %q %q then %q, want newest first, without the reply", first, second, third, last)
	}
	if got, _ := read(slack.GetConversationHistoryParameters{Oldest: all[1], Latest: all[3]}); got != "2" {
		t.Errorf("between 1 and 3: %q, want 2", got)
	}
	if got, _ := read(slack.GetConversationHistoryParameters{Oldest: all[1], Latest: all[3], Inclusive: true}); got != "321" {
		t.Errorf("from 1 to 3: %q, want 321", got)
	}
}

// callWith calls a method with the token of the app, unless values hold one, and returns the
// error code; want is checked.
func callWith(t *testing.T, base, method string, values url.Values, want string) map[string]any {
	t.Helper()
	if values["token"] == nil {
		values.Set("token", token)
	}
	resp, body := post(t, base+method, "application/x-www-form-urlencoded", []byte(values.Encode()))
	return wantAnswer(t, resp, body, want)
}

func wantAnswer(t *testing.T, resp *http.Response, body []byte, want string) map[string]any {
	t.Helper()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200 for errors too", resp.StatusCode)
	}
	var a map[string]any
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if code, _ := a["error"].(string); code != want || a["ok"] != (want == "") {
		t.Errorf("answer %s, want error %q", body, want)
	}
	return a
}

func TestBadCallsAreRefused(t *testing.T) {
	s, _, base := startSlack(t)
	mine := func() string {
		return callWith(t, base, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}}, "")["ts"].(string)
	}
	cases := []struct {
		name, method string
		values       url.Values
		want         string
	}{
		{"no token", "auth.test", url.Values{"token": {""}}, "not_authed"},
		{"another token", "auth.test", url.Values{"token": {"xoxb-other"}}, "invalid_auth"},
		{"no bot token", "auth.test", url.Values{"token": {"xoxp-lab"}}, "invalid_auth"},
		{"another method", "chat.shout", url.Values{}, "unknown_method"},
		{"no channel", "chat.postMessage", url.Values{"text": {"x"}}, "channel_not_found"},
		{"another channel", "chat.postMessage", url.Values{"channel": {"#random"}, "text": {"x"}}, "channel_not_found"},
		{"no text", "chat.postMessage", url.Values{"channel": {channel}}, "no_text"},
		{"blank text", "chat.postMessage", url.Values{"channel": {channel}, "text": {" "}}, "no_text"},
		{"no blocks", "chat.postMessage", url.Values{"channel": {channel}, "blocks": {"[]"}}, "no_text"},
		{"long text", "chat.postMessage", url.Values{"channel": {channel}, "text": {strings.Repeat("ü", 40_001)}}, "msg_too_long"},
		{"no such thread", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "thread_ts": {"1.000001"}}, "thread_not_found"},
		{"update by name", "chat.update", url.Values{"channel": {"#deployments"}, "ts": {mine()}, "text": {"x"}}, "channel_not_found"},
		{"update of nothing", "chat.update", url.Values{"channel": {channel}, "ts": {"1.000001"}, "text": {"x"}}, "message_not_found"},
		{"update elsewhere", "chat.update", url.Values{"channel": {"C0ONCALL"}, "ts": {mine()}, "text": {"x"}}, "message_not_found"},
		{"update of a stranger's", "chat.update", url.Values{"channel": {channel}, "ts": {s.PostAsSomebody(channel, "hi")}, "text": {"x"}}, "cant_update_message"},
		{"update to nothing", "chat.update", url.Values{"channel": {channel}, "ts": {mine()}}, "no_text"},
		{"metadata no JSON", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {"{"}}, "invalid_metadata_format"},
		{"metadata no object", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {"[]"}}, "invalid_metadata_format"},
		{"metadata without type", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {`{"event_payload":{}}`}}, "invalid_metadata_schema"},
		{"metadata type with a dot", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {`{"event_type":"a.b","event_payload":{}}`}}, "invalid_metadata_schema"},
		{"metadata without payload", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {`{"event_type":"a","event_payload":null}`}}, "invalid_metadata_schema"},
		{"metadata too deep", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {`{"event_type":"a","event_payload":{"b":{"c":{}}}}`}}, "invalid_metadata_schema"},
		{"metadata too large", "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "metadata": {`{"event_type":"a","event_payload":{"b":"` + strings.Repeat("x", 8000) + `"}}`}}, "metadata_too_large"},
		{"permalink of nothing", "chat.getPermalink", url.Values{"channel": {channel}, "message_ts": {"1.000001"}}, "message_not_found"},
		{"history elsewhere", "conversations.history", url.Values{"channel": {"C0NOWHERE"}}, "channel_not_found"},
		{"history too long", "conversations.history", url.Values{"channel": {channel}, "limit": {"1000"}}, "invalid_limit"},
		{"history since never", "conversations.history", url.Values{"channel": {channel}, "oldest": {"noon"}}, "invalid_ts_oldest"},
	}
	before := len(s.Messages())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { callWith(t, base, c.method, c.values, c.want) })
	}
	if after := len(s.Messages()); after != before {
		t.Errorf("%d messages from refused calls", after-before)
	}
}

func TestBadBlocksAreRefused(t *testing.T) {
	text := func(n int) string {
		return fmt.Sprintf(`{"type":"mrkdwn","text":%q}`, strings.Repeat("x", n))
	}
	plain := func(n int) string {
		return fmt.Sprintf(`{"type":"plain_text","text":%q}`, strings.Repeat("x", n))
	}
	times := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	button := func(members string) string {
		return `{"type":"actions","elements":[{"type":"button","text":` + plain(1) + members + `}]}`
	}
	image := func(members string) string { return `{"type":"image"` + members + `}` }
	cases := map[string]struct{ block, want string }{
		"unknown type":          {`{"type":"table_of_contents"}`, "unsupported type"},
		"no type":               {`{}`, "unsupported type"},
		"unknown member":        {`{"type":"divider","color":"red"}`, "invalid additional property: color"},
		"long block_id":         {`{"type":"divider","block_id":"` + strings.Repeat("x", 256) + `"}`, "less than 256 characters"},
		"block_id twice":        {`{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`, "block_id already exists"},
		"51 blocks":             {times(51, `{"type":"divider"}`), "no more than 50 items"},
		"empty section":         {`{"type":"section"}`, "text or fields"},
		"section of a string":   {`{"type":"section","text":"hello"}`, "must be a text object"},
		"section of html":       {`{"type":"section","text":{"type":"html","text":"x"}}`, "must be one of"},
		"section without text":  {`{"type":"section","text":` + text(0) + `}`, "more than 0 characters"},
		"section of 3001":       {`{"type":"section","text":` + text(3001) + `}`, "less than 3001 characters [json-pointer:/blocks/0/text/text]"},
		"verbatim plain text":   {`{"type":"section","text":{"type":"plain_text","text":"x","verbatim":true}}`, "invalid additional property: verbatim"},
		"emoji in mrkdwn":       {`{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}`, "invalid additional property: emoji"},
		"11 fields":             {`{"type":"section","fields":[` + times(11, text(1)) + `]}`, "no more than 10 items"},
		"no fields":             {`{"type":"section","fields":[]}`, "no less than 1 items"},
		"field of 2001":         {`{"type":"section","fields":[` + text(2001) + `]}`, "less than 2001 characters"},
		"unknown accessory":     {`{"type":"section","text":` + text(1) + `,"accessory":{"type":"knob"}}`, "unsupported element"},
		"header of 151":         {`{"type":"header","text":` + plain(151) + `}`, "less than 151 characters"},
		"header in mrkdwn":      {`{"type":"header","text":` + text(1) + `}`, "must be one of"},
		"context of 11":         {`{"type":"context","elements":[` + times(11, text(1)) + `]}`, "no more than 10 items"},
		"empty context":         {`{"type":"context","elements":[]}`, "no less than 1 items"},
		"context with a button": {`{"type":"context","elements":[{"type":"button"}]}`, "must be one of"},
		"26 actions":            {`{"type":"actions","elements":[` + times(26, `{"type":"button","text":`+plain(1)+`}`) + `]}`, "no more than 25 items"},
		"action_id twice":       {`{"type":"actions","elements":[` + times(2, `{"type":"button","action_id":"a","text":`+plain(1)+`}`) + `]}`, "action_id already exists"},
		"button of 76":          {`{"type":"actions","elements":[{"type":"button","text":` + plain(76) + `}]}`, "less than 76 characters"},
		"button in mrkdwn":      {`{"type":"actions","elements":[{"type":"button","text":` + text(1) + `}]}`, "must be one of"},
		"button to nowhere":     {button(`,"url":"here"`), "valid URL"},
		"button far away":       {button(`,"url":"https://example.com/` + strings.Repeat("x", 3000) + `"`), "less than 3001 characters"},
		"button of value":       {button(`,"value":"` + strings.Repeat("x", 2001) + `"`), "less than 2001 characters"},
		"button of long id":     {button(`,"action_id":"` + strings.Repeat("x", 256) + `"`), "less than 256 characters"},
		"button in green":       {button(`,"style":"green"`), "primary or danger"},
		"disabled button":       {button(`,"disabled":true`), "invalid additional property: disabled"},
		"image without alt":     {image(`,"image_url":"https://example.com/a.png"`), "missing required field: alt_text"},
		"image from nowhere":    {image(`,"image_url":"a.png","alt_text":"a"`), "valid URL"},
		"markdown of 12001":     {`{"type":"markdown","text":"` + strings.Repeat("x", 12_001) + `"}`, "less than 12001 characters"},
	}
	s, _, base := startSlack(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := callWith(t, base, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "blocks": {"[" + c.block + "]"}}, "invalid_blocks")
			if messages := fmt.Sprint(a["response_metadata"]); !strings.Contains(messages, c.want) {
				t.Errorf("messages %s, want %q", messages, c.want)
			}
		})
	}
	for name, blocks := range map[string]string{"no JSON": "[", "no array": "{}", "array of strings": `["x"]`} {
		t.Run(name, func(t *testing.T) {
			callWith(t, base, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "blocks": {blocks}}, "invalid_blocks_format")
		})
	}
	t.Run("together too long", func(t *testing.T) {
		blocks := "[" + times(5, `{"type":"section","text":`+text(2650)+`}`) + "]"
		callWith(t, base, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "blocks": {blocks}}, "msg_blocks_too_long")
	})
	if n := len(s.Messages()); n != 0 {
		t.Errorf("%d messages from refused calls", n)
	}
	t.Run("at the limits", func(t *testing.T) {
		blocks := "[" + `{"type":"section","text":` + text(3000) + `},{"type":"header","text":` + plain(150) + `},` + times(48, `{"type":"divider"}`) + "]"
		callWith(t, base, "chat.postMessage", url.Values{"channel": {channel}, "blocks": {blocks}}, "")
	})
}

func TestJSONBodies(t *testing.T) {
	s, _, base := startSlack(t)
	send := func(body, bearer, contentType string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"chat.postMessage", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		return do(t, req)
	}
	good := `{"channel":"` + channel + `","text":"x","blocks":[{"type":"divider"}],"metadata":{"event_type":"a","event_payload":{"b":[{"c":1}]}}}`
	for _, c := range []struct{ name, body, bearer, contentType, want string }{
		{"good", good, token, "application/json; charset=utf-8", ""},
		{"token in the body", `{"token":"` + token + `"}`, "", "application/json", "not_authed"},
		{"no JSON", "{", token, "application/json", "invalid_json"},
		{"no object", "[]", token, "application/json", "json_not_object"},
		{"another type", good, token, "text/csv", "invalid_post_type"},
		{"no type", good, token, "", "missing_post_type"},
		{"another charset", good, token, "application/json; charset=utf-16", "invalid_charset"},
		{"broken form", "a=%zz", token, "application/x-www-form-urlencoded", "invalid_form_data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := send(c.body, c.bearer, c.contentType)
			wantAnswer(t, resp, body, c.want)
		})
	}
	if m := s.Messages(); len(m) != 1 || m[0].Metadata.EventType != "a" || string(m[0].Blocks) != `[{"type":"divider"}]` {
		t.Errorf("messages %+v", m)
	}
}

func TestSlackRateLimit(t *testing.T) {
	s, client, base := startSlack(t)
	s.FailNext(1, http.StatusTooManyRequests, 3*time.Second)
	var limited *slack.RateLimitedError
	if _, _, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false)); !errors.As(err, &limited) || limited.RetryAfter != 3*time.Second {
		t.Errorf("error %v, want rate limited for 3 s", err)
	}
	s.FailNext(1, http.StatusTooManyRequests, time.Second)
	if _, body := post(t, base+"chat.postMessage", "application/json", nil); string(body) != `{"error":"ratelimited","ok":false}`+"\n" {
		t.Errorf("body %s", body)
	}
	s.FailNext(1, http.StatusBadGateway, 0)
	var failed slack.StatusCodeError
	if _, _, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false)); !errors.As(err, &failed) || failed.Code != 502 {
		t.Errorf("error %v, want 502", err)
	}
	if _, _, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false)); err != nil {
		t.Errorf("after the failures: %v", err)
	}
	if n := len(s.Messages()); n != 1 {
		t.Errorf("%d messages, want the one after the failures", n)
	}
}

func TestDeletedMessageIsNotFound(t *testing.T) {
	s, client, _ := startSlack(t)
	_, ts, err := client.PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false))
	if err != nil {
		t.Fatal(err)
	}
	s.Delete(channel, ts)
	if _, _, _, err := client.UpdateMessageContext(t.Context(), channel, ts, slack.MsgOptionText("y", false)); err == nil || err.Error() != "message_not_found" {
		t.Errorf("error %v, want message_not_found", err)
	}
}

func do(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}
