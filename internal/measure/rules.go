package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// ruleKept is how long what is known of a rule is taken for granted.
const ruleKept = time.Minute

// rule is what is known of the alerting rules of a name: they are loaded and well, or why an alert's
// silence says nothing.
type rule struct {
	cause  signal.Cause
	detail string
}

// rules asks a server for its alerting rules, and remembers the answers for a while.
type rules struct {
	server api.Client
	mu     sync.Mutex
	kept   map[string]keptRule
}

type keptRule struct {
	rule
	until time.Time
}

// rule gives what is known of an alert's rule. What could not be asked is not remembered.
func (c *Client) rule(ctx context.Context, name string) rule {
	if known, ok := c.rules.recall(name, time.Now()); ok {
		return known
	}
	var found []loadedRule
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		found, err = c.rules.loaded(ctx, name)
		return err
	})
	if err != nil {
		cause, detail := explain(err)
		return rule{cause, cut("ask whether the rule of alert " + name + " is loaded: " + detail)}
	}
	known := ruleOf(name, found)
	c.rules.keep(name, known, time.Now())
	return known
}

func (r *rules) recall(name string, now time.Time) (rule, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.kept[name]
	return k.rule, ok && now.Before(k.until)
}

func (r *rules) keep(name string, known rule, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, k := range r.kept {
		if now.After(k.until) {
			delete(r.kept, n)
		}
	}
	r.kept[name] = keptRule{known, now.Add(ruleKept)}
}

type loadedRule struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Health    string `json:"health"`
	LastError string `json:"lastError"`
}

// loaded asks for the alerting rules of a name. Older servers take no notice of the filters, and answer
// with all rules.
func (r *rules) loaded(ctx context.Context, name string) ([]loadedRule, error) {
	u := r.server.URL("/api/v1/rules", nil)
	u.RawQuery = url.Values{"type": {"alert"}, "rule_name[]": {name}, "exclude_alerts": {"true"}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	response, body, err := r.server.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response, body)
	}
	var answer struct {
		Status string `json:"status"`
		Data   struct {
			Groups []struct {
				Rules []loadedRule `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return nil, &v1.Error{Type: v1.ErrBadResponse, Msg: "its list of rules can't be read"}
	}
	var found []loadedRule
	for _, g := range answer.Data.Groups {
		found = append(found, g.Rules...)
	}
	return found, nil
}

// refusal is the error of an answer that is none, as the client of the rest of the API has it.
func refusal(r *http.Response, body []byte) error {
	e := &v1.Error{Type: v1.ErrClient, Msg: fmt.Sprintf("client error: %d", r.StatusCode), Detail: string(body)}
	if r.StatusCode >= http.StatusInternalServerError {
		e.Type, e.Msg = v1.ErrServer, fmt.Sprintf("server error: %d", r.StatusCode)
	}
	return e
}

// ruleOf sums up the rules of a name: one that fails can't fire, whatever the others do.
func ruleOf(name string, loaded []loadedRule) rule {
	known := rule{signal.NoRule, "no alerting rule " + name + " is loaded: is it misspelt, or its file not loaded?"}
	for _, l := range loaded {
		switch {
		case l.Name != name || l.Type != "alerting":
		case l.Health == "err":
			return rule{signal.BadRule, cut(scrub(fmt.Sprintf("the rule of alert %s fails: %s", name, l.LastError)))}
		case l.Health == "unknown":
			return rule{signal.NoRule, "the rule of alert " + name + " has not been evaluated yet"}
		default:
			known = rule{}
		}
	}
	return known
}
