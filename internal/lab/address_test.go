package lab

import (
	"net"
	"testing"
)

func TestBlocksDoNotOverlap(t *testing.T) {
	a, err := claimBlock()
	must(t, err)
	b, err := claimBlock()
	must(t, err)
	t.Cleanup(func() { must(t, b.release()) })
	if a.prefix == b.prefix {
		t.Fatalf("two labs were given %s0", a.prefix)
	}
	must(t, a.release())
	must(t, a.release()) // once more does no harm
	c, err := claimBlock()
	must(t, err)
	t.Cleanup(func() { must(t, c.release()) })
	if c.prefix == b.prefix {
		t.Errorf("a taken block, %s0, was given again", b.prefix)
	}
}

func TestAddressesAreLeasedOnceAndComeBack(t *testing.T) {
	b := &block{prefix: "127.65.0.", taken: map[string]bool{}}
	seen := map[string]bool{}
	for range lastServer - firstServer + 1 {
		host, err := b.lease()
		must(t, err)
		if seen[host] {
			t.Fatalf("%s was leased twice", host)
		}
		seen[host] = true
	}
	if host, err := b.lease(); err == nil {
		t.Fatalf("%s was leased from an empty block", host)
	}
	b.giveBack("127.65.0.77")
	host, err := b.lease()
	must(t, err)
	if host != "127.65.0.77" {
		t.Errorf("leased %s, want the one that was given back", host)
	}
}

func TestFreePortAvoidsTakenOnes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr)
	got, err := freePort("127.0.0.1", taken.Port)
	must(t, err)
	if got == taken.String() {
		t.Errorf("%s is taken", got)
	}
}
