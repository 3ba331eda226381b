package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/meter"
	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/store"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// newLog makes the log: JSON on standard error, or lines for a person at a terminal.
func newLog(c config.Log) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	z := zap.NewProductionConfig()
	z.Level, z.Encoding, z.Sampling = zap.NewAtomicLevelAt(level), c.Format, nil
	z.EncoderConfig.EncodeTime, z.EncoderConfig.TimeKey = zapcore.RFC3339NanoTimeEncoder, "time"
	z.DisableStacktrace, z.DisableCaller = true, true
	if c.Format == "json" {
		klog.SetSlogLogger(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: likeZap})))
	}
	return z.Build()
}

// likeZap writes the levels of client-go's own log as zap does.
func likeZap(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey {
		a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
	}
	return a
}

// clients are the ways to the API server.
type clients struct {
	kube    kubernetes.Interface
	objects dynamic.Interface
	server  apiServer
	// reviews is for questions that callers of the status page raise: with a rate limit of its own, so that
	// they delay nothing else.
	reviews kubernetes.Interface
}

// apiServer is the URL of Kubernetes' API server, or its host.
type apiServer string

// addresses looks the server up.
func (s apiServer) addresses(ctx context.Context) []netip.Addr {
	host := string(s)
	if u, err := url.Parse(host); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	} else if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	found, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // a name that nobody knows leads nowhere
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found
}

// connect makes the clients; nothing is asked yet. Without a kubeconfig it is the pod's own account.
func connect(kubeconfig string, k config.Kubernetes, m *meter.Meter) (clients, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return clients{}, err
	}
	c.QPS, c.Burst, c.UserAgent = float32(k.QPS), k.Burst, "greenwatch/"+version()
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return m.CountAPI(next) })
	kube, err := kubernetes.NewForConfig(c)
	if err != nil {
		return clients{}, err
	}
	objects, err := dynamic.NewForConfig(rest.CopyConfig(c))
	if err != nil {
		return clients{}, err
	}
	apart := rest.CopyConfig(c)
	apart.QPS, apart.Burst = reviewQPS, reviewBurst
	reviews, err := kubernetes.NewForConfig(apart)
	return clients{kube: kube, objects: objects, reviews: reviews, server: apiServer(c.Host)}, err
}

// How many questions per second the status page may raise, and at once: a page of somebody who may not see
// all takes one for each of up to 50 namespaces.
const (
	reviewQPS   = 20
	reviewBurst = 100
)

func secret(path string) (notify.Secret, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return notify.Secret{}, fmt.Errorf("read the secret: %w", err)
	}
	s := notify.NewSecret(string(b))
	if s.Empty() {
		return s, fmt.Errorf("read the secret: %s is empty", path)
	}
	return s, nil
}

// answerMemory is what the answers of all servers may hold in memory while they are read, in bytes: see measure.Memory.
const answerMemory = 64 << 20

// newServers makes the clients of the Prometheus servers of the daemon's file; each policy has its budget of each.
// What panics at one question is counted and logged, with its stack.
func newServers(all []config.Prometheus, budget time.Duration, m *meter.Meter, log *zap.Logger) (servers, error) {
	out := servers{clients: map[string]*measure.Client{}, meter: m}
	panicked := func(p *caught.Panic) {
		if m != nil {
			m.Panicked("query")
		}
		log.Error("caught a panic", zap.String("at", "query"), zap.Error(p), zap.String("stack", p.Stack))
	}
	memory := measure.NewMemory(answerMemory)
	var errs []error
	for i, p := range all {
		c, err := measure.New(measure.Options{URL: p.URL, Timeout: p.Timeout, Concurrency: p.Concurrency, Transport: bearer(p.BearerTokenFile),
			Memory: memory, Budget: budget, Panicked: panicked})
		if err != nil {
			errs = append(errs, fmt.Errorf("prometheus[%d] (%s): %w", i, p.Name, err))
			continue
		}
		out.clients[p.Name] = c
	}
	return out, errors.Join(errs...)
}

// prober asks a health endpoint.
type prober func(ctx context.Context, namespace string, a gwsignal.Ask) (failing int, text string, err error)

// newProber makes one that asks whom the daemon's file allows at the moment.
func newProber(trust func() probe.Trust, with clients) prober {
	c := probe.New(probe.Options{Trust: trust, Service: probe.Services(with.kube), APIServer: with.server.addresses})
	return func(ctx context.Context, namespace string, a gwsignal.Ask) (int, string, error) {
		return c.Failing(ctx, namespace, a.URL, a.Components)
	}
}

// bearer adds the token in a file to each request.
func bearer(path string) http.RoundTripper {
	if path == "" {
		return nil
	}
	return withToken{path, measure.NewTransport()}
}

// withToken reads the file for each request, since tokens rotate.
type withToken struct {
	path string
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := secret(w.path)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return w.next.RoundTrip(r)
}

// watch makes the caches; run fills and keeps them.
func (c *cluster) watch(with clients, namespaces []string, wake func(watchdog.Key)) (err error) {
	c.wake, c.namespaces = wake, namespaces
	if len(namespaces) == 0 {
		c.namespaces = []string{metav1.NamespaceAll}
	}
	failed := func(err error) { c.log.Warn("a watch was lost; it is tried again", zap.Error(err)) }
	c.cache, err = store.NewCache(store.CacheConfig{Objects: with.objects, Namespaces: namespaces, Failed: failed,
		Changed: func(n types.NamespacedName) {
			p, _ := c.cache.Policy(n) // what can't be decoded claims nothing, and is said where it is looked at
			c.overlaps.meet(n, p)
			wake(watchdog.Key{Namespace: n.Namespace, Name: n.Name})
		}})
	if err != nil {
		return err
	}
	c.informers, err = rollout.NewInformers(rollout.Config{Client: with.kube, Objects: with.objects, Namespaces: namespaces, Failed: failed,
		Changed: func(o rollout.Object) {
			for _, k := range c.named(o) {
				wake(k)
			}
		}})
	if err != nil {
		return err
	}
	c.caches = c.informers.Source()
	return nil
}

func (c *cluster) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { c.cache.Run(ctx); return nil })
	g.Go(func() error { c.informers.Run(ctx); return nil })
	g.Go(func() error {
		if err := c.synced(ctx); err != nil {
			return err
		}
		c.full.Store(true)
		return nil
	})
	return g.Wait()
}

func (c *cluster) synced(ctx context.Context) error {
	return errors.Join(c.cache.Sync(ctx), c.informers.Sync(ctx))
}

// ready tells whether the caches are full: a standby is ready, too.
func (c *cluster) ready(context.Context) error {
	if !c.full.Load() {
		return errors.New("the caches are not filled yet")
	}
	return nil
}

// keys are all policies, and those that are gone but still have active releases.
func (c *cluster) keys() []watchdog.Key {
	found := map[watchdog.Key]bool{}
	policies, _ := c.cache.Policies() // what can't be decoded is said where it is looked at
	for _, p := range policies {
		found[watchdog.Key{Namespace: p.Namespace, Name: p.Name}] = true
	}
	for _, r := range c.all() {
		found[watchdog.Key{Namespace: r.Namespace, Name: r.Spec.Policy}] = true
	}
	out := make([]watchdog.Key, 0, len(found))
	for k := range found {
		out = append(out, k)
	}
	return out
}

func (c *cluster) phases() []release.Phase {
	var out []release.Phase
	c.cache.Each(func(r *v1alpha1.Release) { out = append(out, r.Status.Phase) })
	return out
}

// tag is the released version; the image's build sets it.
var tag string

func version() string {
	if tag != "" {
		return tag
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		return b.Main.Version
	}
	return "unknown"
}

func revision() string {
	b, _ := debug.ReadBuildInfo()
	if b == nil {
		return ""
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" {
			return strings.TrimSpace(s.Value)
		}
	}
	return ""
}
