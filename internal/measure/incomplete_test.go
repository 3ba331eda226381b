package measure_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// adding gives honest answers that have more in them.
func adding(more string) toll {
	return func(r *http.Request) io.Reader {
		text, _ := io.ReadAll(honest(r))
		return strings.NewReader(strings.TrimSuffix(string(text), "}") + "," + more + "}")
	}
}

// An answer that says that it is incomplete is none, whatever it was to answer, and is told with the server's words.
func TestIncompleteAnswersAreNone(t *testing.T) {
	const thanos = "No StoreAPIs matched for this query"
	for name, c := range map[string]struct{ more, words string }{
		"Thanos":                    {`"warnings":["` + thanos + `"]`, thanos},
		"a store is gone":           {`"warnings":["receive series from Addr: store-2:10901: rpc error: code = Unavailable"]`, "store-2:10901"},
		"many warnings":             {`"warnings":["a","b","c","d","` + strings.Repeat("e", 5000) + `"]`, "a; b; c"},
		"a long warning":            {`"warnings":["` + strings.Repeat("ä", 5000) + `"]`, "ä…"},
		"among remarks":             {`"warnings":["PromQL info: metric might not be a counter","shard 3 is missing"]`, "shard 3 is missing"},
		"a password":                {`"warnings":["http://eve:hush@store: gone"]`, "://<secret>@store: gone"},
		"VictoriaMetrics' cluster":  {`"isPartial":true`, "isPartial"},
		"warnings and infos":        {`"infos":["x"],"warnings":["y"]`, "y"},
		"an empty word":             {`"warnings":[""]`, "incomplete"},
		"a warning with its escape": {`"warnings":["\u001b[31mred\u202e"]`, "red"},
	} {
		t.Run(name, func(t *testing.T) {
			c1 := client(t, adding(c.more))
			if known := know(t, c1); len(known) != 1 || !strings.HasPrefix(known[0], "clock: ") {
				t.Errorf("known from a part: %s; want the server's own time alone", strings.Join(known, "\n"))
			}
			for _, r := range c1.Read(t.Context(), questions, hour) {
				checkUnknown(t, r, signal.Incomplete, c.words)
				if strings.Contains(r.Detail, "hush") || strings.ContainsAny(r.Detail, "\x1b\u202e") {
					t.Errorf("detail %q is not fit to be shown", r.Detail)
				}
			}
			if f := c1.Newest(t.Context(), questions, hour.To); f.Cause != signal.Incomplete || !strings.Contains(f.Detail, c.words) {
				t.Errorf("newest: %+v", f)
			}
		})
	}
}

// Controls: what is only remarked makes no answer a part of one.
func TestRemarksAreNoWarnings(t *testing.T) {
	all := len(know(t, client(t, honest)))
	for name, more := range map[string]string{
		"infos":             `"infos":["PromQL info: metric might not be a counter, name does not end in _total: \"x\""]`,
		"infos of any kind": `"infos":["x"]`,
		"no warnings":       `"warnings":[]`,
		"null":              `"warnings":null,"isPartial":null`,
		"all nodes":         `"isPartial":false`,
		"of the expression": `"warnings":["PromQL warning: bucket label \"le\" is missing or has a malformed value of \"\""]`,
		"infos as warnings": `"warnings":["PromQL info: metric might not be a counter"]`,
		"statistics":        `"stats":{"seriesFetched":"8"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if known := know(t, client(t, adding(more))); len(known) != all {
				t.Errorf("known are %d, want all %d: %s", len(known), all, strings.Join(known, "\n"))
			}
		})
	}
}

// Warnings that are none are no answer of Prometheus'.
func TestWarningsThatAreNone(t *testing.T) {
	for _, more := range []string{`"warnings":"x"`, `"warnings":{}`, `"warnings":[1]`, `"warnings":[null]`, `"isPartial":"no"`, `"isPartial":[]`} {
		checkUnknown(t, readOne(t, client(t, adding(more)), questions[0], hour), signal.Away, "not Prometheus")
	}
}
