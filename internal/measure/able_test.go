package measure_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// lacking answers classic histograms, and refuses whatever has one of the words in it.
type lacking struct {
	words  []string
	says   string
	status int
	asked  []string
}

// RoundTrip implements http.RoundTripper.
func (l *lacking) RoundTrip(r *http.Request) (*http.Response, error) {
	query := r.FormValue("query")
	l.asked = append(l.asked, query)
	w := httptest.NewRecorder()
	for _, word := range l.words {
		if strings.Contains(query, word) {
			w.WriteHeader(l.status)
			fmt.Fprintf(w, `{"status":"error","errorType":"x","error":%q}`, l.says)
			return w.Result(), nil
		}
	}
	_, _ = io.Copy(w, honest(r))
	return w.Result(), nil
}

// count gives how many of the questions have a word in them.
func (l *lacking) count(word string) (n int) {
	for _, q := range l.asked {
		if strings.Contains(q, word) {
			n++
		}
	}
	return n
}

// What servers say of a function that they don't know is up to each: they are asked for nothing else once, and then no
// more, for a day. A question that is refused for another reason is still asked as it was.
func TestWhatAServerLacksIsLearntOnce(t *testing.T) {
	quantile := questions[3]
	for name, c := range map[string]struct {
		l     lacking
		cause signal.Cause
		asked int // questions with histogram_count in a hundred readings
	}{
		"VictoriaMetrics":      {lacking{words: []string{"histogram_count(", "histogram_fraction("}, status: 422, says: `unknown func "histogram_count"`}, signal.Known, 2},
		"one function of both": {lacking{words: []string{"histogram_count("}, status: 400, says: "cannot parse"}, signal.Known, 2},
		"Prometheus of old":    {lacking{words: []string{"histogram_fraction("}, status: 400, says: `parse error: unknown function with name "histogram_fraction"`}, signal.Known, 2},
		"control: all of it":   {lacking{}, signal.Known, 100},
		"control: the metric":  {lacking{words: []string{"seconds_bucket"}, status: 400, says: "histogram_count( is in this question"}, signal.QueryError, 101},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := client(t, saying(""), func(o *measure.Options) { o.Transport = &c.l })
				for range 100 {
					if r := readOne(t, m, quantile, hour); r.Cause != c.cause || c.cause == signal.Known && r.Bins[0].Total != 100 {
						t.Fatalf("got %+v", r)
					}
				}
				if got := c.l.count("histogram_count("); got != c.asked {
					t.Errorf("%d questions have histogram_count in them, want %d", got, c.asked)
				}
				time.Sleep(25 * time.Hour)
				readOne(t, m, quantile, hour)
				if again := c.l.count("histogram_count("); c.asked == 2 && again != 4 {
					t.Errorf("a day later it was asked %d times more, want twice", again-c.asked)
				}
			})
		})
	}
}
