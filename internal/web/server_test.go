package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections in memory, so that time is the test's own.
type pipes struct {
	calls chan net.Conn
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{calls: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.ended); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) call() net.Conn {
	here, there := net.Pipe()
	p.calls <- there
	return here
}

// serving runs a test's calls against the server as the daemon runs it.
func serving(t *testing.T, calls func(p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p, done := newPipes(), make(chan error, 1)
		go func() { done <- Server{Handler: New(options())}.Serve(ctx, p) }()
		calls(p)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// lasts tells how long the server leaves a connection open on which the caller writes a piece of text
// every second and reads if he does.
func lasts(c net.Conn, pieces string, reads bool) time.Duration {
	begun := time.Now()
	go func() {
		for i := range pieces {
			if _, err := io.WriteString(c, pieces[i:i+1]); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}()
	if reads {
		io.Copy(io.Discard, c) //nolint:errcheck // that it ends is what counts
		return time.Since(begun)
	}
	time.Sleep(10 * time.Minute)
	if _, err := io.ReadAll(c); err != nil {
		return 10 * time.Minute
	}
	return 0 // closed before
}

func TestSlowCallersAreCut(t *testing.T) {
	const request = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
	serving(t, func(p *pipes) {
		if d := lasts(p.call(), strings.Repeat("G", 600), true); d > headerWithin+time.Second {
			t.Errorf("a header that drips: %s", d)
		}
		if d := lasts(p.call(), "", true); d > headerWithin+time.Second {
			t.Errorf("a connection without a word: %s", d)
		}
		c := p.call()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n") //nolint:errcheck // what comes of it is seen
		if d := lasts(c, strings.Repeat("b", 600), true); d > readWithin+writeWithin {
			t.Errorf("a body that drips: %s", d)
		}
		c = p.call()
		io.WriteString(c, request+"\r\n") //nolint:errcheck // the same
		if d := lasts(c, "", true); d < idleFor || d > idleFor+writeWithin {
			t.Errorf("an idle connection: %s, want %s", d, idleFor)
		}
		c = p.call()
		io.WriteString(c, request+"\r\n") //nolint:errcheck // the same
		if d := lasts(c, "", false); d > 0 {
			t.Error("a caller who doesn't read is still being answered after ten minutes")
		}
		// control: who takes four seconds for his header is answered
		c = p.call()
		go func() {
			io.WriteString(c, request) //nolint:errcheck // the answer tells
			time.Sleep(4 * time.Second)
			io.WriteString(c, "\r\n") //nolint:errcheck // the answer tells
		}()
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("a slow but honest caller: %v, %v", answer, err)
		}
		c.Close()
	})
}

func TestLongHeadersAreRefused(t *testing.T) {
	serving(t, func(p *pipes) {
		for size, want := range map[int]int{1 << 10: http.StatusOK, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
			c := p.call()
			go fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", size))
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || answer.StatusCode != want {
				t.Errorf("a header of %d bytes: %v, %v; want %d", size, answer, err, want)
			}
			c.Close()
		}
	})
}

// crowd opens n connections to an address that ask for a page and don't read, from one loopback address.
func crowd(t *testing.T, to, from string, n int) (all []net.Conn) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range n {
		c, err := dialer.DialContext(t.Context(), "tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.(*net.TCPConn).SetReadBuffer(4 << 10) //nolint:errcheck // then more fits
		for range 20 {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				break
			}
		}
		all = append(all, c)
	}
	return all
}

// stillOpen counts the connections that the server has not closed.
func stillOpen(all []net.Conn) (n int) {
	for _, c := range all {
		c.SetReadDeadline(time.Now().Add(5 * time.Millisecond)) //nolint:errcheck // then the read tells
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

// Four hundred callers who don't read: few are kept, and the kubelet is answered all the while, from an
// address of its own or from theirs.
func TestACrowdLeavesRoom(t *testing.T) {
	const callers = 400
	var cut atomic.Int32
	o := Options{Pages: (&shelf{releases: many(1000)}).pages(), Healthy: func(context.Context) error { return nil }}
	at := func(serve func(context.Context, net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- serve(ctx, l) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		return l.Addr().String()
	}
	var all []net.Conn
	begun := time.Now()
	limited := at(Server{Handler: New(o), Cut: func() { cut.Add(1) }}.Serve)
	for i := range 5 {
		all = append(all, crowd(t, limited, fmt.Sprintf("127.0.0.%d", 10+i), callers/5)...)
	}
	for cut.Load() < callers-mostConnections { // each comes in, though not at once
		if t.Context().Err() != nil || time.Since(begun) > time.Minute {
			t.Fatalf("%d connections were cut, want %d", cut.Load(), callers-mostConnections)
		}
		time.Sleep(time.Millisecond)
	}
	for _, from := range []string{"127.0.0.2", "127.0.0.10"} {
		client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext}}
		answer, err := client.Get("http://" + limited + "/healthz")
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("the kubelet at %s: %v, %v", from, answer, err)
			continue
		}
		answer.Body.Close()
	}
	if n := stillOpen(all); n > mostConnections {
		t.Errorf("%d of %d connections are open, want at most %d", n, len(all), mostConnections)
	}
	// control: a server without limits keeps them all
	bare := at(func(ctx context.Context, l net.Listener) error {
		s := &http.Server{Handler: New(o)}
		context.AfterFunc(ctx, func() { s.Close() })
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	if n := stillOpen(crowd(t, bare, "127.0.0.10", callers/5)); n != callers/5 {
		t.Errorf("without limits %d of %d connections are open: the attack is none", n, callers/5)
	}
}

// Who makes room: the oldest of the same address, else the oldest of the address that has the most.
func TestWhoMakesRoom(t *testing.T) {
	r := newRoom(nil, nil)
	enter := func(address string) (*guest, *guest) {
		g := &guest{room: r, address: address}
		return g, r.admit(g)
	}
	kubelet, _ := enter("kubelet")
	var first *guest
	for i := range mostPerAddress {
		g, out := enter("greedy")
		if i == 0 {
			first = g
		}
		if out != nil {
			t.Fatalf("%d connections of an address, and one was cut", i+1)
		}
	}
	if _, out := enter("greedy"); out != first {
		t.Errorf("one too many of an address: %+v was cut, want its oldest", out)
	}
	for i := 0; r.n < mostConnections; i++ {
		if _, out := enter(fmt.Sprint("other-", i)); out != nil {
			t.Fatal("there was room, and one was cut")
		}
	}
	if _, out := enter("new"); out == nil || out.address != "greedy" {
		t.Errorf("one too many in all: %+v was cut, want the oldest of the greediest", out)
	}
	if r.leave(kubelet); r.n != mostConnections-1 {
		t.Errorf("%d are in, want %d", r.n, mostConnections-1)
	}
	if r.leave(kubelet) != nil || r.n != mostConnections-1 {
		t.Error("who left twice was counted twice")
	}
}
