package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

var (
	errInside = errors.New("it leads to a loopback address, which is not asked unless the daemon's file names it")
	errBarred = errors.New("it leads to the API server, to the link, or to what a cloud tells its machines alone, which is never asked")
)

// metadata is what clouds tell their machines at addresses that are not of the link.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd20:ce::254"),    // Google
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("192.0.0.192"),     // Oracle
}

// translated is where IPv6 leads to IPv4.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// target says where to connect for a host that may be asked, and whether that may be the own machine.
type target struct {
	addresses []string
	loopback  bool
}

// resolve gives where a host leads. A Service is asked at its own address, as Kubernetes has it, and no name is
// looked up for it. A name of the daemon's file is looked up by whoever connects.
func (c Client) resolve(ctx context.Context, host, namespace string) (target, error) {
	trust := c.o.Trust()
	if trust.names(host, namespace) {
		_, err := netip.ParseAddr(host)
		return target{addresses: []string{host}, loopback: err == nil || host == "localhost"}, nil
	}
	name, _ := trust.service(host, namespace)
	if c.o.Service == nil {
		return target{}, fmt.Errorf("where Service %s leads is not known", name)
	}
	own, err := c.o.Service(ctx, namespace, name)
	if err != nil {
		return target{}, err
	}
	var t target
	for _, a := range own {
		t.addresses = append(t.addresses, a.String())
	}
	return t, nil
}

// dial connects to the first address of a target that answers, and to none that is barred.
func (c Client) dial(ctx context.Context, network, port string, t target) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout, ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		return c.barred(ctx, address, t.loopback)
	}}
	var errs []error
	for _, a := range t.addresses {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a, port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// barred refuses addresses that no policy may have asked, as they are at the moment of connecting.
func (c Client) barred(ctx context.Context, address string, loopback bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errBarred
	}
	ip := at.Addr().WithZone("").Unmap()
	if translated.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case ip.IsLoopback() && !loopback:
		return errInside
	case ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errBarred
	case slices.Contains(metadata, ip) || c.o.APIServer != nil && slices.Contains(c.o.APIServer(ctx), ip):
		return errBarred
	}
	return nil
}
