package measure

import (
	"fmt"
	"io"
	"net/http"
)

// bounded is a transport whose answers end in tooLarge after max bytes: the API client reads
// bodies whole.
type bounded struct {
	next http.RoundTripper
	max  int64
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, max: b.max}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	seen, max int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.seen += int64(n); b.seen > b.max {
		return 0, tooLarge(b.max)
	}
	return n, err
}

// tooLarge is the error of an answer with more than so many bytes.
type tooLarge int64

// Error implements error.
func (t tooLarge) Error() string { return fmt.Sprintf("answer larger than %d bytes", int64(t)) }
