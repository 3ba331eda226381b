package standin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a stand-in that listens.
type Server struct {
	// URL is where it listens, as in http://127.0.0.1:8080, without a path.
	URL string

	web *http.Server
}

// start serves h on a loopback address; port 0 picks one.
func start(addr string, h http.Handler) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("start stand-in on %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("start stand-in on %q: want a loopback address", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start stand-in: %w", err)
	}
	s := &Server{URL: "http://" + listener.Addr().String(), web: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}}
	go func() { _ = s.web.Serve(listener) }()
	return s, nil
}

// Close stops listening and cuts all connections.
func (s *Server) Close() error {
	if err := s.web.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop stand-in on %s: %w", s.URL, err)
	}
	return nil
}
