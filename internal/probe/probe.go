// Package probe asks a service's health endpoint how its components are. It takes a JSON answer such as
//
//	{"status": "healthy", "components": {"database": {"status": "up"}}}
//
// Whom it asks is limited by Trust, since those who write policies are not those who run the daemon. It does
// not judge, remember or retry. Whoever can't be reached says nothing: that is an error, not bad health.
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// The bounds of one probe.
const (
	timeout = 5 * time.Second
	maxBody = 64 << 10
)

// Client asks. Make it with New.
type Client struct {
	trust func() Trust
	http  *http.Client
}

// New makes a client that follows no redirects and uses no proxy. What it may ask is looked up each time.
func New(trust func() Trust) Client {
	c := Client{trust: trust}
	c.http = &http.Client{
		Transport: &http.Transport{DialContext: c.dial, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: maxBody, TLSHandshakeTimeout: timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Failing gives how many components fail, of those that are named, else of all, and in words which. An
// answer other than 200, or one that can't be understood, counts as one. The URL must be one that a policy
// of the namespace may have asked.
func (c Client) Failing(ctx context.Context, namespace, address string, components []string) (n int, text string, err error) {
	if err := c.trust().Check(address, namespace); err != nil {
		return 0, "", fmt.Errorf("the URL %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, "", fmt.Errorf("probe %q: %w", address, err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "greenwatch")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("probe %s: %w", address, reason(err))
	}
	defer response.Body.Close()
	if code := response.StatusCode; code != http.StatusOK {
		return 1, fmt.Sprintf("it answers with %d %s", code, http.StatusText(code)), nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return 0, "", fmt.Errorf("probe %s: read the answer: %w", address, reason(err))
	}
	h, err := read(body)
	if err != nil {
		return 1, "its answer can't be understood: " + err.Error(), nil
	}
	n, text = h.failing(components)
	return n, text, nil
}

// reason says why there is no answer, without a word of what was answered: net/http quotes what it does not
// understand.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	_, isNet := errors.AsType[*net.OpError](err)
	_, isTLS := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s", timeout)
	case isTLS:
		return errors.New("its certificate can't be verified")
	case isNet, errors.Is(err, context.Canceled), errors.Is(err, errInside):
		return err
	}
	return errors.New("the connection ended, or what answers does not speak HTTP as it should")
}

// dial connects. A Service may lead anywhere by its own word; where it leads to the daemon's own host, or to
// what a cloud tells its machines alone, nothing is asked, but where the daemon's file names the host.
func (c Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.trust().Hosts, host) {
		d.Control = outside
	}
	return d.DialContext(ctx, network, address)
}

var errInside = errors.New("it leads to a loopback or link-local address, which is not asked unless the daemon's file names its host")

// outside refuses addresses of the own host and of the link.
func outside(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return errInside
	}
	return nil
}
