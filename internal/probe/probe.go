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
	"net/netip"
	"net/url"
	"time"
)

// The bounds of one probe.
const (
	timeout = 5 * time.Second
	maxBody = 64 << 10
)

// Options are what a Client is made of.
type Options struct {
	// Trust says whom policies may have asked; it is looked up each time.
	Trust func() Trust
	// Service gives the addresses of a Service of its own, or why it is not asked. Without it no Service is.
	Service func(ctx context.Context, namespace, name string) ([]netip.Addr, error)
	// APIServer gives the addresses of Kubernetes' API server, which nobody may have asked; it may be nil.
	APIServer func(ctx context.Context) []netip.Addr
}

// Client asks. Make it with New.
type Client struct{ o Options }

// New makes a client that follows no redirects and uses no proxy.
func New(o Options) Client { return Client{o} }

// Failing gives how many components fail, of those that are named, else of all, and in words which. An
// answer other than 200, or one that can't be understood, counts as one. The URL must be one that a policy
// of the namespace may have asked.
func (c Client) Failing(ctx context.Context, namespace, address string, components []string) (n int, text string, err error) {
	if err := c.o.Trust().Check(address, namespace); err != nil {
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
	to, err := c.resolve(ctx, request.URL.Hostname(), namespace)
	if err != nil {
		return 0, "", fmt.Errorf("probe %s: %w", address, err)
	}
	response, err := c.client(to).Do(request)
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

// client makes one that reaches the target, whatever name it asks for.
func (c Client) client(to target) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return c.dial(ctx, network, port, to)
	}
	return &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: maxBody, TLSHandshakeTimeout: timeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
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
	case isNet, errors.Is(err, context.Canceled), errors.Is(err, errInside), errors.Is(err, errBarred):
		return err
	}
	return errors.New("the connection ended, or what answers does not speak HTTP as it should")
}
