package lab

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

const (
	claimPort   = 7999 // a lab holds .254 at this port for as long as it lives
	firstServer = 10   // .1 to .9 are the lab's own programs
	lastServer  = 250
)

// block is a lab's own loopback network, 127.64.n.0/24. Nothing but an open listener marks it
// as taken, so that the kernel gives it back however its holder ends, and no two users of the
// machine can hold the same one.
type block struct {
	prefix string // "127.64.n."
	claim  net.Listener

	mu    sync.Mutex
	taken map[string]bool
}

func claimBlock() (*block, error) {
	for n := range 256 {
		prefix := fmt.Sprintf("127.64.%d.", n)
		claim, err := net.Listen("tcp", prefix+"254:"+strconv.Itoa(claimPort))
		if err == nil {
			return &block{prefix: prefix, claim: claim, taken: map[string]bool{}}, nil
		}
	}
	return nil, errors.New("claim loopback addresses: none of 127.64.0.0/24 to 127.64.255.0/24 is free")
}

func (b *block) host(n int) string { return b.prefix + strconv.Itoa(n) }

// lease hands out an address that nobody else in the lab has.
func (b *block) lease() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n := firstServer; n <= lastServer; n++ {
		if host := b.host(n); !b.taken[host] {
			b.taken[host] = true
			return host, nil
		}
	}
	return "", fmt.Errorf("lease a loopback address: all of %s%d to .%d are taken", b.prefix, firstServer, lastServer)
}

func (b *block) giveBack(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.taken, host)
}

// release frees the whole block; more than once does no harm.
func (b *block) release() error {
	if err := b.claim.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// freePort is host:preferred, or another free port of host if somebody listens there on every
// address of the machine.
func freePort(host string, preferred int) (string, error) {
	for _, port := range []int{preferred, 0} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String(), nil
	}
	return "", fmt.Errorf("find a free port on %s: none", host)
}
