package slack

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/slack-go/slack"

	"github.com/knowledgebeast/greenwatch/internal/notify"
)

// longestText is what Slack recommends; beyond 40,000 it would cut by itself.
const longestText = 4000

// compose makes a story into a message that Slack takes: fitted blocks, and the metadata by
// which the message is found again.
func compose(story notify.Story) (slack.MsgOption, error) {
	if story.Key == "" {
		return nil, errors.New("the story has no key")
	}
	if story.Text == "" {
		return nil, errors.New("the story has no text")
	}
	blocks, err := rawBlocks(story.Blocks)
	if err != nil {
		return nil, err
	}
	return slack.MsgOptionCompose(
		slack.MsgOptionText(cut(story.Text, longestText), false),
		slack.MsgOptionParse(false), // no mentions and links from words that look like some
		slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType:    EventType,
			EventPayload: map[string]any{payloadKey: story.Key},
		}),
	), nil
}

func rawBlocks(blocks json.RawMessage) ([]slack.Block, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	fitted, err := Fit(blocks)
	if err != nil {
		return nil, err
	}
	var raw []rawBlock
	if err := json.Unmarshal(fitted, &raw); err != nil {
		return nil, fmt.Errorf("read the fitted blocks: %w", err)
	}
	var list []slack.Block
	for _, block := range raw {
		list = append(list, block)
	}
	return list, nil
}

// rawBlock is a block that the library passes on as it is, known to it or not.
type rawBlock struct{ json.RawMessage }

func (rawBlock) BlockType() slack.MessageBlockType { return "" }
func (rawBlock) ID() string                        { return "" }
