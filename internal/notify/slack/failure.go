package slack

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/slack-go/slack"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// refused is Slack's own word on a request: HTTP 200 and a code.
type refused struct {
	code string
	err  error
}

func (r refused) Error() string { return r.err.Error() }

// failure makes of the library's error one that says whether to try again and what to do.
func (c *Channel) failure(exchange *notify.Exchange, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		said := fmt.Errorf("refused by Slack: %s%s", describe(refusal), c.advise(refusal))
		return &notify.Error{
			Err:       refused{c.token.Mask(refusal.Err), c.token.MaskError(said)},
			Retryable: passing(refusal.Err),
			After:     exchange.After,
			Refusal:   c.refusal(refusal.Err, said),
		}
	}
	failed := &notify.Error{
		Err:       c.token.MaskError(describeExchange(exchange, err)),
		Retryable: exchange.Retryable(),
		After:     exchange.After,
	}
	if exchange.RefusesSender() {
		failed.Refusal = c.token.Words(failed.Error())
	}
	return failed
}

// refusal is what Slack has against the token or the channel. A code that is not known to be about the message
// counts as such: of that people hear, and what was to be told is kept.
func (c *Channel) refusal(code string, said error) string {
	if passing(code) || ofMessage(code) {
		return ""
	}
	return c.token.Words(said.Error())
}

// ofMessage says that Slack refuses what is sent, whoever sends it.
func ofMessage(code string) bool {
	switch code {
	case "no_text", "msg_too_long", "msg_blocks_too_long", "metadata_too_large", "metadata_must_be_sent_from_app",
		"message_not_found", "cant_update_message", "edit_window_closed",
		"too_many_attachments", "too_many_contact_cards",
		"invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_blocks", "invalid_blocks_format",
		"invalid_attachments", "invalid_metadata_format", "invalid_metadata_schema", "invalid_json", "json_not_object",
		"invalid_charset", "invalid_form_data", "invalid_post_type", "missing_post_type", "markdown_text_conflict":
		return true
	}
	return false
}

func describe(refusal slack.SlackErrorResponse) string {
	if more := refusal.ResponseMetadata.Messages; len(more) > 0 {
		return refusal.Err + " (" + more[0] + ")" // the first of several is where to begin
	}
	return refusal.Err
}

func describeExchange(exchange *notify.Exchange, err error) error {
	switch {
	case exchange.Status == 0 && exchange.Err != nil:
		return fmt.Errorf("no answer from Slack: %w", exchange.Err)
	case exchange.Err != nil:
		return fmt.Errorf("answer HTTP %d from Slack, its body could not be read: %w", exchange.Status, exchange.Err)
	case exchange.Status == http.StatusOK:
		return fmt.Errorf("what answers is not Slack's Web API, check the base URL: %w", err)
	case exchange.Status != 0:
		return errors.New("answer from Slack: " + exchange.Explain())
	default:
		return err
	}
}

// wrap says whose story it was, and keeps what the error says of repetition.
func wrap(key string, err error) error {
	failed, ok := errors.AsType[*notify.Error](err)
	if !ok {
		return &notify.Error{Err: fmt.Errorf("tell %s: %w", key, err)}
	}
	return &notify.Error{
		Err:       fmt.Errorf("tell %s: %w", key, err),
		Retryable: failed.Retryable,
		After:     failed.After,
		Refusal:   failed.Refusal,
	}
}

// gone says that the message can no longer be edited, but another one can be posted.
func gone(err error) bool {
	refusal, _ := errors.AsType[refused](err)
	switch refusal.code {
	case "message_not_found", "cant_update_message", "edit_window_closed":
		return true
	}
	return false
}

// passing says that Slack refuses now, not for good.
func passing(code string) bool {
	switch code {
	case "ratelimited", "rate_limited", "message_limit_exceeded",
		"internal_error", "fatal_error", "service_unavailable", "request_timeout", "update_failed":
		return true
	}
	return false
}

// advise says what to do about a refusal.
func (c *Channel) advise(refusal slack.SlackErrorResponse) string {
	switch refusal.Err {
	case "not_in_channel":
		return ": invite the app's bot to channel " + c.id
	case "channel_not_found":
		return ": no channel " + c.id + " that the app can see; check the ID, invite the bot if the channel is private"
	case "is_archived", "is_inactive":
		return ": channel " + c.id + " is archived; unarchive it or name another one"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired":
		return ": the token is not valid (any more); copy the Bot User OAuth Token from the app's page OAuth & Permissions"
	case "not_allowed_token_type":
		return ": want a bot token, xoxb-…"
	case "missing_scope":
		return ": add the scope " + scope(refusal.Needed) + " to the app and install it again"
	case "restricted_action", "restricted_action_read_only_channel":
		return ": an admin forbids posting in channel " + c.id + "; ask for an exception or name another one"
	case "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "metadata_too_large":
		return ": the message is not one that Slack takes; it will not be sent again as it is"
	}
	return ""
}

func scope(needed string) string {
	if needed == "" {
		return "chat:write"
	}
	return needed
}
