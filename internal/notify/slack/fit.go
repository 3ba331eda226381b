package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Slack's limits on blocks, in characters and elements.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	mostBlocks      = 50
	longestHeader   = 150
	longestSection  = 3000
	mostFields      = 10
	longestField    = 2000
	mostContext     = 10
	longestContext  = 3000
	mostActions     = 25
	longestButton   = 75
	longestMarkdown = 11000 // 12,000 by itself, but then there is no room for anything else

	// All blocks together: some 12,000 characters of text, and a hundred or so for each object.
	// Slack documents neither; the numbers are what users measured, rounded to the safe side
	// (https://github.com/slackapi/bolt-js/issues/2509).
	largestMessage = 12000
	objectCost     = 125
)

type object = map[string]any

// Fit trims an array of blocks to what Slack takes in one message: long texts are cut, elements
// and blocks beyond the limits are left out, and a last block says so. Blocks of kinds that it
// does not know pass as they are.
func Fit(blocks json.RawMessage) (json.RawMessage, error) {
	var list []object
	decoder := json.NewDecoder(bytes.NewReader(blocks))
	decoder.UseNumber()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("read the blocks: %w", err)
	}
	for _, block := range list {
		trim(block)
	}
	fitted, err := json.Marshal(first(list))
	if err != nil {
		return nil, fmt.Errorf("write the blocks: %w", err)
	}
	return fitted, nil
}

// first keeps the blocks from the top that there is room for.
func first(list []object) []object {
	if len(list) <= mostBlocks && cost(list...) <= largestMessage {
		return list
	}
	room := largestMessage - cost(omission(len(list)))
	kept := 0
	for kept < min(len(list), mostBlocks-1) && cost(list[kept]) <= room {
		room -= cost(list[kept])
		kept++
	}
	return append(list[:kept:kept], omission(len(list)-kept))
}

func omission(blocks int) object {
	text := fmt.Sprintf("_%d more parts left out: Slack takes no longer message._", blocks)
	return object{"type": "context", "elements": []any{object{"type": "mrkdwn", "text": text, "verbatim": true}}}
}

// cost estimates how Slack measures blocks.
func cost(blocks ...object) int {
	sum := 0
	for _, block := range blocks {
		sum += weigh(block)
	}
	return sum
}

func weigh(value any) int {
	sum := 0
	switch value := value.(type) {
	case string:
		sum = width(value)
	case object:
		sum = objectCost
		for name, inner := range value {
			if name != "type" {
				sum += weigh(inner)
			}
		}
	case []any:
		for _, inner := range value {
			sum += weigh(inner)
		}
	}
	return sum
}

// trim cuts the texts of one block, in place.
func trim(block object) {
	switch block["type"] {
	case "header":
		cutText(block["text"], longestHeader)
	case "section":
		cutText(block["text"], longestSection)
		trimList(block, "fields", mostFields, longestField)
	case "context":
		trimList(block, "elements", mostContext, longestContext)
	case "actions":
		trimList(block, "elements", mostActions, 0)
		for _, element := range elements(block, "elements") {
			cutText(element["text"], longestButton)
		}
	case "markdown":
		cutText(block, longestMarkdown)
	}
}

// trimList drops the elements beyond most and, if longest is not 0, cuts the texts of the others.
func trimList(block object, name string, most, longest int) {
	list, ok := block[name].([]any)
	if !ok {
		return
	}
	block[name] = list[:min(len(list), most)]
	if longest == 0 {
		return
	}
	for _, element := range elements(block, name) {
		cutText(element, longest)
	}
}

func elements(block object, name string) []object {
	list, _ := block[name].([]any)
	var objects []object
	for _, element := range list {
		if element, ok := element.(object); ok {
			objects = append(objects, element)
		}
	}
	return objects
}

// cutText cuts the text of a text object, or of what has its text in the same place.
func cutText(of any, longest int) {
	holder, _ := of.(object)
	if text, ok := holder["text"].(string); ok {
		holder["text"] = cut(text, longest)
	}
}

// cut shortens text to so many characters, counted as UTF-16 does, which is never less than
// what anybody else counts. It leaves no half of a link, an entity or a fenced listing.
func cut(text string, longest int) string {
	if width(text) <= longest {
		return text
	}
	const ellipsis, fence = "…", "```"
	head := prefix(text, longest-width(ellipsis)-width("\n"+fence))
	head = beforeOpen(head, '<', '>')
	head = beforeOpen(head, '&', ';')
	if strings.Contains(head, fence) {
		head = strings.TrimRight(head, "`") // a fence that was cut, or opens nothing
	}
	if strings.Count(head, fence)%2 == 1 {
		return head + ellipsis + "\n" + fence
	}
	return head + ellipsis
}

// beforeOpen drops the end of text from the last opening mark, if that mark is still open and
// near enough to be one.
func beforeOpen(text string, open, shut rune) string {
	const near = 500
	at := strings.LastIndexByte(text, byte(open))
	if at <= 0 || len(text)-at > near || strings.ContainsRune(text[at:], shut) {
		return text
	}
	return text[:at]
}

// prefix is the longest beginning of text within so many UTF-16 units.
func prefix(text string, units int) string {
	for at, r := range text {
		units -= utf16.RuneLen(valid(r))
		if units < 0 {
			return text[:at]
		}
	}
	return text
}

func width(text string) int {
	units := 0
	for _, r := range text {
		units += utf16.RuneLen(valid(r))
	}
	return units
}

func valid(r rune) rune {
	if utf16.RuneLen(r) < 0 {
		return utf8.RuneError
	}
	return r
}
