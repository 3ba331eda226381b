package probe

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// remembered is how long the address of a Service is taken to be what it was.
const remembered = time.Minute

// mostRemembered bounds the Services whose address is remembered.
const mostRemembered = 4096

// Services gives the addresses of Services as Kubernetes has them, each read once a minute at most.
func Services(client kubernetes.Interface) func(ctx context.Context, namespace, name string) ([]netip.Addr, error) {
	s := &services{client: client, known: map[[2]string]known{}}
	return s.addresses
}

type services struct {
	client kubernetes.Interface
	mu     sync.Mutex
	known  map[[2]string]known
}

type known struct {
	addresses []netip.Addr
	err       error
	at        time.Time
}

func (s *services) addresses(ctx context.Context, namespace, name string) ([]netip.Addr, error) {
	key, now := [2]string{namespace, name}, time.Now()
	s.mu.Lock()
	k, ok := s.known[key]
	s.mu.Unlock()
	if ok && now.Sub(k.at) < remembered {
		return k.addresses, k.err
	}
	found, err := s.client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		k.addresses, k.err = nil, fmt.Errorf("there is no Service %s", name)
	case err != nil:
		return nil, fmt.Errorf("read Service %s: %w", name, err)
	default:
		k.addresses, k.err = own(found)
	}
	k.at = now
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= mostRemembered {
		clear(s.known)
	}
	s.known[key] = k
	return k.addresses, k.err
}

// own gives the addresses of a Service that leads to the pods that it selects. One that says itself where it
// leads, to a name or to addresses that somebody wrote down, is nobody's word to be asked.
func own(s *corev1.Service) ([]netip.Addr, error) {
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return nil, fmt.Errorf("the Service %s is of type ExternalName and leads wherever it says; only Services that select pods are asked", s.Name)
	case len(s.Spec.Selector) == 0:
		return nil, fmt.Errorf("the Service %s has no selector, so that it leads wherever its endpoints say; only Services that select pods are asked", s.Name)
	case s.Spec.ClusterIP == corev1.ClusterIPNone:
		return nil, fmt.Errorf("the Service %s is headless; only Services with an address of their own are asked", s.Name)
	}
	ips := s.Spec.ClusterIPs
	if len(ips) == 0 {
		ips = []string{s.Spec.ClusterIP}
	}
	var out []netip.Addr
	for _, ip := range ips {
		if a, err := netip.ParseAddr(ip); err == nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the Service %s has no address yet", s.Name)
	}
	return out, nil
}
