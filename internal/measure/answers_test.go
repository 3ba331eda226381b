package measure_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// toll is a transport that answers every request by itself.
type toll func(*http.Request) io.Reader

func (f toll) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(f(r))}, nil
}

func saying(body string) toll {
	return func(*http.Request) io.Reader { return strings.NewReader(body) }
}

func client(t testing.TB, f toll, set ...func(*measure.Options)) *measure.Client {
	t.Helper()
	o := measure.Options{URL: "http://prometheus.test", Transport: f, Panicked: func(p *caught.Panic) { t.Errorf("%v\n%s", p, p.Stack) }}
	for _, s := range set {
		s(&o)
	}
	c, err := measure.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// questions are one of each kind, over the bins of an hour.
var questions = []signal.Ask{
	{Signal: "query", Kind: signal.Query, PromQL: "depth"},
	{Signal: "ratio", Kind: signal.Ratio, Metric: "requests_total", Match: `slot="green"`, Part: `code="500"`},
	{Signal: "rate", Kind: signal.Rate, Metric: "requests_total"},
	{Signal: "quantile", Kind: signal.Quantile, Metric: "seconds", Q: 0.99, Over: []signal.Number{0.1, 1}},
	{Signal: "alert", Kind: signal.Alert, Of: "Burning", Since: t0},
	{Signal: "growth", Kind: signal.Growth, Metric: "memory_bytes", Match: `slot="green"`, Beside: `slot="blue"`, Of: "started", PromQL: "limits",
		Since: t0.Add(-4 * 60 * minute)},
}

// matrix is an answer to a range query, of series as JSON has them.
func matrix(series ...string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
}

func vector(series ...string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

// column is a series of a column, at the first bins' ends.
func column(name string, values ...string) string {
	samples := make([]string, len(values))
	for i, v := range values {
		samples[i] = fmt.Sprintf(`[%d,%q]`, t0+60*signal.Instant(i+1), v)
	}
	return fmt.Sprintf(`{"metric":{"greenwatch":%q},"values":[%s]}`, name, strings.Join(samples, ","))
}

func bucket(le, value string) string {
	return fmt.Sprintf(`{"metric":{"greenwatch":"bucket/","le":%q},"values":[[%d,%q]]}`, le, t0+60, value)
}

// know tells of each question of the client what is known.
func know(t testing.TB, c *measure.Client) (known []string) {
	t.Helper()
	for _, r := range c.Read(t.Context(), questions, hour) {
		for _, b := range r.Bins {
			if b.Cause == signal.Known {
				known = append(known, fmt.Sprintf("%s: %+v", r.Signal, b))
			}
		}
		if r.Cause == signal.Known && len(r.Bins) == 0 || len(r.Detail) > 512 {
			t.Errorf("%s is unknown without a cause, or with too many words: %+v", r.Signal, r)
		}
	}
	if f := c.Newest(t.Context(), questions, hour.To); f.Cause == signal.Known {
		known = append(known, fmt.Sprintf("newest: %+v", f))
	}
	for _, b := range c.Buckets(t.Context(), questions[3:4], hour.To) {
		if b.Cause == signal.Known {
			known = append(known, fmt.Sprintf("buckets: %+v", b))
		}
	}
	if at, err := c.Clock(t.Context()); err == nil {
		known = append(known, "clock: "+at.String())
	}
	return known
}

// Whatever comes instead of an answer is a cause: never a number, and never the end of the process.
func TestWhateverComesIsACause(t *testing.T) {
	deep, seven := strings.Repeat(`[`, 100_000), `{"metric":{},"values":[[1767225660,"7"]]}`
	for name, body := range map[string]string{
		"nothing":                    ``,
		"null":                       `null`,
		"a list":                     `[]`,
		"a number":                   `1`,
		"an object":                  `{}`,
		"a page":                     `<html><body>please log in</body></html>`,
		"a status":                   `{"status":"success"}`,
		"no status":                  strings.Replace(matrix(seven), `"status":"success",`, ``, 1),
		"another status":             strings.Replace(matrix(seven), `success`, `maybe`, 1),
		"a status that is no text":   `{"status":1,"data":{"resultType":"matrix","result":[]}}`,
		"data null":                  `{"status":"success","data":null}`,
		"data a list":                `{"status":"success","data":[]}`,
		"data empty":                 `{"status":"success","data":{}}`,
		"no type":                    `{"status":"success","data":{"result":[]}}`,
		"type null":                  `{"status":"success","data":{"resultType":null,"result":[]}}`,
		"another type":               `{"status":"success","data":{"resultType":"string","result":[1767225660,"x"]}}`,
		"no result":                  `{"status":"success","data":{"resultType":"matrix"}}`,
		"result null":                `{"status":"success","data":{"resultType":"matrix","result":null}}`,
		"result an object":           `{"status":"success","data":{"resultType":"matrix","result":{}}}`,
		"result of null":             matrix(`null`),
		"vector of null":             vector(`null`),
		"scalar of null":             `{"status":"success","data":{"resultType":"scalar","result":[null,null]}}`,
		"scalar empty":               `{"status":"success","data":{"resultType":"scalar","result":[]}}`,
		"scalar infinite":            `{"status":"success","data":{"resultType":"scalar","result":[1767225660,"+Inf"]}}`,
		"result of lists":            matrix(`[]`),
		"series without samples":     matrix(`{}`),
		"samples null":               matrix(`{"metric":{},"values":null}`),
		"labels null":                matrix(`{"metric":null,"values":[[1767225660,"1"]]}`),
		"a label that is a number":   matrix(`{"metric":{"greenwatch":1},"values":[[1767225660,"1"]]}`),
		"a label twice":              matrix(`{"metric":{"greenwatch":"total","greenwatch":"part"},"values":[[1767225660,"1"]]}`),
		"a key twice":                matrix(`{"metric":{},"values":[[1767225660,"1"]],"values":[[1767225660,"2"]]}`),
		"a sample of one":            matrix(`{"metric":{},"values":[[1767225660]]}`),
		"a sample of three":          matrix(`{"metric":{},"values":[[1767225660,"1","2"]]}`),
		"a sample of null":           matrix(`{"metric":{},"values":[null]}`),
		"a value that is a number":   matrix(`{"metric":{},"values":[[1767225660,1]]}`),
		"a value that is a word":     matrix(`{"metric":{},"values":[[1767225660,"many"]]}`),
		"a value beyond numbers":     matrix(`{"metric":{},"values":[[1767225660,"1e999"]]}`),
		"a value without end":        matrix(column("total", "+Inf"), column("classic-total", "-Inf"), column("firing", "Inf")),
		"a value that is none":       matrix(column("total", "NaN"), column("classic-total", "NaN"), column("firing", "NaN")),
		"less than nothing":          matrix(column("total", "-5"), column("part", "-7"), column("classic-total", "-1"), column("firing", "-1")),
		"more than can be counted":   matrix(column("total", "1e300"), column("part", "1e299"), column("classic-total", "1e300"), column("firing", "1e300")),
		"a time that is a text":      matrix(`{"metric":{},"values":[["1767225660","1"]]}`),
		"a time beyond numbers":      matrix(`{"metric":{},"values":[[1e999,"1"]]}`),
		"a time of another age":      matrix(`{"metric":{},"values":[[1e15,"1"]]}`),
		"times out of order":         matrix(`{"metric":{},"values":[[1767225720,"1"],[1767225660,"2"]]}`),
		"a time twice":               matrix(`{"metric":{},"values":[[1767225660,"1"],[1767225660,"2"]]}`),
		"a time before the range":    matrix(`{"metric":{},"values":[[1767000000,"1"]]}`),
		"a time after the range":     matrix(`{"metric":{},"values":[[1767300000,"1"]]}`),
		"a time between":             matrix(`{"metric":{},"values":[[1767225661,"1"]]}`),
		"a series twice":             matrix(column("total", "8"), column("total", "9")),
		"a column twice":             matrix(column("total", "8"), strings.Replace(column("total", "9"), `{"greenwatch"`, `{"x":"y","greenwatch"`, 1)),
		"a column not asked for":     vector(`{"metric":{"greenwatch":"samples/99"},"value":[1767229200,"5"]}`, `{"metric":{"greenwatch":"newest"},"value":[1767229200,"1767229190"]}`),
		"a column below":             vector(`{"metric":{"greenwatch":"samples/-1"},"value":[1767229200,"5"]}`, `{"metric":{"greenwatch":"newest"},"value":[1767229200,"1767229190"]}`),
		"a newest sample to come":    vector(`{"metric":{"greenwatch":"newest"},"value":[1767229200,"1767300000"]}`),
		"a newest sample of no time": vector(`{"metric":{"greenwatch":"newest"},"value":[1767229200,"1e300"]}`, `{"metric":{"greenwatch":"newest","job":"a"},"value":[1767229200,"NaN"]}`),
		"a vector with many samples": vector(`{"metric":{"greenwatch":"newest"},"value":[1767229200,"1767229190"],"histogram":[1767229200,{}]}`),
		"histograms":                 matrix(`{"metric":{},"histograms":[[1767225660,{"count":"1","sum":"1","buckets":[[0,"1","2","1"]]}]]}`),
		"histograms of null":         matrix(`{"metric":{},"histograms":[[1767225660,null]]}`),
		"more of it than all":        matrix(column("total", "1"), column("part", "2")),
		"cut off":                    matrix(`{"metric":{},"values":[[1767225660,"1"]]}`)[:100],
		"cut off in its labels":      matrix(`{"metric":{"a":"b`)[:70],
		"followed by more":           matrix(`{"metric":{},"values":[[1767225660,"1"]]}`) + `{}`,
		"no UTF-8":                   "\xff\xfe{\"status\"",
		"with a mark":                "\xef\xbb\xbf" + matrix(),
		"nested":                     deep,
		"nested aside":               `{"x":` + deep,
		"nested objects":             strings.Repeat(`{"a":`, 100_000),
		"a long key":                 `{"` + strings.Repeat("k", 1<<20) + `":1}`,
		"a long number":              `{"status":` + strings.Repeat("9", 1<<20) + `}`,
		"a long space":               strings.Repeat(" ", 8<<20) + matrix(),
		"no rules":                   `{"status":"success","data":{"groups":[null]}}`,
		"rules null":                 `{"status":"success","data":{"groups":[{"rules":[null]}]}}`,
		"an error without words":     `{"status":"error"}`,
		"an error, and a result":     `{"status":"error","errorType":"timeout","error":"gone","data":{"resultType":"matrix","result":[]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if known := know(t, client(t, saying(body))); len(known) > 0 {
				t.Errorf("known from this: %s", strings.Join(known, "\n"))
			}
		})
	}
}

// honest answers each question as a server would: the control of the test above.
func honest(r *http.Request) io.Reader {
	query := r.FormValue("query")
	switch {
	case strings.HasSuffix(r.URL.Path, "/rules"):
		return strings.NewReader(`{"status":"success","data":{"groups":[{"name":"g","rules":[{"name":"Burning","type":"alerting","health":"ok","extra":[{}]}]}]},"infos":["x"]}`)
	case query == "time()":
		return strings.NewReader(`{"status":"success","data":{"resultType":"scalar","result":[1767229200.5,"1767229200.5"]}}`)
	case strings.HasSuffix(query, "[10m]"):
		return strings.NewReader(matrix(`{"metric":{"job":"a"},"values":[[1767229170,"1"],[1767229185,"2"]],"histograms":[[1767229155,{"count":"1","buckets":[[0,"1","2","1"]]}]]}`))
	case strings.Contains(query, "count_over_time"):
		return strings.NewReader(vector(`{"metric":{"greenwatch":"newest","job":"a"},"value":[1767229200,"1767229185"]}`,
			`{"metric":{"greenwatch":"samples/0","job":"a"},"value":[1767229200,"40"]}`))
	case !strings.HasSuffix(r.URL.Path, "/query_range"):
		return strings.NewReader(vector(`{"metric":{"greenwatch":"bucket/","le":"0.1"},"value":[1767229200,"1"]}`, `{"metric":{"greenwatch":"bucket/","le":"+Inf"},"value":[1767229200,"1"]}`))
	case query == "depth":
		return strings.NewReader(matrix(`{"metric":{},"values":[[1767225660,"7"]]}`))
	case strings.Contains(query, "memory_bytes"):
		return strings.NewReader(climb(r))
	case strings.Contains(query, "ALERTS"):
		return strings.NewReader(matrix(column("firing", "1")))
	case strings.Contains(query, "present_over_time"):
		return strings.NewReader(matrix(column("known", "1")))
	case strings.Contains(query, "seconds"):
		return strings.NewReader(matrix(column("classic", "0.3"), column("classic-total", "100"), bucket("0.1", "60"), bucket("1", "90"), bucket("+Inf", "100")))
	}
	if !strings.Contains(query, `"part"`) {
		return strings.NewReader(matrix(column("total", "8")))
	}
	return strings.NewReader(matrix(column("total", "8"), column("part", "2")))
}

// climb is memory that grows to its limit.
func climb(r *http.Request) string {
	var samples, limit []string
	for at := formInstant(r, "start"); at <= formInstant(r, "end"); at += 120 {
		samples = append(samples, fmt.Sprintf(`[%d,"%d"]`, at, int64(at-t0+1_000_000)*1000))
		limit = append(limit, fmt.Sprintf(`[%d,"1e12"]`, at))
	}
	return matrix(fmt.Sprintf(`{"metric":{"greenwatch":"memory","pod":"a"},"values":[%s]}`, strings.Join(samples, ",")),
		fmt.Sprintf(`{"metric":{"greenwatch":"limit","pod":"a"},"values":[%s]}`, strings.Join(limit, ",")))
}

func TestHonestAnswersAreKnown(t *testing.T) {
	known := know(t, client(t, honest))
	for _, want := range []string{"query: ", "ratio: ", "rate: ", "quantile: ", "alert: ", "growth: ", "newest: ", "buckets: ", "clock: "} {
		if !slices.ContainsFunc(known, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%sis not known from an honest answer; known is %s", want, strings.Join(known, "\n"))
		}
	}
}

// Of two series with the same labels none can be told to be the right one.
func TestASeriesComesOnce(t *testing.T) {
	twice := false
	c := client(t, func(r *http.Request) io.Reader {
		text := climb(r)
		if !twice {
			return strings.NewReader(text)
		}
		list := strings.TrimSuffix(strings.TrimPrefix(text, inMatrix), "]}}")
		return strings.NewReader(matrix(list, list))
	})
	if r := readOne(t, c, questions[5], hour); r.Cause != signal.Known {
		t.Errorf("control: %+v", r)
	}
	twice = true
	checkUnknown(t, readOne(t, c, questions[5], hour), signal.Away, "comes twice")
}

// Buckets that contradict each other say nothing of what lies above a bound between them.
func TestBucketsThatFall(t *testing.T) {
	over := func(at100ms, at1s string) []signal.Over {
		body := matrix(column("classic", "0.3"), column("classic-total", "100"), bucket("0.05", at100ms), bucket("2", at1s), bucket("NaN", "5"))
		r := readOne(t, client(t, saying(body)), questions[3], measure.Range{From: t0, To: t0 + 60, Bin: minute})
		if len(r.Bins) != 1 || len(r.Bins[0].Over) != 2 {
			t.Fatalf("got %+v, want one bin", r)
		}
		return r.Bins[0].Over
	}
	if got, want := over("60", "90"), (signal.Over{Bound: 0.1, Least: 10, Most: 40}); got[0] != want {
		t.Errorf("control: got %+v, want %+v", got[0], want)
	}
	for _, falling := range [][]signal.Over{over("90", "60"), over("60", "-5")} {
		if want := (signal.Over{Bound: 0.1, Least: 0, Most: 100}); falling[0] != want {
			t.Errorf("got %+v, want %+v", falling[0], want)
		}
	}
}

// A rotten part of all is none, however the sums were rounded.
func TestAPartIsNoMoreThanItsWhole(t *testing.T) {
	for part, want := range map[string]signal.Bin{
		"2":                  {Value: 0.25, Total: 8, Part: 2},
		"8.0000000000000018": {Value: 1, Total: 8, Part: 8},
		"8.1":                {Cause: signal.NaN},
		"-1":                 {Cause: signal.NaN},
	} {
		want.End = t0 + 60
		r := readOne(t, client(t, saying(matrix(column("total", "8"), column("part", part)))), questions[1], measure.Range{From: t0, To: t0 + 60, Bin: minute})
		if len(r.Bins) != 1 || fmt.Sprint(r.Bins[0]) != fmt.Sprint(want) {
			t.Errorf("%s of 8: got %+v, want %+v", part, r, want)
		}
	}
}

// A native histogram may hold parts of events: of half a one no more than that lies above a bound.
func TestPartsOfEvents(t *testing.T) {
	for total, want := range map[string]signal.Over{"0.5": {Bound: 0.1, Least: 0.5, Most: 0.5}, "8": {Bound: 0.1, Least: 8, Most: 8}} {
		body := matrix(column("native", "0.3"), column("native-total", total), column("fraction/0.1", "0"), column("fraction/1", "1"))
		r := readOne(t, client(t, func(r *http.Request) io.Reader {
			if strings.HasSuffix(r.URL.Path, "/query") {
				return strings.NewReader(vector(`{"metric":{},"histogram":[1767225660,{"buckets":[[0,"0.5","0.545253866332628","1"]]}]}`))
			}
			return strings.NewReader(body)
		}), questions[3], measure.Range{From: t0, To: t0 + 60, Bin: minute})
		if len(r.Bins) != 1 || len(r.Bins[0].Over) != 2 || r.Bins[0].Over[0] != want {
			t.Errorf("of %s events: got %+v, want %+v", total, r, want)
		}
	}
}

// FuzzAnswer gives any text as the answer to everything: nothing panics, and no number is known that is not in it.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`null`, `{"status":"success","data":{"resultType":"matrix","result":[null]}}`, matrix(column("total", "8"), column("part", "2")),
		matrix(column("classic", "0.3"), column("classic-total", "100"), bucket("0.1", "60"), bucket("+Inf", "100")), matrix(column("firing", "1"), column("standing", "1"), column("alive", "1")),
		matrix(`{"metric":{},"values":[[1767225660,"7"],[1767225720,"NaN"]]}`), vector(`{"metric":{"greenwatch":"newest"},"value":[1767229200,"1767229190"]}`,
			`{"metric":{"greenwatch":"samples/0","job":"a"},"value":[1767229200,"5"]}`), `{"status":"success","data":{"groups":[{"rules":[{"name":"Burning","type":"alerting","health":"ok"}]}]}}`,
		`{"status":"success","data":{"resultType":"scalar","result":[1767225660,"1767225660"]}}`, matrix(column("native", "1", "2"), column("native-total", "3", "4"), column("fraction/0.1", "0.5", "2")),
		matrix(`{"metric":{"greenwatch":"memory","pod":"a"},"values":[[1767225600,"5"],[1767225720,"6"]]}`), `{"status":"error","errorType":"timeout","error":"x"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := client(t, func(*http.Request) io.Reader { return bytes.NewReader(body) })
		said := numbersIn(body)
		for _, r := range c.Read(t.Context(), questions, hour) {
			for _, b := range r.Bins {
				checkSaid(t, said, r.Signal, b)
			}
		}
		c.Newest(t.Context(), questions, hour.To)
		for _, b := range c.Buckets(t.Context(), questions[3:4], hour.To) {
			for _, e := range b.Ends {
				if !said[float64(e)] {
					t.Errorf("a bucket ends at %s, which was not said", e)
				}
			}
		}
		if at, err := c.Clock(t.Context()); err == nil && (at.Before(time.Unix(0, 0)) || at.Year() > 2106) {
			t.Errorf("the clock is %s", at)
		}
	})
}

// checkSaid fails unless a known bin's numbers were said. A growth's is reckoned from many.
func checkSaid(t *testing.T, said map[float64]bool, name string, b signal.Bin) {
	t.Helper()
	var numbers []signal.Number
	switch {
	case b.Cause != signal.Known:
		return
	case b.Value.IsNaN() || b.Total < 0 || b.Part < 0 || b.Part > b.Total || math.IsInf(float64(b.Value), 0) && name != "growth":
		t.Errorf("%s is known to be %+v", name, b)
	case name == "query" || name == "alert" && b.Value != 0:
		numbers = append(numbers, b.Value)
	case name == "ratio" || name == "rate":
		numbers = append(numbers, b.Total)
	case name == "quantile":
		numbers = append(numbers, b.Value, b.Total)
	}
	for _, n := range numbers {
		if !said[float64(n)] && n != 0 {
			t.Errorf("%s is known to be %+v, but %s was not said", name, b, n)
		}
	}
	for _, o := range b.Over {
		if !(0 <= o.Least && o.Least <= o.Most && o.Most <= b.Total) {
			t.Errorf("%s: above %s lie %s to %s of %s", name, o.Bound, o.Least, o.Most, b.Total)
		}
	}
}

// numbersIn gives all texts in a JSON text that are numbers.
func numbersIn(body []byte) map[float64]bool {
	found := map[float64]bool{}
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		word, err := d.Token()
		if err != nil {
			return found
		}
		if s, ok := word.(string); ok {
			if n, err := strconv.ParseFloat(s, 64); err == nil {
				found[n] = true
			}
		}
	}
}
