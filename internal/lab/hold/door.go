package hold

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// door is the listening side: it can be shut and opened again on the same address.
type door struct {
	mu   sync.Mutex
	addr string
	cert *tls.Certificate // nil: plain HTTP
	web  *http.Server     // nil: shut
}

// Start listens for plain HTTP on a loopback address, as in 127.0.0.1:0.
func (p *Proxy) Start(addr string) error { return p.door.open(addr, nil, p) }

// StartTLS listens for HTTPS on a loopback address, with a certificate of its own, and returns
// the PEM of the authority to trust.
func (p *Proxy) StartTLS(addr string) (authority []byte, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("start proxy on %q: %w", addr, err)
	}
	cert, authority, err := selfSigned(net.ParseIP(host))
	if err != nil {
		return nil, err
	}
	return authority, p.door.open(addr, cert, p)
}

// URL is where the proxy listens, without a path. It stays the same over Down and Up.
func (p *Proxy) URL() string {
	p.door.mu.Lock()
	defer p.door.mu.Unlock()
	if p.door.cert != nil {
		return "https://" + p.door.addr
	}
	return "http://" + p.door.addr
}

// Down cuts all connections and refuses new ones, as if the server's machine had lost its
// process. Requests that are held stay held.
func (p *Proxy) Down() error { return p.door.shut() }

// Up accepts connections again, on the same address.
func (p *Proxy) Up() error {
	p.door.mu.Lock()
	addr, cert := p.door.addr, p.door.cert
	p.door.mu.Unlock()
	return p.door.open(addr, cert, p)
}

// Close cuts all connections and drops all requests that are held.
func (p *Proxy) Close() error {
	err := p.door.shut()
	p.mu.Lock()
	holds := append(p.armed, p.taken...)
	p.armed, p.taken = nil, nil
	p.mu.Unlock()
	for _, h := range holds {
		h.Drop()
	}
	return err
}

func (d *door) open(addr string, cert *tls.Certificate, h http.Handler) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("start proxy on %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("start proxy on %q: want a loopback address", addr)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.web != nil {
		return fmt.Errorf("start proxy on %s: it listens already, on %s", addr, d.addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	d.addr, d.cert, d.web = listener.Addr().String(), cert, newServer(h)
	if cert != nil {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12})
	}
	go func(web *http.Server) { _ = web.Serve(listener) }(d.web)
	return nil
}

// newServer speaks HTTP/1.1 alone, so that a cut connection is one request's and no other's.
func newServer(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, Protocols: &protocols, ErrorLog: log.New(io.Discard, "", 0)}
}

func (d *door) shut() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.web == nil {
		return nil
	}
	err := d.web.Close()
	d.web = nil
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop proxy on %s: %w", d.addr, err)
	}
	return nil
}

// selfSigned makes a certificate for one address that is its own authority.
func selfSigned(ip net.IP) (cert *tls.Certificate, authority []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the proxy's key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "hold"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{ip},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the proxy's certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
