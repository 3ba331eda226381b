package standin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
)

const routingKey = "0123456789abcdef0123456789abcdef"

func startPagerDuty(t *testing.T) (*standin.PagerDuty, string) {
	t.Helper()
	p := standin.NewPagerDuty(routingKey, strings.Repeat("f", 32))
	server, err := p.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return p, server.URL
}

func send(t *testing.T, url string, e pagerduty.V2Event) (*pagerduty.V2EventResponse, error) {
	t.Helper()
	return pagerduty.NewClient("", pagerduty.WithV2EventsAPIEndpoint(url)).ManageEventWithContext(t.Context(), &e)
}

func trigger(dedupKey string) pagerduty.V2Event {
	return pagerduty.V2Event{
		RoutingKey: routingKey, Action: "trigger", DedupKey: dedupKey, Client: "greenwatch", ClientURL: "https://greenwatch.example.com",
		Links:  []any{map[string]string{"href": "https://example.com", "text": "dashboard"}},
		Images: []any{map[string]string{"src": "https://example.com/a.png", "href": "https://example.com", "alt": "chart"}},
		Payload: &pagerduty.V2Payload{
			Summary: "error-rate 7 %", Source: "production/knowledgebeast", Severity: "critical",
			Timestamp: "2026-11-02T15:04:05.123Z", Component: "knowledgebeast", Group: "production", Class: "rollback",
			Details: map[string]any{"bound": "5%"},
		},
	}
}

func TestTriggersMergeUntilResolved(t *testing.T) {
	p, url := startPagerDuty(t)
	acknowledge := pagerduty.V2Event{RoutingKey: routingKey, Action: "acknowledge", DedupKey: "a"}
	resolve := pagerduty.V2Event{RoutingKey: routingKey, Action: "resolve", DedupKey: "a"}
	for _, e := range []pagerduty.V2Event{trigger("a"), trigger("b"), trigger("a"), acknowledge, trigger("a"), resolve, trigger("a")} {
		resp, err := send(t, url, e)
		if err != nil {
			t.Fatal(err)
		}
		if resp.DedupKey != e.DedupKey || resp.Status != "success" {
			t.Errorf("answer %+v to %s %s", resp, e.Action, e.DedupKey)
		}
	}
	of := p.IncidentsOf("a")
	if len(of) != 2 || len(p.Incidents()) != 3 {
		t.Fatalf("%d incidents of a, %d in all, want 2 and 3", len(of), len(p.Incidents()))
	}
	if of[0].Status != standin.Resolved || of[0].Triggers() != 3 || len(of[0].Events) != 5 {
		t.Errorf("first incident %+v, want it resolved with 3 triggers of 5 events", of[0])
	}
	if of[1].Status != standin.Triggered || of[1].Triggers() != 1 {
		t.Errorf("second incident %+v, want it triggered once", of[1])
	}
}

func TestAcknowledgementOutlastsTriggers(t *testing.T) {
	p, url := startPagerDuty(t)
	for _, e := range []pagerduty.V2Event{trigger("a"), {RoutingKey: routingKey, Action: "acknowledge", DedupKey: "a"}, trigger("a")} {
		if _, err := send(t, url, e); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.Incidents()[0].Status; got != standin.Acknowledged {
		t.Errorf("status %s, want acknowledged", got)
	}
}

func TestResolveOfNothingIsDropped(t *testing.T) {
	p, url := startPagerDuty(t)
	if _, err := send(t, url, trigger("a")); err != nil {
		t.Fatal(err)
	}
	other := pagerduty.V2Event{RoutingKey: strings.Repeat("f", 32), Action: "resolve", DedupKey: "a"}
	if _, err := send(t, url, other); err != nil {
		t.Fatal(err)
	}
	if all := p.Incidents(); len(all) != 1 || all[0].Status != standin.Triggered {
		t.Errorf("incidents %+v, want one that another routing key could not resolve", all)
	}
}

func TestTriggerWithoutDedupKeyGetsOne(t *testing.T) {
	p, url := startPagerDuty(t)
	first, err := send(t, url, trigger(""))
	if err != nil {
		t.Fatal(err)
	}
	second, err := send(t, url, trigger(""))
	if err != nil {
		t.Fatal(err)
	}
	if first.DedupKey == "" || first.DedupKey == second.DedupKey {
		t.Errorf("dedup keys %q and %q, want two different ones", first.DedupKey, second.DedupKey)
	}
	if len(p.IncidentsOf(first.DedupKey)) != 1 {
		t.Error("no incident of the generated key")
	}
}

// goodEvent is a body that is accepted; the cases below spoil one thing each.
func goodEvent() map[string]any {
	return map[string]any{
		"routing_key": routingKey, "event_action": "trigger", "dedup_key": "a",
		"payload": map[string]any{"summary": "s", "source": "x", "severity": "critical"},
	}
}

func inPayload(name string, value any) func(map[string]any) {
	return func(e map[string]any) { e["payload"].(map[string]any)[name] = value }
}

func atTop(name string, value any) func(map[string]any) {
	return func(e map[string]any) { e[name] = value }
}

func TestBadEventsAreRefused(t *testing.T) {
	link := func(v any) func(map[string]any) { return atTop("links", []any{v}) }
	image := func(v any) func(map[string]any) { return atTop("images", []any{v}) }
	cases := map[string]struct {
		spoil func(map[string]any)
		want  string
	}{
		"no routing key":            {atTop("routing_key", ""), "'routing_key' is missing"},
		"short routing key":         {atTop("routing_key", "abc"), "should be 32 characters"},
		"unknown routing key":       {atTop("routing_key", strings.Repeat("e", 32)), "Invalid routing key"},
		"routing key a number":      {atTop("routing_key", 7), "'routing_key' is no string"},
		"no action":                 {atTop("event_action", ""), "'event_action' is missing"},
		"unknown action":            {atTop("event_action", "close"), "'event_action' is \"close\""},
		"long dedup key":            {atTop("dedup_key", strings.Repeat("ü", 256)), "the limit is 255"},
		"resolve without a key":     {func(e map[string]any) { e["event_action"] = "resolve"; delete(e, "dedup_key") }, "'dedup_key' is missing"},
		"acknowledge without a key": {func(e map[string]any) { e["event_action"] = "acknowledge"; delete(e, "dedup_key") }, "'dedup_key' is missing"},
		"no payload":                {atTop("payload", nil), "'payload' is missing"},
		"no summary":                {inPayload("summary", ""), "'payload.summary' is missing"},
		"long summary":              {inPayload("summary", strings.Repeat("ü", 1025)), "the limit is 1024"},
		"no source":                 {inPayload("source", nil), "'payload.source' is missing"},
		"no severity":               {inPayload("severity", nil), "'payload.severity' is missing"},
		"unknown severity":          {inPayload("severity", "page"), "'payload.severity' is \"page\""},
		"timestamp not ISO":         {inPayload("timestamp", "yesterday"), "no ISO 8601"},
		"details a string":          {inPayload("custom_details", "x"), "'payload.custom_details' is no object"},
		"component a number":        {inPayload("component", 1), "'payload.component' is no string"},
		"links no array":            {atTop("links", "x"), "'links' is no array"},
		"link no object":            {link("x"), "'links[0]' is no object"},
		"link without href":         {link(map[string]any{"text": "x"}), "'links[0].href' is missing"},
		"link to nowhere":           {link(map[string]any{"href": "dashboard"}), "'links[0].href' is no URL"},
		"image without src":         {image(map[string]any{"alt": "x"}), "'images[0].src' is missing"},
		"image over http":           {image(map[string]any{"src": "http://example.com/a.png"}), "no https URL"},
		"client URL no URL":         {atTop("client_url", "here"), "'client_url' is no URL"},
	}
	p, url := startPagerDuty(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := goodEvent()
			c.spoil(e)
			body, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			resp, answer := post(t, url+"/v2/enqueue", "application/json", body)
			var refusal struct {
				Status string
				Errors []string
			}
			if err := json.Unmarshal(answer, &refusal); err != nil {
				t.Fatalf("%s: %v", answer, err)
			}
			if resp.StatusCode != http.StatusBadRequest || refusal.Status != "invalid event" || len(refusal.Errors) != 1 || !strings.Contains(refusal.Errors[0], c.want) {
				t.Errorf("%d %s, want 400 with one error that says %q", resp.StatusCode, answer, c.want)
			}
		})
	}
	if n := len(p.Incidents()); n != 0 {
		t.Errorf("%d incidents from refused events", n)
	}
	// The control: unspoilt, the same body is accepted.
	body, err := json.Marshal(goodEvent())
	if err != nil {
		t.Fatal(err)
	}
	if resp, answer := post(t, url+"/v2/enqueue", "application/json", body); resp.StatusCode != http.StatusAccepted {
		t.Errorf("good event: %d %s", resp.StatusCode, answer)
	}
}

func TestBadHTTPIsRefused(t *testing.T) {
	_, url := startPagerDuty(t)
	good, err := json.Marshal(goodEvent())
	if err != nil {
		t.Fatal(err)
	}
	large := goodEvent()
	inPayload("custom_details", map[string]any{"log": strings.Repeat("x", 512<<10)})(large)
	tooLarge, err := json.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, contentType string
		body              []byte
		want              int
	}{
		"over 512 KB":      {"/v2/enqueue", "application/json", tooLarge, http.StatusRequestEntityTooLarge},
		"a form":           {"/v2/enqueue", "application/x-www-form-urlencoded", good, http.StatusBadRequest},
		"no JSON":          {"/v2/enqueue", "application/json", []byte("{"), http.StatusBadRequest},
		"no object":        {"/v2/enqueue", "application/json", []byte("[]"), http.StatusBadRequest},
		"JSON null":        {"/v2/enqueue", "application/json", []byte("null"), http.StatusBadRequest},
		"another path":     {"/v3/enqueue", "application/json", good, http.StatusNotFound},
		"with its charset": {"/v2/enqueue", "application/json; charset=utf-8", good, http.StatusAccepted},
	} {
		if resp, answer := post(t, url+c.path, c.contentType, c.body); resp.StatusCode != c.want {
			t.Errorf("%s: %d %s, want %d", name, resp.StatusCode, answer, c.want)
		}
	}
	resp, err := http.Get(url + "/v2/enqueue")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d, want 405", resp.StatusCode)
	}
}

func TestFailNextThenServe(t *testing.T) {
	p, url := startPagerDuty(t)
	p.FailNext(1, http.StatusTooManyRequests, 1500*time.Millisecond)
	p.FailNext(1, http.StatusServiceUnavailable, 0)
	for _, want := range []int{429, 503} {
		var failed pagerduty.APIError
		if _, err := send(t, url, trigger("a")); !errors.As(err, &failed) || failed.StatusCode != want || !failed.Temporary() {
			t.Errorf("error %v, want a temporary %d", err, want)
		}
	}
	if len(p.Incidents()) != 0 {
		t.Error("a failed trigger opened an incident")
	}
	if _, err := send(t, url, trigger("a")); err != nil {
		t.Errorf("after the failures: %v", err)
	}
	statuses := []int{}
	for _, r := range p.Requests() {
		statuses = append(statuses, r.Status)
	}
	if len(statuses) != 3 || statuses[0] != 429 || statuses[1] != 503 || statuses[2] != 202 {
		t.Errorf("statuses %v, want 429, 503, 202", statuses)
	}
}

func TestRetryAfterIsInWholeSeconds(t *testing.T) {
	p, url := startPagerDuty(t)
	p.Fail(http.StatusTooManyRequests, 1500*time.Millisecond)
	for range 2 {
		if resp, _ := post(t, url+"/v2/enqueue", "application/json", nil); resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" {
			t.Errorf("%d, Retry-After %q, want 429 and 2", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	p.Heal()
	if _, err := send(t, url, trigger("a")); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestBlockedRequestsWait(t *testing.T) {
	p, url := startPagerDuty(t)
	arrived := make(chan standin.Request, 2)
	p.OnRequest(func(r standin.Request) { arrived <- r })
	p.Block()
	sent := make(chan error, 1)
	go func() {
		_, err := send(t, url, trigger("a"))
		sent <- err
	}()
	if r := <-arrived; r.Status != 0 || !bytes.Contains(r.Body, []byte("error-rate 7 %")) || r.Header.Get("Content-Type") == "" {
		t.Errorf("request %+v, want it whole and not answered", r)
	}
	if len(p.Incidents()) != 0 {
		t.Error("a blocked trigger opened an incident")
	}
	p.Unblock()
	if err := <-sent; err != nil {
		t.Errorf("unblocked: %v", err)
	}
	if len(p.Incidents()) != 1 {
		t.Error("the unblocked trigger opened no incident")
	}
}

func TestBlockedRequestsOfAbsentSendersAreForgotten(t *testing.T) {
	p, url := startPagerDuty(t)
	p.Block()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	e := trigger("gone")
	if _, err := pagerduty.NewClient("", pagerduty.WithV2EventsAPIEndpoint(url)).ManageEventWithContext(ctx, &e); err == nil {
		t.Fatal("a blocked request was answered")
	}
	if len(p.Requests()) != 1 {
		t.Fatalf("%d requests, want the blocked one", len(p.Requests()))
	}
	poll(t, func() bool { return p.Waiting() == 0 })
	p.Unblock()
	if _, err := send(t, url, trigger("a")); err != nil {
		t.Fatal(err)
	}
	if n := len(p.IncidentsOf("gone")); n != 0 {
		t.Errorf("%d incidents of a sender that gave up", n)
	}
}

func TestStartWantsLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "10.0.0.1:0", ":0", "localhost"} {
		if server, err := standin.NewPagerDuty().Start(addr); err == nil {
			_ = server.Close()
			t.Errorf("started on %q", addr)
		}
	}
}

func post(t *testing.T, url, contentType string, body []byte) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

func poll(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("not so within 10 s")
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}
