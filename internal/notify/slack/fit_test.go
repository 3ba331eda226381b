package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		longest    int
		want       string
	}{
		{"fits", "abcdefghij", 10, "abcdefghij"},
		{"plain", "abcdefghijk", 10, "abcde…"},
		{"counted as UTF-16", "🚨🚨🚨🚨🚨🚨", 10, "🚨🚨…"},
		{"not within a link", "see <https://example.org|the release> and more", 20, "see …"},
		{"after a link", "<http://a|b> is where it is", 20, "<http://a|b> is…"},
		{"not within an entity", "0123456789 &amp; so on", 20, "0123456789 …"},
		{"a listing is closed", "```\nline one\nline two\nline three\n```", 25, "```\nline one\nline tw…\n```"},
		{"a cut fence is no fence", "0123456789abcd```code```", 22, "0123456789abcd…"},
		{"a closed listing", "```a```0123456789 0123456789", 20, "```a```01234567…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := cut(tc.text, tc.longest)
			if got != tc.want || width(got) > tc.longest {
				t.Errorf("got %q of width %d, want %q", got, width(got), tc.want)
			}
		})
	}
}

func blocks(n int, one string) json.RawMessage {
	return json.RawMessage("[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]")
}

func fitted(t *testing.T, from json.RawMessage) []object {
	t.Helper()
	to, err := Fit(from)
	if err != nil {
		t.Fatal(err)
	}
	var list []object
	if err := json.Unmarshal(to, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func last(list []object) string { return fmt.Sprint(list[len(list)-1]) }

func TestFitKeepsFiftyBlocks(t *testing.T) {
	if list := fitted(t, blocks(50, `{"type":"divider"}`)); len(list) != 50 || list[49]["type"] != "divider" {
		t.Errorf("50 became %d, the last %s", len(list), last(list))
	}
	if list := fitted(t, blocks(60, `{"type":"divider"}`)); len(list) != 50 || !strings.Contains(last(list), "11 more parts left out") {
		t.Errorf("60 became %d, the last %s", len(list), last(list))
	}
}

func TestFitBoundsTheWhole(t *testing.T) {
	section := fmt.Sprintf(`{"type":"section","text":{"type":"mrkdwn","text":%q}}`, strings.Repeat("x", 2500))
	list := fitted(t, blocks(10, section))
	if len(list) != 5 || !strings.Contains(last(list), "6 more parts left out") || cost(list...) > largestMessage {
		t.Errorf("%d blocks of cost %d, the last %s", len(list), cost(list...), last(list))
	}
}

func TestFitTrimsEachKind(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	text := func(n int) string { return fmt.Sprintf(`{"type":"mrkdwn","text":%q}`, long(n)) }
	many := func(n int, one string) string { return string(blocks(n, one)) }
	for _, tc := range []struct {
		name, block string
		at          func(object) any
		longest     int
	}{
		{"header", `{"type":"header","text":` + text(400) + `}`, func(b object) any { return b["text"] }, 150},
		{"section", `{"type":"section","text":` + text(4000) + `}`, func(b object) any { return b["text"] }, 3000},
		{"field", `{"type":"section","fields":[` + text(4000) + `]}`, func(b object) any { return b["fields"].([]any)[0] }, 2000},
		{"context", `{"type":"context","elements":[` + text(4000) + `]}`, func(b object) any { return b["elements"].([]any)[0] }, 3000},
		{"button", `{"type":"actions","elements":[{"type":"button","text":` + text(90) + `}]}`,
			func(b object) any { return b["elements"].([]any)[0].(object)["text"] }, 75},
		{"markdown", `{"type":"markdown","text":"` + long(13000) + `"}`, func(b object) any { return b }, 11000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list := fitted(t, json.RawMessage("["+tc.block+"]"))
			got := tc.at(list[0]).(object)["text"].(string)
			if width(got) > tc.longest || width(got) < tc.longest-5 || !strings.HasSuffix(got, "…") {
				t.Errorf("text of %d, want nearly %d", width(got), tc.longest)
			}
		})
	}
	for _, tc := range []struct {
		block, list string
		want        int
	}{
		{`{"type":"section","fields":` + many(12, text(9)) + `}`, "fields", 10},
		{`{"type":"context","elements":` + many(12, text(9)) + `}`, "elements", 10},
		{`{"type":"actions","elements":` + many(30, `{"type":"button"}`) + `}`, "elements", 25},
	} {
		if got := len(fitted(t, json.RawMessage("["+tc.block+"]"))[0][tc.list].([]any)); got != tc.want {
			t.Errorf("%.40s…: %d %s, want %d", tc.block, got, tc.list, tc.want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add([]byte(`[{"type":"header","text":{"type":"plain_text","text":"x"}},{"type":"divider"}]`))
	f.Add([]byte(`[{"type":"section","text":7,"fields":{"a":[]}},null,{"type":"actions","elements":[1,null,{"text":"x"}]}]`))
	f.Add([]byte(blocks(70, `{"type":"markdown","text":"<a|b> `+"```"+`"}`)))
	f.Fuzz(func(t *testing.T, from []byte) {
		once, err := Fit(from)
		if err != nil {
			return
		}
		twice, err := Fit(once)
		if err != nil || string(once) != string(twice) {
			t.Errorf("fitted again, %s becomes %s, %v", once, twice, err)
		}
		var list []object
		if err := json.Unmarshal(once, &list); err != nil || len(list) > mostBlocks || cost(list...) > largestMessage {
			t.Errorf("%d blocks of cost %d, %v", len(list), cost(list...), err)
		}
	})
}

func FuzzCut(f *testing.F) {
	f.Add("```a```<b|c>&amp;🚨", 12)
	f.Add("\xff\xfe<<<<&&&", 9)
	f.Fuzz(func(t *testing.T, text string, longest int) {
		longest = max(10, longest%5000)
		got := cut(text, longest)
		if width(got) > longest {
			t.Errorf("%q is of width %d, want %d", got, width(got), longest)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8", got)
		}
	})
}
