package web

import (
	"net"
	"slices"
	"sync"
)

const (
	// mostConnections are open at the same time, and mostPerAddress from one address of a caller.
	mostConnections = 128
	mostPerAddress  = 32
	// The kernel's buffers of a connection, in bytes: what it keeps for who doesn't read counts, too.
	writeBuffer = 64 << 10
	readBuffer  = 16 << 10
)

// room is a listener that holds a limited number of connections. A new one always gets in: what has to
// make room for it is the oldest connection of its own address, or of the address that has the most. So
// who opens many closes his own, and a probe of the kubelet is answered however many there are.
type room struct {
	net.Listener
	cut func()

	mu     sync.Mutex
	guests map[string][]*guest // by the caller's address, the oldest first
	n      int
}

func newRoom(l net.Listener, cut func()) *room {
	if cut == nil {
		cut = func() {}
	}
	return &room{Listener: l, cut: cut, guests: map[string][]*guest{}}
}

// guest is a connection in the room.
type guest struct {
	net.Conn
	room    *room
	address string
}

// Accept implements net.Listener.
func (r *room) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(writeBuffer) //nolint:errcheck // then the kernel's own limits hold
		tcp.SetReadBuffer(readBuffer)   //nolint:errcheck // the same
	}
	g := &guest{Conn: c, room: r, address: host(c.RemoteAddr())}
	if old := r.admit(g); old != nil {
		old.drop()
		r.cut()
	}
	return g, nil
}

// admit lets a connection in, and gives the one that has to go for it, if any.
func (r *room) admit(g *guest) *guest {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests[g.address] = append(r.guests[g.address], g)
	r.n++
	switch {
	case len(r.guests[g.address]) > mostPerAddress:
		return r.leave(r.guests[g.address][0])
	case r.n > mostConnections:
		return r.leave(r.oldestOfMost())
	}
	return nil
}

// oldestOfMost gives the oldest connection of the address that has the most.
func (r *room) oldestOfMost() *guest {
	var most []*guest
	for _, all := range r.guests {
		if len(all) > len(most) {
			most = all
		}
	}
	return most[0]
}

// leave takes a connection off the list, and gives it; nil if it was off already.
func (r *room) leave(g *guest) *guest {
	all := r.guests[g.address]
	i := slices.Index(all, g)
	if i < 0 {
		return nil
	}
	r.n--
	if all = slices.Delete(all, i, i+1); len(all) == 0 {
		delete(r.guests, g.address)
		return g
	}
	r.guests[g.address] = all
	return g
}

// drop closes the connection at once, with what it had still to send.
func (g *guest) drop() {
	if tcp, ok := g.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // then the kernel forgets it a little later
	}
	g.Conn.Close() //nolint:errcheck // it is gone either way
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.room.mu.Lock()
	g.room.leave(g)
	g.room.mu.Unlock()
	return g.Conn.Close()
}

func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}
