package slack

import (
	"context"
	"errors"
	"fmt"

	"github.com/slack-go/slack"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

const (
	// lookBack is how many messages a story is looked for in. It was posted moments ago by a
	// process that died, so it is near the end.
	lookBack = 100
	// longestAnswer leaves room for lookBack messages of the largest blocks that Slack takes.
	longestAnswer = 8 << 20
)

// call makes one request. The library's client lives no longer than its exchange.
func (c *Channel) call(request func(*slack.Client) error) error {
	exchange := &notify.Exchange{Client: c.http, Limit: longestAnswer}
	err := request(slack.New(c.token.Reveal(), slack.OptionAPIURL(c.baseURL), slack.OptionHTTPClient(exchange)))
	return c.failure(exchange, err)
}

// post posts the message and returns its timestamp.
func (c *Channel) post(ctx context.Context, message slack.MsgOption) (ts string, err error) {
	err = c.call(func(api *slack.Client) error {
		_, ts, err = api.PostMessageContext(ctx, c.id, message)
		return orNone(ts, err)
	})
	return ts, err
}

// update replaces the content of the message of that timestamp.
func (c *Channel) update(ctx context.Context, ts string, message slack.MsgOption) error {
	return c.call(func(api *slack.Client) error {
		_, updated, _, err := api.UpdateMessageContext(ctx, c.id, ts, message)
		return orNone(updated, err)
	})
}

// find returns the timestamp of the newest of the recent messages that tells the story, or ""
// if there is none or Slack refuses to show them: posting twice is better than not at all.
func (c *Channel) find(ctx context.Context, key string) (string, error) {
	var recent *slack.GetConversationHistoryResponse
	err := c.call(func(api *slack.Client) (err error) {
		recent, err = api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: c.id, Limit: lookBack, IncludeAllMetadata: true,
		})
		return err
	})
	switch {
	case err != nil && (!notify.Retryable(err) || errors.Is(err, notify.ErrTooLong)):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for the message: %w", err)
	}
	for _, m := range recent.Messages { // newest first
		if m.Metadata.EventType == EventType && m.Metadata.EventPayload[payloadKey] == key {
			return m.Timestamp, nil
		}
	}
	return "", nil
}

// orNone catches an answer that says neither what is wrong nor which message it is about.
func orNone(ts string, err error) error {
	if err == nil && ts == "" {
		return errors.New("the answer names no message")
	}
	return err
}
