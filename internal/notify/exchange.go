package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrTooLong is an answer longer than its reader was ready for.
var ErrTooLong = errors.New("the answer is too long")

// NewClient is an HTTP client fit to carry a token. It follows no redirect, which would carry
// the token to another host, and gives each request no more than timeout. Without a transport
// it gets one of its own, with the proxy that the environment names.
func NewClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxResponseHeaderBytes = 64 << 10
		transport = own
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckBaseURL refuses what cannot be a provider's base URL, or would show a credential in
// errors. The error does not repeat the URL.
func CheckBaseURL(base string) error {
	parsed, err := url.Parse(base)
	switch {
	case err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http"):
		return errors.New("base URL: want one like https://host/path")
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return errors.New("base URL: leave out user, query and fragment")
	}
	return nil
}

// Exchange is one request and its answer. It stands between a provider's library and the
// network, bounds the answer, and remembers of it what libraries drop: the bare status, the
// body of a refusal, Retry-After.
type Exchange struct {
	Client *http.Client
	Limit  int64 // the longest body to be read, in bytes

	Status int           // 0: no answer came
	After  time.Duration // what Retry-After asked for
	Body   []byte        // empty if it could not be read
	Err    error         // the network's
}

// Do performs the request and reads the answer to its end.
func (x *Exchange) Do(req *http.Request) (*http.Response, error) {
	resp, err := x.Client.Do(req)
	if err != nil {
		x.Err = err
		return nil, err
	}
	defer resp.Body.Close()
	x.Status = resp.StatusCode
	x.After = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	x.Body, x.Err = readUpTo(resp.Body, x.Limit)
	if x.Err != nil {
		return nil, x.Err
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.Body))
	return resp, nil
}

// Retryable says whether the same request can succeed later, as far as HTTP tells: after no
// answer, a busy or failing server, or an answer that is not the provider's.
func (x *Exchange) Retryable() bool {
	switch {
	case x.Status == 0:
		return x.Err != nil // else no request was made
	case x.Status >= 500:
		return true
	case x.Status == http.StatusRequestTimeout, x.Status == http.StatusTooManyRequests:
		return true
	}
	return x.Status/100 == 2
}

// RefusesSender says whether an answer speaks of who sends, or of where to, rather than of the message, as far
// as HTTP tells.
func (x *Exchange) RefusesSender() bool {
	if x.Status/100 != 3 && x.Status/100 != 4 || x.Retryable() {
		return false
	}
	switch x.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge:
		return false
	}
	return true
}

// Explain says in a few words what came back, and what to do about it.
func (x *Exchange) Explain() string {
	switch status := strings.TrimSpace(fmt.Sprintf("HTTP %d %s", x.Status, http.StatusText(x.Status))); {
	case x.Err != nil && x.Status == 0:
		return x.Err.Error()
	case x.Err != nil:
		return status + ", and its body could not be read: " + x.Err.Error()
	case x.Status/100 == 3:
		return status + ": redirects are not followed, set the base URL to the final address"
	case x.Status == http.StatusNotFound:
		return status + ": check the base URL"
	default:
		return status
	}
}

func readUpTo(body io.Reader, limit int64) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(read)) > limit:
		return nil, fmt.Errorf("%w: over %d bytes", ErrTooLong, limit)
	}
	return read, nil
}

// retryAfter reads the header in both of its forms, seconds and a date (RFC 9110, 10.2.3). An
// hour is the most that it believes.
func retryAfter(header string, now time.Time) time.Duration {
	const most = time.Hour
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(most/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), most)
	}
	return 0
}
