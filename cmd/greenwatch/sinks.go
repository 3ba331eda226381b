package main

import (
	"context"
	"fmt"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/report"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// sink is one place to tell: a pager or a channel.
type sink struct {
	page notify.Pager
	tell notify.Teller
	// turn reads its secret again, and counts how often that was another one.
	turn func() int
}

// sinks are the notifiers of the daemon's file, by name.
type sinks map[string]sink

// follow calls renewed with the name of each sink whose secret changes, until ctx ends.
func (s sinks) follow(ctx context.Context, renewed func(sink string)) error {
	seen := map[string]int{}
	return every(ctx, rereadEvery, func() {
		for name, one := range s {
			if n := one.turn(); n != seen[name] {
				seen[name] = n
				renewed(name)
			}
		}
	})
}

// attempt bounds one delivery, all its requests together.
const attempt = 30 * time.Second

// send words a message and delivers it.
func (s sinks) send(ctx context.Context, m watchdog.Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	to, ok := s[m.Sink]
	switch {
	case ok && m.Action.Deed == release.TellStory && to.tell != nil:
		r, err := to.tell(ctx, story(m))
		return r.Ref, err
	case ok && m.Action.Incident.Code == release.CodeNotifierRefuses && to.tell != nil:
		r, err := to.tell(ctx, notice(m))
		return r.Ref, err
	case ok && m.Action.Deed != release.TellStory && to.page != nil:
		r, err := to.page(ctx, page(m))
		return r.Ref, err
	}
	return "", notify.Permanent("the daemon's file names no notifier %q for this kind of message", m.Sink)
}

func story(m watchdog.Message) notify.Story {
	r := m.Record
	text, blocks := report.Slack(report.Of(r.Namespace, r.Spec, r.State))
	return notify.Story{Key: r.Name(), Ref: m.Action.Ref, Text: text, Blocks: blocks}
}

// notice is a message of its own about an incident of the daemon, for a channel. One that comes up again on another
// day is another message: an edit calls nobody.
func notice(m watchdog.Message) notify.Story {
	in := m.Action.Incident
	text, _ := finding.Words("", in, release.Spec{}, release.State{})
	if m.Action.Deed == release.ClosePage {
		text = "greenwatch: " + in.Text + "."
	}
	return notify.Story{Key: m.Action.Key + "/" + in.Opened.Time().UTC().Format(time.DateOnly), Ref: m.Action.Ref, Text: report.Notice(text)}
}

func page(m watchdog.Message) notify.Page {
	in, r := m.Action.Incident, m.Record
	summary, details := finding.Words(r.Namespace, in, r.Spec, r.State)
	p := notify.Page{DedupKey: m.Action.Key, Action: notify.Trigger, Severity: notify.Severity(in.Severity), Summary: summary,
		Source: "greenwatch", Component: r.Spec.Policy, Group: r.Namespace, Class: string(in.Code), At: in.Opened.Time(), Details: details}
	switch {
	case r.Spec.Number > 0:
		p.Source = r.Name()
	case r.Spec.Policy != "": // of the policy itself
		p.Source = r.Namespace + "/" + r.Spec.Policy
	}
	if m.Action.Deed == release.ClosePage {
		p.Action = notify.Resolve
	}
	return p
}

// refusedFirst and refusedMost are how long it takes until a notifier that refuses its key or its channel is tried
// again, at first and at most: it takes a person to mend that. A key that changes is tried at once.
const (
	refusedFirst = 30 * time.Second
	refusedMost  = 10 * time.Minute
)

// retry says when to try again, and whether that can help.
func retry(m watchdog.Message, attempt int, err error) watchdog.Retry {
	seed := fmt.Sprintf("%s %s", m.Sink, m.Action.Key)
	if refusal := notify.RefusalOf(err); refusal != "" {
		slow := notify.Backoff{First: refusedFirst, Most: refusedMost}
		return watchdog.Retry{Wait: slow.Wait(seed, attempt, err), Again: true, Refusal: refusal}
	}
	return watchdog.Retry{Wait: notify.Backoff{}.Wait(seed, attempt, err), Again: notify.Retryable(err)}
}
