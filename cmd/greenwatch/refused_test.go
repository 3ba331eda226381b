package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

const (
	oldKey, newKey     = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	oldToken, newToken = "xoxb-1111-aaaaaaaaaaaaaaaa", "xoxb-2222-bbbbbbbbbbbbbbbb"
)

func message(code release.Code, text string) watchdog.Message {
	return watchdog.Message{Sink: "n", Action: release.Action{Sink: "n", Key: "notifier/other", Deed: release.OpenPage,
		Incident: release.Incident{Code: code, Severity: release.Error, Opened: signal.At(time.Now()), Text: text}}}
}

// wantRefused sends what must be held against the sender, in these words and without the key, and be tried again.
func wantRefused(t *testing.T, all sinks, m watchdog.Message, words, key string) {
	t.Helper()
	_, err := all.send(t.Context(), m)
	if err == nil {
		t.Fatal("it was taken")
	}
	if r := retry(m, 1, err); !r.Again || !strings.Contains(r.Refusal, words) || strings.Contains(r.Refusal+err.Error(), key) || r.Wait < 30*time.Second {
		t.Errorf("%+v after %v, want another try in half a minute, and %q", r, err, words)
	}
	if r := retry(m, 1000, err); r.Wait > 15*time.Minute {
		t.Errorf("the thousandth try in %s, want at most 15m", r.Wait)
	}
}

// A key that is rotated is refused as long as the file has the old one, and only by its own words; with the next one
// the same page goes through, once. The control is a payload that is refused: nothing is held against the sender.
func TestARotatedKeyIsNoLostPage(t *testing.T) {
	pd := standin.NewPagerDuty(newKey)
	server := httptest.NewServer(pd)
	defer server.Close()
	m := mount(t, oldKey)
	all, err := newSinks(zap.NewNop(), []config.Notifier{{Name: "n", PagerDuty: &config.PagerDuty{RoutingKeyFile: m.path(), URL: server.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, all, message(release.CodePrometheusAway, "away"), "Invalid routing key", oldKey)
	if n := all["n"].turn(); n != 0 {
		t.Errorf("the key changed %d times, want none", n)
	}
	m.renew(t, newKey)
	if n := all["n"].turn(); n != 1 {
		t.Errorf("the key changed %d times, want once", n)
	}
	if _, err := all.send(t.Context(), message(release.CodePrometheusAway, "away")); err != nil {
		t.Error(err)
	}
	if n := len(pd.Incidents()); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
	unfit := message(release.CodePrometheusAway, "away")
	pd.FailNext(1, http.StatusBadRequest, 0)
	if _, err := all.send(t.Context(), unfit); err == nil || retry(unfit, 1, err).Again || retry(unfit, 1, err).Refusal != "" {
		t.Errorf("what is not fit to be sent: %v, %+v; want it given up, and nothing held against the key", err, retry(unfit, 1, err))
	}
}

// The same of a token and a channel; and a channel is told in one message that another notifier refuses.
func TestATokenOrAChannelThatIsRefused(t *testing.T) {
	team := standin.NewSlack(newToken, standin.Channel{ID: "C0DEPLOYS", Name: "deploys"})
	server := httptest.NewServer(team)
	defer server.Close()
	m := mount(t, oldToken)
	to := func(channel string) sinks {
		all, err := newSinks(zap.NewNop(), []config.Notifier{{Name: "n", Slack: &config.Slack{TokenFile: m.path(), Channel: channel, URL: server.URL + "/api"}}})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all, news := to("C0DEPLOYS"), message(release.CodeNotifierRefuses, "notifier other refuses <!channel>")
	wantRefused(t, all, news, "invalid_auth", oldToken)
	m.renew(t, newToken)
	wantRefused(t, to("C0NOBODY"), news, "no channel C0NOBODY", newToken)
	for range 2 { // the second time as after a restart
		if _, err := all.send(t.Context(), news); err != nil {
			t.Fatal(err)
		}
	}
	posted := team.Messages()
	if len(posted) != 1 || !strings.Contains(posted[0].Text, "greenwatch: notifier other refuses &lt;!channel&gt;. Now: Put a key") {
		t.Fatalf("%d messages, want one that says so: %+v", len(posted), posted)
	}
	news.Action.Deed, news.Action.Incident.Text = release.ClosePage, "notifier other takes what it is sent again"
	if _, err := all.send(t.Context(), news); err != nil {
		t.Fatal(err)
	}
	if posted = team.Messages(); len(posted) != 1 || posted[0].Text != "greenwatch: notifier other takes what it is sent again." {
		t.Errorf("%+v", posted)
	}
}
