package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// health is what an endpoint answers.
type health struct {
	Status     string               `json:"status"`
	Components map[string]component `json:"components"`
}

// component is how one part is: its status, or an object that holds it.
type component struct{ Status string }

// UnmarshalJSON implements json.Unmarshaler.
func (c *component) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &c.Status) == nil {
		return nil
	}
	var object struct {
		Status string `json:"status"`
	}
	err := json.Unmarshal(text, &object)
	c.Status = object.Status
	return err
}

func read(body []byte) (h health, err error) {
	if len(body) > maxBody {
		return h, fmt.Errorf("it is longer than %d bytes", maxBody)
	}
	if json.Unmarshal(body, &h) != nil {
		return h, errors.New("it is not the JSON that is expected")
	}
	if h.Status == "" && len(h.Components) == 0 {
		return h, errors.New("it has neither a status nor components")
	}
	return h, nil
}

// failing counts the components that fail, of the named ones, else of all, and lists them.
func (h health) failing(named []string) (int, string) {
	names := named
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(h.Components))
	}
	var bad []string
	for _, name := range names {
		switch c, ok := h.Components[name]; {
		case !ok:
			bad = append(bad, word(name)+" is missing")
		case !well(c.Status):
			bad = append(bad, fmt.Sprintf("%s is %q", word(name), word(c.Status)))
		}
	}
	if len(bad) == 0 && len(named) == 0 && h.Status != "" && !well(h.Status) {
		bad = append(bad, fmt.Sprintf("the whole is %q", word(h.Status)))
	}
	return len(bad), strings.Join(bad, ", ")
}

// well tells whether a word means good health.
func well(status string) bool {
	return slices.Contains([]string{"up", "ok", "healthy", "pass"}, strings.ToLower(status))
}

// word keeps of what a server says no more than a word needs, on one line.
func word(s string) string {
	const most = 63
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
