package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/google/go-cmp/cmp"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

const token = "xoxb-1234567890-abcdefghijklmnop"

func TestASecretDoesNotShow(t *testing.T) {
	type config struct {
		Name   string
		Token  notify.Secret
		hidden notify.Secret
		byRef  *notify.Secret
	}
	secret := notify.NewSecret(token)
	for name, value := range map[string]any{
		"bare":        secret,
		"pointer":     &secret,
		"in a map":    map[string]notify.Secret{"token": secret},
		"in a slice":  []any{secret, &secret},
		"in a struct": config{"n", secret, secret, &secret},
		"in an error": fmt.Errorf("config %+v", config{"n", secret, secret, &secret}),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%t"} {
			leaks(t, name+" by "+verb, fmt.Sprintf(verb, value))
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		leaks(t, name+" by JSON", string(text))
		core, logs := observer.New(zap.DebugLevel)
		zap.New(core).Info("m", zap.Any("a", value), zap.Reflect("r", value))
		leaks(t, name+" by zap", fmt.Sprint(logs.All()[0].ContextMap()))
	}
	if got := fmt.Sprintf("%v %s %q %x %#v", secret, secret, secret, secret, secret); got != strings.Repeat("<secret> ", 4)+"<secret>" {
		t.Errorf("shown as %s", got)
	}
}

// leaks also knows the token as %x shows it.
func leaks(t *testing.T, how, shown string) {
	t.Helper()
	lower := strings.ToLower(shown)
	for _, form := range []string{token, fmt.Sprintf("%x", token)} {
		if strings.Contains(lower, form) {
			t.Errorf("%s leaks: %s", how, shown)
		}
	}
}

func TestASecretIsItsTokenWithoutTheSpaceAround(t *testing.T) {
	secret := notify.NewSecret(" " + token + "\r\n")
	if secret.Reveal() != token || !secret.Equal(notify.NewSecret(token)) || secret.Empty() {
		t.Errorf("reveals %q", secret.Reveal())
	}
	if secret.Equal(notify.NewSecret("other")) {
		t.Error("equals another one")
	}
	if zero := (notify.Secret{}); !zero.Empty() || zero.Mask("text") != "text" {
		t.Error("the zero secret is not an empty one")
	}
}

func TestMaskErrorCutsTheChainButKeepsItsMeaning(t *testing.T) {
	secret := notify.NewSecret(token)
	inner := errors.New("sent " + token)
	masked := secret.MaskError(fmt.Errorf("at %s: %w: %w", token, inner, context.DeadlineExceeded))
	if got := masked.Error(); got != "at <secret>: sent <secret>: context deadline exceeded" {
		t.Errorf("says %q", got)
	}
	if errors.Is(masked, inner) {
		t.Error("the cause with the token can still be reached")
	}
	if !errors.Is(masked, context.DeadlineExceeded) || errors.Is(masked, context.Canceled) {
		t.Error("the context's error is lost, or another's found")
	}
	long := secret.MaskError(errors.New(strings.Repeat("ж", 500) + token))
	if len(long.Error()) > 510 {
		t.Errorf("an error of %d bytes", len(long.Error()))
	}
}

func TestRetryable(t *testing.T) {
	failed := &notify.Error{Err: errors.New("busy"), Retryable: true}
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("of nobody we know"), true},
		{failed, true},
		{fmt.Errorf("wrapped: %w", failed), true},
		{notify.Permanent("no"), false},
		{fmt.Errorf("wrapped: %w", notify.Permanent("no")), false},
	} {
		if got := notify.Retryable(tc.err); got != tc.want {
			t.Errorf("%v: %v", tc.err, got)
		}
	}
}

func TestBackoffDoublesUpToItsMost(t *testing.T) {
	backoff := notify.Backoff{First: time.Second, Most: 10 * time.Second}
	for attempt, least := range map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second,
		4: 8 * time.Second, 5: 10 * time.Second, 60: 10 * time.Second, 1 << 40: 10 * time.Second,
	} {
		for _, seed := range []string{"production/a-1", "production/a-2", "production/b-1"} {
			if got := backoff.Wait(seed, attempt, errors.New("busy")); got < least || got > least*3/2 {
				t.Errorf("attempt %d of %s: %s, want from %s to half as long again", attempt, seed, got, least)
			}
		}
	}
}

func TestBackoffObeysTheProvider(t *testing.T) {
	err := fmt.Errorf("tell: %w", &notify.Error{Err: errors.New("busy"), Retryable: true, After: 30 * time.Second})
	for attempt := range 20 {
		got := notify.Backoff{}.Wait("s", attempt, err)
		if least := max(30*time.Second, min(2*time.Minute, time.Second<<max(0, attempt-1))); got < least || got > least*3/2 {
			t.Errorf("attempt %d: %s, want from %s", attempt, got, least)
		}
	}
}

func TestBackoffPartsSendersThatFailedTogether(t *testing.T) {
	seen := map[time.Duration]bool{}
	var sum time.Duration
	const senders = 1000
	for i := range senders {
		wait := notify.Backoff{First: time.Minute}.Wait(fmt.Sprintf("production/kb-%d", i), 1, nil)
		seen[wait.Round(100*time.Millisecond)] = true
		sum += wait
	}
	if mean := sum / senders; mean < 74*time.Second || mean > 76*time.Second {
		t.Errorf("a mean of %s, want 75s: the jitter is not even", mean)
	}
	if len(seen) < 250 { // of 301
		t.Errorf("%d different waits", len(seen))
	}
	if a, b := (notify.Backoff{}).Wait("s", 3, nil), (notify.Backoff{}).Wait("s", 3, nil); a != b {
		t.Errorf("%s and %s for the same attempt", a, b)
	}
}

// What a queue does with Backoff: a week of attempts against a provider that is away for two
// hours and then asks for a minute.
func TestADeliveryOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, attempts := time.Now(), 0
		var asked time.Time
		send := func() error {
			attempts++
			switch {
			case time.Since(began) < 2*time.Hour:
				return &notify.Error{Err: errors.New("away"), Retryable: true}
			case asked.IsZero():
				asked = time.Now()
				return &notify.Error{Err: errors.New("busy"), Retryable: true, After: time.Minute}
			case time.Since(asked) < time.Minute:
				t.Errorf("tried again after %s", time.Since(asked))
			}
			return nil
		}
		for attempt, err := 1, send(); err != nil; attempt++ {
			time.Sleep(notify.Backoff{}.Wait("production/kb-7 oncall", attempt, err))
			err = send()
		}
		if late := time.Since(began) - 2*time.Hour; late > 6*time.Minute || attempts > 100 {
			t.Errorf("delivered %s after the outage with %d attempts", late, attempts)
		}
	})
}

func TestCheckBaseURL(t *testing.T) {
	for _, good := range []string{"https://events.pagerduty.com", "http://127.0.0.1:8080", "https://proxy.example/pd/"} {
		if err := notify.CheckBaseURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "events.pagerduty.com", "//host", "ftp://host", "https://", "https://u:p@host", "https://host?a=b", "https://host#f", "https://ho st"} {
		if notify.CheckBaseURL(bad) == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestAnExchangeRemembersTheAnswer(t *testing.T) {
	when := time.Now().Add(90 * time.Second).UTC()
	for _, tc := range []struct {
		retryAfter  string
		least, most time.Duration
	}{
		{"", 0, 0},
		{"120", 2 * time.Minute, 2 * time.Minute},
		{" 7 ", 7 * time.Second, 7 * time.Second},
		{"1.5", 0, 0},
		{"18446744073709551615", time.Hour, time.Hour},
		{when.Format(http.TimeFormat), 60 * time.Second, 90 * time.Second},
		{when.Add(-time.Hour).Format(http.TimeFormat), 0, 0},
		{when.Add(9000 * time.Hour).Format(http.TimeFormat), time.Hour, time.Hour},
	} {
		x := exchange(t, tc.retryAfter, "answer", 6)
		if x.Err != nil || x.Status != http.StatusTeapot || string(x.Body) != "answer" {
			t.Errorf("remembers %d %q, error %v", x.Status, x.Body, x.Err)
		}
		if x.After < tc.least || x.After > tc.most {
			t.Errorf("Retry-After %q: %s, want from %s to %s", tc.retryAfter, x.After, tc.least, tc.most)
		}
	}
}

func TestAnExchangeRefusesALongerAnswer(t *testing.T) {
	if x := exchange(t, "", "answer", 5); !errors.Is(x.Err, notify.ErrTooLong) || x.Body != nil || x.Status == 0 {
		t.Errorf("remembers %d %q, error %v", x.Status, x.Body, x.Err)
	}
}

func exchange(t *testing.T, retryAfter, body string, limit int64) *notify.Exchange {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Retry-After"] = []string{retryAfter}
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	x := &notify.Exchange{Client: notify.NewClient(nil, time.Minute), Limit: limit}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := x.Do(req)
	if err != nil {
		return x
	}
	again, err := io.ReadAll(resp.Body)
	if diff := cmp.Diff(body, string(again)); err != nil || diff != "" {
		t.Errorf("the library reads %v, error %v", diff, err)
	}
	return x
}
