package meter

import (
	"net/http"
	"strconv"
)

// CountAPI counts the requests that go through next, and changes nothing of them.
func (m *Meter) CountAPI(next http.RoundTripper) http.RoundTripper {
	return counting{meter: m, next: next}
}

type counting struct {
	meter *Meter
	next  http.RoundTripper
}

// RoundTrip passes a request on and counts it by its method and the answer's status code.
func (c counting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	code := 0
	if err == nil {
		code = resp.StatusCode
	}
	c.meter.requests.WithLabelValues(among(verbs(), req.Method), status(code)).Inc()
	return resp, err
}

// status writes a code that HTTP knows, and 0 for anything else.
func status(code int) string {
	if http.StatusText(code) == "" {
		code = 0
	}
	return strconv.Itoa(code)
}
