// Package skew makes a Prometheus with another clock: a proxy before a real one that answers as a server would whose
// clock, and the times of all that it has recorded, are so much ahead or behind.
//
// It listens on loopback. It knows the times that queries bear: parameters, the modifier @ with a number, time() and
// timestamp(); and those of answers.
package skew

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Clock is the proxy. Its methods may be called at any time. Close it when done.
type Clock struct {
	*httptest.Server
	upstream string

	mu    sync.Mutex
	ahead time.Duration
	mute  bool
}

// Before gives a proxy before the server at a URL, whose clock is so much ahead.
func Before(upstream string, ahead time.Duration) *Clock {
	c := &Clock{upstream: strings.TrimSuffix(upstream, "/"), ahead: ahead}
	c.Server = httptest.NewServer(c)
	return c
}

// Set sets by how much the clock is ahead, in whole seconds.
func (c *Clock) Set(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = ahead
}

// Mute lets the server refuse to tell its time, or tell it again.
func (c *Clock) Mute(mute bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = mute
}

func (c *Clock) state() (ahead float64, mute bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead.Seconds(), c.mute
}

var (
	fixed = regexp.MustCompile(`@ (\d+(?:\.\d+)?)`)
	stamp = regexp.MustCompile(`timestamp\(([^()]*)\)`)
)

// ServeHTTP passes a request on in the real server's time, and the answer back in this one's.
func (c *Clock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ahead, mute := c.state()
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if mute && r.Form.Get("query") == "time()" {
		http.Error(w, `{"status":"error","errorType":"bad_data","error":"not told"}`, http.StatusBadRequest)
		return
	}
	form := url.Values{}
	for name, values := range r.Form {
		form[name] = values
	}
	for _, name := range []string{"time", "start", "end"} {
		if at, err := strconv.ParseFloat(form.Get(name), 64); err == nil {
			form.Set(name, strconv.FormatFloat(at-ahead, 'f', 3, 64))
		}
	}
	if q := form.Get("query"); q != "" {
		form.Set("query", inQuery(q, ahead))
	}
	c.pass(w, r, form, ahead)
}

func (c *Clock) pass(w http.ResponseWriter, r *http.Request, form url.Values, ahead float64) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, c.upstream+r.URL.Path, strings.NewReader(form.Encode()))
	if err == nil && r.Method == http.MethodGet {
		req, err = http.NewRequestWithContext(r.Context(), r.Method, c.upstream+r.URL.Path+"?"+form.Encode(), nil)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	w.Write(inAnswer(body, ahead)) //nolint:errcheck // the caller has gone
}

// inQuery puts the times in a query into the real server's.
func inQuery(q string, ahead float64) string {
	q = fixed.ReplaceAllStringFunc(q, func(s string) string {
		at, _ := strconv.ParseFloat(s[2:], 64)
		return "@ " + strconv.FormatFloat(at-ahead, 'f', 3, 64)
	})
	q = stamp.ReplaceAllString(q, fmt.Sprintf("(timestamp($1) + %v)", ahead))
	return strings.ReplaceAll(q, "time()", fmt.Sprintf("(time() + %v)", ahead))
}

// inAnswer puts the times of samples into this server's. What is no answer to a query is left as it is.
func inAnswer(body []byte, ahead float64) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var answer map[string]any
	if dec.Decode(&answer) != nil {
		return body
	}
	data, _ := answer["data"].(map[string]any)
	list, _ := data["result"].([]any)
	if data["resultType"] == "scalar" {
		move(list, ahead)
	}
	for _, s := range list {
		series, _ := s.(map[string]any)
		for _, one := range []string{"value", "histogram"} {
			sample, _ := series[one].([]any)
			move(sample, ahead)
			samples, _ := series[one+"s"].([]any)
			for _, x := range samples {
				sample, _ := x.([]any)
				move(sample, ahead)
			}
		}
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return body
	}
	return out
}

// move moves the time of one sample.
func move(sample []any, ahead float64) {
	if len(sample) != 2 {
		return
	}
	if n, ok := sample[0].(json.Number); ok {
		if at, err := n.Float64(); err == nil {
			sample[0] = json.Number(strconv.FormatFloat(at+ahead, 'f', 3, 64))
		}
	}
}
