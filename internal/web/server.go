package web

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

// Server answers on a listener so that no caller can use it up: headers, answers and idle connections have
// their time, and connections are limited in number, in all and for each address.
type Server struct {
	Handler http.Handler
	// Log gets what goes wrong while serving; nil: the standard log.
	Log *log.Logger
	// Cut is told of each connection that was closed to make room for a newer one; it may be nil.
	Cut func()
}

const (
	headerWithin = 5 * time.Second
	readWithin   = 10 * time.Second
	// writeWithin is from the end of a request's header to the end of its answer: longer than metrics may take.
	writeWithin  = 15 * time.Second
	idleFor      = time.Minute
	mostHeader   = 16 << 10
	shutDownTime = 5 * time.Second
)

// Serve answers until ctx ends, finishes what is under way, and closes the listener.
func (s Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.Handler, ErrorLog: s.Log, MaxHeaderBytes: mostHeader,
		ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleFor,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutDownTime)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close() //nolint:errcheck // what is still open then is cut
		}
	})
	err := server.Serve(newRoom(l, s.Cut))
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", l.Addr(), err)
}
