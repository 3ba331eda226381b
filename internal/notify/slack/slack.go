// Package slack tells a Slack channel the story of a release: one message, posted once and
// edited in place.
//
// One Tell call is one attempt. A process that dies after posting and before remembering the
// message's timestamp would post twice; so the message carries the story's key as metadata, and
// a story without a timestamp is first looked for among the channel's recent messages. What is
// found is edited. A channel whose history the app may not read gets one repeat per such crash.
//
// The app needs the scope chat:write, a place in the channel, and for the look-up
// channels:history (groups:history in a private channel).
package slack

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// DefaultBaseURL is where Slack's Web API is.
const DefaultBaseURL = slack.APIURL

// EventType is the type of the metadata by which a story is found again; its payload is the
// story's key.
const EventType = "greenwatch_release"

const payloadKey = "key"

// Config says where stories go. Token and Channel are required.
type Config struct {
	Token     notify.Secret     // of the app's bot user, xoxb-…
	Channel   string            // its ID, not its name: names change, and only posting takes them
	BaseURL   string            // "": DefaultBaseURL
	Timeout   time.Duration     // of one request, of which an attempt makes up to four; 0: 10 s
	Transport http.RoundTripper // nil: a transport of its own
}

// Channel tells stories in one channel. It is safe for concurrent use, but two calls at once
// with one new story may both post it.
type Channel struct {
	id      string
	token   notify.Secret
	baseURL string
	http    *http.Client
}

// New makes a Channel. It sends nothing, so it cannot tell whether the token is valid.
func New(c Config) (*Channel, error) {
	if c.Token.Empty() {
		return nil, notify.Permanent("slack: no token")
	}
	if !regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`).MatchString(c.Channel) {
		return nil, notify.Permanent("slack: channel %q: want its ID, like C0123456789, "+
			"which Slack shows at the end of the channel's details", c.Channel)
	}
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if err := notify.CheckBaseURL(c.BaseURL); err != nil {
		return nil, notify.Permanent("slack: %w", err)
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return &Channel{
		id:      c.Channel,
		token:   c.Token,
		baseURL: strings.TrimRight(c.BaseURL, "/") + "/",
		http:    notify.NewClient(c.Transport, c.Timeout),
	}, nil
}

// Tell posts the story, or edits what was posted before. The receipt's Ref is "channel:ts".
func (c *Channel) Tell(ctx context.Context, story notify.Story) (notify.Receipt, error) {
	message, err := compose(story)
	if err != nil {
		return notify.Receipt{}, notify.Permanent("tell %s: %w", story.Key, err)
	}
	ts, err := c.deliver(ctx, story, message)
	if err != nil {
		return notify.Receipt{}, wrap(story.Key, err)
	}
	return notify.Receipt{Ref: c.id + ":" + ts}, nil
}

// deliver edits the message that is remembered, else one that is found, else it posts. It
// returns the timestamp of the message that now tells the story.
func (c *Channel) deliver(ctx context.Context, story notify.Story, message slack.MsgOption) (string, error) {
	known := c.timestamp(story.Ref)
	if known != "" {
		if err := c.update(ctx, known, message); err == nil || !gone(err) {
			return known, err
		}
	}
	found, err := c.find(ctx, story.Key)
	if err != nil {
		return "", err
	}
	if found != "" && found != known {
		if err := c.update(ctx, found, message); err == nil || !gone(err) {
			return found, err
		}
	}
	return c.post(ctx, message)
}

// timestamp is the part of a Ref that means something in this channel: a message in another
// one, from before a change of configuration, is not this channel's story.
func (c *Channel) timestamp(ref string) string {
	channel, ts, _ := strings.Cut(ref, ":")
	if channel != c.id {
		return ""
	}
	return ts
}
