package standin

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits of Block Kit, in characters and items.
const (
	maxBlocks       = 50
	maxBlockID      = 255
	maxSectionText  = 3000
	maxFields       = 10
	maxFieldText    = 2000
	maxHeaderText   = 150
	maxContextItems = 10
	maxContextText  = 3000
	maxActions      = 25
	maxButtonText   = 75
	maxActionID     = 255
	maxURL          = 3000
	maxButtonValue  = 2000
	maxAltText      = 2000
	maxMarkdown     = 12_000
)

// The real limit of all blocks together (msg_blocks_too_long) is not documented. Observed is
// that about 13,300 characters in one block pass, and that each further block costs some 125.
const (
	maxAllBlocks = 13_400
	blockCost    = 125
)

// parseBlocks returns the blocks, nil if there are none, or Slack's refusal.
func parseBlocks(raw string) (json.RawMessage, answer) {
	if raw == "" {
		return nil, nil
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		return nil, refused("invalid_blocks_format")
	}
	if len(list) == 0 {
		return nil, nil
	}
	var c checker
	if len(list) > maxBlocks {
		c.problem("/blocks", "no more than %d items allowed", maxBlocks)
	}
	for i, b := range list {
		c.block(fmt.Sprintf("/blocks/%d", i), b)
	}
	if len(c.problems) > 0 {
		return nil, invalidBlocks(c.problems)
	}
	if c.characters+blockCost*len(list) > maxAllBlocks {
		return nil, refused("msg_blocks_too_long")
	}
	return json.RawMessage(raw), nil
}

func invalidBlocks(problems []string) answer {
	a := refused("invalid_blocks")
	a["errors"] = problems
	messages := make([]string, len(problems))
	for i, p := range problems {
		messages[i] = "[ERROR] " + p
	}
	a["response_metadata"] = answer{"messages": messages}
	return a
}

// checker collects what is wrong with a message's blocks. Places are JSON pointers.
type checker struct {
	problems   []string
	characters int
	ids        []string
}

func (c *checker) problem(at, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...)+" [json-pointer:"+at+"]")
}

// shape is what is known of one type of block or element: the members that it may have beside
// type and block_id, and the check of them.
type shape struct {
	members []string
	check   func(c *checker, at string, object map[string]any)
}

func blockShape(kind string) (shape, bool) {
	s, ok := map[string]shape{
		"section":   {[]string{"text", "fields", "accessory", "expand"}, (*checker).section},
		"header":    {[]string{"text"}, (*checker).header},
		"context":   {[]string{"elements"}, (*checker).context},
		"actions":   {[]string{"elements"}, (*checker).actions},
		"image":     {[]string{"image_url", "slack_file", "alt_text", "title"}, (*checker).image},
		"divider":   {nil, func(*checker, string, map[string]any) {}},
		"markdown":  {[]string{"text"}, (*checker).markdown},
		"rich_text": {[]string{"elements"}, (*checker).richText},
	}[kind]
	return s, ok
}

func (c *checker) block(at string, b map[string]any) {
	kind, _ := b["type"].(string)
	s, ok := blockShape(kind)
	if !ok {
		c.problem(at+"/type", "unsupported type: %q", kind)
		return
	}
	c.only(at, b, append([]string{"type", "block_id"}, s.members...)...)
	if id := c.text(at, b, "block_id", maxBlockID); id != "" {
		if slices.Contains(c.ids, id) {
			c.problem(at+"/block_id", "block_id already exists")
		}
		c.ids = append(c.ids, id)
	}
	s.check(c, at, b)
}

// only refuses members that Slack does not know: one of them fails the whole message.
func (c *checker) only(at string, object map[string]any, members ...string) {
	for name := range object {
		if !slices.Contains(members, name) {
			c.problem(at, "invalid additional property: %s", name)
		}
	}
}

// text returns a string member of at most limit characters; absent is empty.
func (c *checker) text(at string, object map[string]any, name string, limit int) string {
	value, present := object[name]
	if !present {
		return ""
	}
	s, ok := value.(string)
	if !ok {
		c.problem(at+"/"+name, "must be a string")
		return ""
	}
	if utf8.RuneCountInString(s) > limit {
		c.problem(at+"/"+name, "must be less than %d characters", limit+1)
	}
	return s
}

func (c *checker) required(at string, object map[string]any, name string, limit int) string {
	if _, present := object[name]; !present {
		c.problem(at, "missing required field: %s", name)
		return ""
	}
	return c.text(at, object, name, limit)
}

// textObject checks a text object of one of the kinds, with 1 to limit characters.
func (c *checker) textObject(at string, value any, limit int, kinds ...string) {
	object, ok := value.(map[string]any)
	if !ok {
		c.problem(at, "must be a text object")
		return
	}
	kind, _ := object["type"].(string)
	if !slices.Contains(kinds, kind) {
		c.problem(at+"/type", "is %q, must be one of %q", kind, kinds)
		return
	}
	c.only(at, object, "type", "text", map[string]string{"plain_text": "emoji", "mrkdwn": "verbatim"}[kind])
	s := c.required(at, object, "text", limit)
	if s == "" {
		c.problem(at+"/text", "must be more than 0 characters")
	}
	c.characters += utf8.RuneCountInString(s)
}

// items returns an array member of 1 to limit items.
func (c *checker) items(at string, object map[string]any, name string, limit int) []any {
	list, _ := object[name].([]any)
	if len(list) == 0 {
		c.problem(at+"/"+name, "no less than 1 items allowed")
	}
	if len(list) > limit {
		c.problem(at+"/"+name, "no more than %d items allowed", limit)
	}
	return list
}

func (c *checker) section(at string, b map[string]any) {
	text, hasText := b["text"]
	_, hasFields := b["fields"]
	if !hasText && !hasFields {
		c.problem(at, "missing required field: text or fields")
	}
	if hasText {
		c.textObject(at+"/text", text, maxSectionText, "mrkdwn", "plain_text")
	}
	if hasFields {
		for i, field := range c.items(at, b, "fields", maxFields) {
			c.textObject(fmt.Sprintf("%s/fields/%d", at, i), field, maxFieldText, "mrkdwn", "plain_text")
		}
	}
	if accessory, ok := b["accessory"]; ok {
		c.element(at+"/accessory", accessory, "button", "image")
	}
}

func (c *checker) header(at string, b map[string]any) {
	c.textObject(at+"/text", b["text"], maxHeaderText, "plain_text")
}

func (c *checker) context(at string, b map[string]any) {
	for i, item := range c.items(at, b, "elements", maxContextItems) {
		at := fmt.Sprintf("%s/elements/%d", at, i)
		if object, ok := item.(map[string]any); ok && object["type"] == "image" {
			c.element(at, item, "image")
			continue
		}
		c.textObject(at, item, maxContextText, "mrkdwn", "plain_text")
	}
}

func (c *checker) actions(at string, b map[string]any) {
	var ids []string
	for i, item := range c.items(at, b, "elements", maxActions) {
		at := fmt.Sprintf("%s/elements/%d", at, i)
		c.element(at, item, "button")
		object, _ := item.(map[string]any)
		if id, _ := object["action_id"].(string); id != "" {
			if slices.Contains(ids, id) {
				c.problem(at+"/action_id", "action_id already exists")
			}
			ids = append(ids, id)
		}
	}
}

// element checks a button or an image; other elements the stand-in does not know.
func (c *checker) element(at string, value any, kinds ...string) {
	object, _ := value.(map[string]any)
	kind, _ := object["type"].(string)
	switch {
	case !slices.Contains(kinds, kind):
		c.problem(at+"/type", "unsupported element: %q", kind)
	case kind == "button":
		c.button(at, object)
	case kind == "image":
		c.only(at, object, "type", "image_url", "slack_file", "alt_text")
		c.picture(at, object)
	}
}

func (c *checker) button(at string, b map[string]any) {
	c.only(at, b, "type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
	c.textObject(at+"/text", b["text"], maxButtonText, "plain_text")
	c.text(at, b, "action_id", maxActionID)
	c.text(at, b, "value", maxButtonValue)
	c.text(at, b, "accessibility_label", maxButtonText)
	if _, ok := b["url"]; ok {
		c.url(at, b, "url")
	}
	if style, ok := b["style"]; ok && style != "primary" && style != "danger" {
		c.problem(at+"/style", "must be primary or danger")
	}
}

func (c *checker) url(at string, object map[string]any, name string) {
	if s := c.required(at, object, name, maxURL); !isURL(s) {
		c.problem(at+"/"+name, "must be a valid URL")
	}
}

func (c *checker) image(at string, b map[string]any) {
	c.picture(at, b)
	if title, ok := b["title"]; ok {
		c.textObject(at+"/title", title, maxAltText, "plain_text")
	}
}

func (c *checker) picture(at string, object map[string]any) {
	if _, ok := object["slack_file"]; !ok {
		c.url(at, object, "image_url")
	}
	if c.required(at, object, "alt_text", maxAltText) == "" {
		c.problem(at+"/alt_text", "must be more than 0 characters")
	}
}

func (c *checker) markdown(at string, b map[string]any) {
	c.characters += utf8.RuneCountInString(c.required(at, b, "text", maxMarkdown))
}

// richText counts the characters, but does not look into the elements' own rules.
func (c *checker) richText(at string, b map[string]any) {
	c.items(at, b, "elements", 1000)
	c.characters += countText(b["elements"])
}

func countText(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += countText(item)
		}
	case map[string]any:
		if s, ok := v["text"].(string); ok {
			n += utf8.RuneCountInString(s)
		}
		n += countText(v["elements"])
	}
	return n
}
