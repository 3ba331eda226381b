package stage

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/knowledgebeast/greenwatch/internal/lab"
)

// transport trusts the lab's API server and no other.
func transport(l *lab.Lab) (http.RoundTripper, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(l.CA()) {
		return nil, errors.New("the lab's CA is not a certificate")
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 32}, nil
}
