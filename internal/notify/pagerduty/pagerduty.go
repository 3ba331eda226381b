// Package pagerduty delivers pages to PagerDuty, or to whatever speaks its Events API v2.
//
// One Page call is one attempt. It adds the routing key, keeps the event within the API's limits
// and says of a failure whether a repetition can help. A repetition is harmless while the
// incident is open: PagerDuty merges events of one dedup key. After it was closed, a repeated
// Trigger opens another one.
//
// Limits and codes: https://developer.pagerduty.com/docs/events-api-v2-overview
package pagerduty

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// The service regions of PagerDuty. A routing key is valid in one of them only.
const (
	RegionUS = "https://events.pagerduty.com"
	RegionEU = "https://events.eu.pagerduty.com"
)

// longestAnswer is far more than the few words of JSON that the API answers with.
const longestAnswer = 64 << 10

// Config says where pages go. Only RoutingKey is required.
type Config struct {
	RoutingKey notify.Secret     // of an integration of type Events API v2
	BaseURL    string            // "": RegionUS; without the path /v2/enqueue
	ClientURL  string            // where the page's "View in greenwatch" leads; "": nowhere
	Timeout    time.Duration     // of one attempt; 0: 10 s
	Transport  http.RoundTripper // nil: a transport of its own
}

// Client pages one PagerDuty integration. It is safe for concurrent use.
type Client struct {
	key       notify.Secret
	baseURL   string
	clientURL string
	http      *http.Client
}

// New makes a Client. It sends nothing, so it cannot tell whether the routing key is valid.
func New(c Config) (*Client, error) {
	if c.RoutingKey.Empty() {
		return nil, notify.Permanent("pagerduty: no routing key")
	}
	if c.BaseURL == "" {
		c.BaseURL = RegionUS
	}
	if err := notify.CheckBaseURL(c.BaseURL); err != nil {
		return nil, notify.Permanent("pagerduty: %w", err)
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return &Client{
		key:       c.RoutingKey,
		baseURL:   strings.TrimSuffix(strings.TrimRight(c.BaseURL, "/"), "/v2/enqueue"),
		clientURL: c.ClientURL,
		http:      notify.NewClient(c.Transport, c.Timeout),
	}, nil
}

// Page sends one event. The receipt's Ref is the page's dedup key.
func (c *Client) Page(ctx context.Context, page notify.Page) (notify.Receipt, error) {
	event, err := c.event(page)
	if err != nil {
		return notify.Receipt{}, notify.Permanent("page %s: %w", page.DedupKey, err)
	}
	exchange := &notify.Exchange{Client: c.http, Limit: longestAnswer}
	api := pd.NewClient("", pd.WithV2EventsAPIEndpoint(c.baseURL))
	api.HTTPClient = exchange
	_, err = api.ManageEventWithContext(ctx, &event)
	// 202 is the API's promise, whatever became of the answer's body.
	if exchange.Status == http.StatusAccepted {
		return notify.Receipt{Ref: page.DedupKey}, nil
	}
	return notify.Receipt{}, c.failure(page, exchange, err)
}

// failure describes an exchange that did not end in a 202. err is the library's, for a request
// that was never made: of an answer the exchange knows more, and of the network's errors it
// still has the cause.
func (c *Client) failure(page notify.Page, exchange *notify.Exchange, err error) error {
	switch {
	case exchange.Err != nil:
		err = fmt.Errorf("page %s: %s: %w", page.DedupKey, hint(exchange), exchange.Err)
	case exchange.Status != 0:
		err = fmt.Errorf("page %s: %s", page.DedupKey, hint(exchange))
	default:
		err = fmt.Errorf("page %s: %w", page.DedupKey, err)
	}
	return &notify.Error{Err: c.key.MaskError(err), Retryable: exchange.Retryable(), After: exchange.After, Refusal: c.refusal(exchange)}
}

// refusal is what PagerDuty, or who answers in its place, has against the key or the address.
func (c *Client) refusal(exchange *notify.Exchange) string {
	if exchange.RefusesSender() || exchange.Status == http.StatusBadRequest && ofKey(refusal(exchange.Body)) {
		return c.key.Words(hint(exchange))
	}
	return ""
}

// ofKey says whether a refusal is about the routing key: "Invalid routing key", "'routing_key' is missing or blank".
func ofKey(said string) bool {
	return strings.Contains(strings.ReplaceAll(strings.ToLower(said), "_", " "), "routing key")
}

func hint(exchange *notify.Exchange) string {
	said := refusal(exchange.Body)
	switch {
	case exchange.Err != nil && exchange.Status == 0:
		return "PagerDuty did not answer"
	case exchange.Err != nil:
		return fmt.Sprintf("PagerDuty answered HTTP %d, its body could not be read", exchange.Status)
	case ofKey(said):
		return fmt.Sprintf("PagerDuty refused the routing key (%s%s): "+
			"want one of an integration of type Events API v2, in the base URL's region", exchange.Explain(), said)
	case exchange.Status/100 == 2:
		return exchange.Explain() + ", want 202 Accepted: is the base URL PagerDuty's?"
	default:
		return "PagerDuty answered " + exchange.Explain() + said
	}
}

// refusal is what the API says about an event that it does not take.
func refusal(body []byte) string {
	var answer struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Message == "" {
		return ""
	}
	return ", " + strings.Join(append([]string{answer.Message}, answer.Errors...), "; ")
}
