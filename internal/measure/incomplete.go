package measure

import (
	"encoding/json"
	"fmt"
	"strings"
)

// mostWarnings is how many of an answer's warnings are kept.
const mostWarnings = 3

// incomplete is the error of an answer that says itself that it lacks something; it holds the server's words. What was
// counted in a part is no count of the whole.
type incomplete []string

// Error implements error.
func (w incomplete) Error() string {
	return "the answer is incomplete, by its own words: " + strings.Join(w, "; ")
}

// annotations begin what Prometheus' engine remarks on how it evaluated an expression, which is the same whatever was
// there to evaluate: no data was missing. Some query layers hand on infos as warnings.
var annotations = [...]string{"PromQL warning: ", "PromQL info: "}

// add keeps a warning that something was missing.
func (w *incomplete) add(warning string) {
	for _, a := range annotations {
		if strings.HasPrefix(warning, a) {
			return
		}
	}
	if len(*w) < mostWarnings {
		*w = append(*w, clean(warning))
	}
}

// warnings reads those of an answer, of which there may be none.
func (w *incomplete) warnings(t *tokens) func() error {
	return func() error {
		switch word, err := t.next(); {
		case err != nil:
			return err
		case word == nil:
			return nil
		case word != json.Delim('['):
			return fmt.Errorf("warnings are %s; want a list", kindOf(word))
		}
		return t.items(func() error {
			text, err := t.text("a warning")
			if err == nil {
				w.add(text)
			}
			return err
		})
	}
}

// partial reads whether VictoriaMetrics' cluster says that some of its nodes did not answer.
func (w *incomplete) partial(t *tokens) func() error {
	return func() error {
		word, err := t.next()
		if err != nil {
			return err
		}
		switch word {
		case nil, false:
			return nil
		case true:
			w.add("isPartial: some of its storage nodes did not answer")
			return nil
		}
		return fmt.Errorf("isPartial is %s; want true or false", kindOf(word))
	}
}
