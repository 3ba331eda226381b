package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

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

// page reads one that is no API's.
func (s server) page(ctx context.Context, path string, read func(io.Reader) error) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.JoinPath(path).String(), nil)
	if err != nil {
		return 0, err
	}
	return s.send(r, read)
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
