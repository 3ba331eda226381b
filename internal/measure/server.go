package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// longestRefusal is how much is read of an answer that is none, in bytes.
const longestRefusal = 64 << 10

// server is an HTTP API, which is asked in forms. What it answers is read as it comes, and never whole.
type server struct {
	url  *url.URL
	http *http.Client
}

func newServer(address string, transport http.RoundTripper) (server, error) {
	u, err := checkURL(address)
	if err != nil {
		return server{}, err
	}
	return server{url: u, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// query asks by POST, as queries may be longer than a URL, and by GET where that is not allowed.
func (s server) query(ctx context.Context, path string, form url.Values, read func(io.Reader) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.JoinPath(path).String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header["Idempotency-Key"] = nil // not sent: a connection that was lost is tried again, as for GET
	status, err := s.send(r, read)
	switch status {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return s.get(ctx, path, form, read)
	}
	return err
}

func (s server) get(ctx context.Context, path string, form url.Values, read func(io.Reader) error) error {
	u := s.url.JoinPath(path)
	u.RawQuery = form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	_, err = s.send(r, read)
	return err
}

func (s server) send(r *http.Request, read func(io.Reader) error) (status int, err error) {
	response, err := s.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		return response.StatusCode, read(response.Body)
	}
	return response.StatusCode, refusal(response)
}

// redirected is the error of an answer that leads elsewhere. Nobody goes there: what the request carries is for the
// server of the daemon's file alone.
type redirected struct{ to string }

// Error implements error.
func (r redirected) Error() string {
	return fmt.Sprintf("it redirects to %s, and no redirect is followed: write the address that answers itself into the daemon's file", r.to)
}

// refusal is the error of an answer that is none.
func refusal(r *http.Response) error {
	if to, err := r.Location(); err == nil && r.StatusCode/100 == 3 {
		return redirected{(&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()}
	}
	text, _ := io.ReadAll(io.LimitReader(r.Body, longestRefusal)) // what could be read of it
	e := &v1.Error{Type: v1.ErrBadResponse, Msg: fmt.Sprintf("bad response code %d", r.StatusCode), Detail: string(text)}
	switch r.StatusCode / 100 {
	case 4:
		e.Type, e.Msg = v1.ErrClient, fmt.Sprintf("client error: %d", r.StatusCode)
	case 5:
		e.Type, e.Msg = v1.ErrServer, fmt.Sprintf("server error: %d", r.StatusCode)
	}
	if r.StatusCode == http.StatusBadRequest || r.StatusCode == http.StatusUnprocessableEntity {
		return said(e, text)
	}
	return e
}

// said is an error with Prometheus' own words, where it has any.
func said(e *v1.Error, text []byte) error {
	var body struct {
		Status    string       `json:"status"`
		ErrorType v1.ErrorType `json:"errorType"`
		Error     string       `json:"error"`
	}
	switch err := json.Unmarshal(text, &body); {
	case err != nil:
		return e
	case body.Status == "success":
		return &v1.Error{Type: v1.ErrBadResponse, Msg: "inconsistent body for response code"}
	}
	if body.ErrorType != "" {
		e.Type = body.ErrorType
	}
	if body.Error != "" {
		e.Msg = body.Error
	}
	return e
}

// checkURL refuses what can't be an address, without repeating it: it may hold a password.
func checkURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("prometheus url: not a URL; want such as http://prometheus.monitoring:9090")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("prometheus url: scheme %q; want http or https", u.Scheme)
	case u.Host == "":
		return nil, errors.New("prometheus url: no host; want such as http://prometheus.monitoring:9090")
	}
	return u, nil
}
