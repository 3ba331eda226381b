package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

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

// rules remembers for a while what was learnt of alerting rules.
type rules struct {
	mu   sync.Mutex
	kept map[string]keptRule
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
		found, err = c.loaded(ctx, name)
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

// loadedRule is what matters of a rule.
type loadedRule struct{ name, kind, health, lastError string }

// loaded asks for the alerting rules of a name. Older servers take no notice of the filters, and answer
// with all rules.
func (c *Client) loaded(ctx context.Context, name string) (found []loadedRule, err error) {
	form := url.Values{"type": {"alert"}, "rule_name[]": {name}, "exclude_alerts": {"true"}}
	err = c.server.get(ctx, "api/v1/rules", form, func(body io.Reader) (err error) {
		found, err = readRules(newTokens(body, c.maxBody), name)
		return bad(ctx, err)
	})
	return found, err
}

// readRules reads a list of rules, and keeps those of a name.
func readRules(t *tokens, name string) ([]loadedRule, error) {
	var status string
	var found []loadedRule
	var lacks incomplete
	listed := false
	rule := func() error {
		l, err := readRule(t)
		if err == nil && l.name == name {
			if found = append(found, l); len(found) > mostRules {
				return tooLarge(fmt.Sprintf("more than %d rules are named %s", mostRules, name))
			}
		}
		return err
	}
	group := func() error {
		return t.object("a group", map[string]func() error{"rules": func() error { return t.list("rules", rule) }})
	}
	err := t.object("the answer", map[string]func() error{
		"status":    func() (err error) { status, err = t.text("status"); return err },
		"warnings":  lacks.warnings(t),
		"isPartial": lacks.partial(t),
		"data": func() error {
			return t.object("data", map[string]func() error{"groups": func() error {
				listed = true
				return t.list("groups", group)
			}})
		},
	})
	if err == nil {
		err = t.end()
	}
	if err == nil && (status != "success" || !listed) {
		err = errors.New("it has no rules")
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("its list of rules can't be read: %w", err)
	case len(lacks) > 0:
		return nil, lacks
	}
	return found, nil
}

func readRule(t *tokens) (loadedRule, error) {
	var l loadedRule
	keys := map[string]func() error{}
	for key, into := range map[string]*string{"name": &l.name, "type": &l.kind, "health": &l.health, "lastError": &l.lastError} {
		keys[key] = func() (err error) {
			*into, err = t.text(key)
			return err
		}
	}
	err := t.object("a rule", keys)
	return l, err
}

// ruleOf sums up the rules of a name: one that fails can't fire, whatever the others do.
func ruleOf(name string, loaded []loadedRule) rule {
	known := rule{signal.NoRule, "no alerting rule " + name + " is loaded: is it misspelt, or its file not loaded?"}
	for _, l := range loaded {
		switch {
		case l.name != name || l.kind != "alerting":
		case l.health == "err":
			return rule{signal.BadRule, cut(scrub(fmt.Sprintf("the rule of alert %s fails: %s", name, l.lastError)))}
		case l.health == "unknown":
			return rule{signal.NoRule, "the rule of alert " + name + " has not been evaluated yet"}
		default:
			known = rule{}
		}
	}
	return known
}
