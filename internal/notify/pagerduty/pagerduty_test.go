package pagerduty_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/notify/pagerduty"
)

var _ notify.Pager = (*pagerduty.Client)(nil).Page

func page() notify.Page {
	return notify.Page{
		DedupKey:  "greenwatch/production/knowledgebeast-7/1/rollback",
		Action:    notify.Trigger,
		Severity:  notify.SeverityCritical,
		Summary:   "knowledgebeast-7: error rate 7.2 %, traffic moved back to blue",
		Source:    "production/knowledgebeast-7",
		Component: "knowledgebeast",
		Group:     "production",
		Class:     "rollback",
		At:        time.Date(2026, 3, 1, 12, 30, 0, 0, time.FixedZone("", 3600)),
		Details:   map[string]any{"bound": "5%", "for": "5m"},
		Links:     []notify.Link{{Href: "https://example.org/r/7", Text: "release"}},
	}
}

// provider is PagerDuty as far as these tests need it: it keeps the last event.
type provider struct {
	server *httptest.Server
	status int
	answer string
	path   string
	body   []byte
}

func serve(t *testing.T, status int, answer string) *provider {
	p := &provider{status: status, answer: answer}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.path = r.URL.Path
		p.body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(p.status)
		io.WriteString(w, p.answer)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) send(t *testing.T, page notify.Page) (notify.Receipt, error) {
	t.Helper()
	client, err := pagerduty.New(pagerduty.Config{
		RoutingKey: notify.NewSecret(key + "\n"), BaseURL: p.server.URL, ClientURL: "https://example.org",
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.Page(t.Context(), page)
}

func (p *provider) event(t *testing.T) map[string]any {
	t.Helper()
	var event map[string]any
	if err := json.Unmarshal(p.body, &event); err != nil {
		t.Fatalf("event %q: %v", p.body, err)
	}
	return event
}

// accepted sends a page that must go through and returns the event that arrived.
func accepted(t *testing.T, page notify.Page) map[string]any {
	t.Helper()
	p := serve(t, 202, `{"status": "success"}`)
	receipt, err := p.send(t, page)
	if err != nil || receipt.Ref != page.DedupKey {
		t.Fatalf("receipt %+v, error %v; want Ref %q", receipt, err, page.DedupKey)
	}
	if p.path != "/v2/enqueue" {
		t.Errorf("sent to %s", p.path)
	}
	return p.event(t)
}

func TestTriggerCarriesTheWholePage(t *testing.T) {
	want := map[string]any{
		"routing_key":  key,
		"event_action": "trigger",
		"dedup_key":    "greenwatch/production/knowledgebeast-7/1/rollback",
		"client":       "greenwatch",
		"client_url":   "https://example.org",
		"links":        []any{map[string]any{"href": "https://example.org/r/7", "text": "release"}},
		"payload": map[string]any{
			"summary":        "knowledgebeast-7: error rate 7.2 %, traffic moved back to blue",
			"source":         "production/knowledgebeast-7",
			"severity":       "critical",
			"timestamp":      "2026-03-01T11:30:00Z",
			"component":      "knowledgebeast",
			"group":          "production",
			"class":          "rollback",
			"custom_details": map[string]any{"bound": "5%", "for": "5m"},
		},
	}
	if diff := cmp.Diff(want, accepted(t, page())); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestResolveCarriesItsKeyAlone(t *testing.T) {
	closing := notify.Page{DedupKey: "k", Action: notify.Resolve}
	want := map[string]any{"routing_key": key, "event_action": "resolve", "dedup_key": "k"}
	if diff := cmp.Diff(want, accepted(t, closing)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestAPageThatCannotBeSentIsRefusedBeforehand(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*notify.Page)
		want   string
	}{
		"no dedup key":    {func(p *notify.Page) { p.DedupKey = "" }, "no dedup key"},
		"long dedup key":  {func(p *notify.Page) { p.DedupKey = strings.Repeat("k", 256) }, "256 bytes, want at most 255"},
		"no action":       {func(p *notify.Page) { p.Action = "" }, `action "", want trigger or resolve`},
		"no severity":     {func(p *notify.Page) { p.Severity = "bad" }, `severity "bad", want one of [critical error warning info]`},
		"no summary":      {func(p *notify.Page) { p.Summary = "" }, "no summary"},
		"no source":       {func(p *notify.Page) { p.Source = "" }, "no source"},
		"too large links": {func(p *notify.Page) { p.Links[0].Href = strings.Repeat("x", 600_000) }, "without its details"},
	} {
		t.Run(name, func(t *testing.T) {
			p, page := serve(t, 202, ""), page()
			tc.change(&page)
			_, err := p.send(t, page)
			if err == nil || notify.Retryable(err) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want a permanent one that says %q", err, tc.want)
			}
			if p.body != nil {
				t.Error("it was sent")
			}
		})
	}
}

func TestALongDedupKeyThatFitsIsSentWhole(t *testing.T) {
	page := page()
	page.DedupKey = strings.Repeat("k", 255)
	if got := accepted(t, page)["dedup_key"]; got != page.DedupKey {
		t.Errorf("dedup key %q", got)
	}
}

func TestALongSummaryIsCutBetweenCharacters(t *testing.T) {
	for _, letter := range []string{"x", "ж", "語", "🚨"} {
		page := page()
		page.Summary = "a" + strings.Repeat(letter, 1024)
		got := accepted(t, page)["payload"].(map[string]any)["summary"].(string)
		if len(got) > 1024 || len(got) < 1017 || !utf8.ValidString(got) || !strings.HasSuffix(got, letter+"…") {
			t.Errorf("summary of %d bytes, ends with %q", len(got), got[len(got)-12:])
		}
	}
}

func TestDetailsThatDoNotFitAreNamedInstead(t *testing.T) {
	page := page()
	page.Details = map[string]any{
		"bound":   "5%",
		"samples": strings.Repeat("<", 200_000), // encoded as \u003c, six bytes each
		"broken":  math.NaN(),
	}
	p := serve(t, 202, `{"status": "success"}`)
	if _, err := p.send(t, page); err != nil {
		t.Fatal(err)
	}
	if len(p.body) > 512_000 {
		t.Errorf("event of %d bytes", len(p.body))
	}
	details := p.event(t)["payload"].(map[string]any)["custom_details"].(map[string]any)
	if details["bound"] != "5%" || details["samples"] != nil {
		t.Errorf("details %v, want the bound and not the samples", details)
	}
	for _, want := range []string{"samples (1200002 bytes", "broken (cannot be encoded"} {
		if out, _ := details["left_out"].(string); !strings.Contains(out, want) {
			t.Errorf("left_out %q does not say %q", details["left_out"], want)
		}
	}
}

func TestDetailsFillTheEventButNotMore(t *testing.T) {
	page := page()
	page.Details = map[string]any{}
	for i := range 1000 {
		page.Details[strings.Repeat("&", i%50)+string(rune('a'+i%26))+time.Duration(i).String()] = strings.Repeat("v", 1000)
	}
	p := serve(t, 202, `{"status": "success"}`)
	if _, err := p.send(t, page); err != nil {
		t.Fatal(err)
	}
	if len(p.body) > 512_000 || len(p.body) < 350_000 {
		t.Errorf("event of %d bytes", len(p.body))
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	for _, tc := range []struct {
		status    int
		answer    string
		retryable bool
		want      string
		sender    bool // it is the key or the address that is refused
	}{
		{400, `{"status": "invalid event", "message": "Event object is invalid", "errors": ["Length of 'routing_key' is incorrect"]}`,
			false, "want one of an integration of type Events API v2, in the base URL's region", true},
		{400, `{"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]}`,
			false, "want one of an integration of type Events API v2", true},
		{400, `{"status": "invalid event", "message": "Event object is invalid", "errors": ["'payload.summary' is missing or blank", "'routing_key' is missing or blank"]}`,
			false, "want one of an integration of type Events API v2", true},
		{400, "<html>400 Bad Request", false, "HTTP 400 Bad Request", false},
		{400, `{"status": "invalid event", "message": "Event object is invalid", "errors": ["a", "b"]}`,
			false, "HTTP 400 Bad Request, Event object is invalid; a; b", false},
		{429, `{"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}`,
			true, "arriving too quickly", false},
		{404, "", false, "check the base URL", true},
		{200, "<html>", true, "want 202 Accepted", false},
		{502, "<html>", true, "HTTP 502 Bad Gateway", false},
	} {
		_, err := serve(t, tc.status, tc.answer).send(t, page())
		if err == nil || notify.Retryable(err) != tc.retryable || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("HTTP %d %s: error %v (retryable %v), want %q (%v)",
				tc.status, tc.answer, err, notify.Retryable(err), tc.want, tc.retryable)
		}
		if said := notify.RefusalOf(err); said != "" != tc.sender || strings.Contains(said, page().DedupKey) {
			t.Errorf("HTTP %d %s: %q is held against the sender, want something: %v", tc.status, tc.answer, said, tc.sender)
		}
		if !strings.Contains(err.Error(), "page greenwatch/production/knowledgebeast-7/1/rollback: ") {
			t.Errorf("error %v does not say which page", err)
		}
	}
}

func TestAcceptedIsAcceptedWhateverFollows(t *testing.T) {
	for _, answer := range []string{"", "<html>", strings.Repeat(" ", 1<<20)} {
		if receipt, err := serve(t, 202, answer).send(t, page()); err != nil || receipt.Ref != page().DedupKey {
			t.Errorf("202 and %d bytes: receipt %+v, error %v", len(answer), receipt, err)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	secret := notify.NewSecret(key)
	for want, config := range map[string]pagerduty.Config{
		"no routing key":     {RoutingKey: notify.NewSecret(" \n")},
		"want one like":      {RoutingKey: secret, BaseURL: "events.pagerduty.com"},
		"leave out user":     {RoutingKey: secret, BaseURL: "https://me:" + key + "@example.org"},
		"query and fragment": {RoutingKey: secret, BaseURL: "https://example.org/?key=" + key},
	} {
		_, err := pagerduty.New(config)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := pagerduty.New(pagerduty.Config{RoutingKey: secret}); err != nil {
		t.Errorf("the key alone is enough: %v", err)
	}
}

func TestBaseURLMayNameThePathToo(t *testing.T) {
	p := serve(t, 202, "{}")
	for _, suffix := range []string{"", "/", "/v2/enqueue", "/v2/enqueue/"} {
		client, err := pagerduty.New(pagerduty.Config{RoutingKey: notify.NewSecret(key), BaseURL: p.server.URL + suffix})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Page(t.Context(), page()); err != nil || p.path != "/v2/enqueue" {
			t.Errorf("base URL …%s: path %s, error %v", suffix, p.path, err)
		}
	}
}
