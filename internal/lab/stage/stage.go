// Package stage sets up what an end-to-end test or the demo plays on: a service with two slots in a
// lab, Prometheus, a steady load routed by Istio, stand-ins for PagerDuty and Slack, and greenwatch
// itself, a real process with exactly the rights that its manifests grant.
//
// It imports nothing of the product: it knows greenwatch by its manifests, its file and its program.
package stage

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/lab/hold"
	"github.com/knowledgebeast/greenwatch/internal/lab/standin"
)

// What the stand-ins know.
const (
	RoutingKey = "0123456789abcdef0123456789abcdef"
	SlackToken = "xoxb-111111111111-222222222222-stagestagestagestagesta"
	ChannelID  = "C0DEPLOYMENTS"
)

// Options say what is set up.
type Options struct {
	Lab       *lab.Lab
	Namespace string // default production
	Name      string // of service, VirtualService and policy; default knowledgebeast
	// Policy is the WatchPolicy as YAML; default Policy(Terms{}).
	Policy string
	// ScrapeInterval of Prometheus; default 1 s.
	ScrapeInterval time.Duration
	// Blue is what blue runs at the start; default v1 with 3 replicas. Green is left from the release
	// before: v0, scaled to 0.
	Blue lab.Deployment
	// StartupDelay is from a slot's first ready pod to its server's first answer.
	StartupDelay time.Duration
	RPS          float64 // default 100
	// Through gives the address at which greenwatch finds Prometheus, from Prometheus' own; nil is that.
	Through func(url string) string
	// Held puts proxies that can hold a request between greenwatch and the API server, PagerDuty and
	// Slack.
	Held bool
	// DaemonMode is the mode in the daemon's file; default Enforce.
	DaemonMode string
	// BlindFor is how long blindness lasts before a page; default 10 s.
	BlindFor time.Duration
	// QueryBudget is in the daemon's file; its default is the daemon's own.
	QueryBudget time.Duration
	// ProbeHosts are the hosts that policies may have asked besides their own Services.
	ProbeHosts []string
	// Namespaces are those that greenwatch looks after besides its own.
	Namespaces []string
	// PageAuthentication is who the status page asks; default none.
	PageAuthentication string
	// Breaker is how many rollbacks within ten minutes are too many; default as in the daemon.
	Breaker int
}

// Stage is everything set up. Close it when done.
type Stage struct {
	Options
	Service    *lab.Service
	Prometheus *lab.Prometheus
	Load       *lab.Load
	PagerDuty  *standin.PagerDuty
	Slack      *standin.Slack
	// API, Pages and Chat are the proxies, if there are any.
	API, Pages, Chat *hold.Proxy

	dir     string
	asked   string // where greenwatch finds Prometheus
	apiCA   []byte
	closers []func() error
	// listens are the addresses of the replicas of greenwatch, one file each.
	listens []string
}

func (o Options) withDefaults() Options {
	if o.Namespace == "" {
		o.Namespace = "production"
	}
	if o.Name == "" {
		o.Name = "knowledgebeast"
	}
	if o.Policy == "" {
		o.Policy = Policy(Terms{})
	}
	if o.Blue.Version == "" {
		o.Blue = lab.Deployment{Version: "v1", Replicas: 3}
	}
	if o.DaemonMode == "" {
		o.DaemonMode = "Enforce"
	}
	if o.BlindFor == 0 {
		o.BlindFor = 10 * time.Second
	}
	return o
}

// Start sets everything up but greenwatch: see StartDaemon. Blue serves all the traffic.
func Start(ctx context.Context, o Options) (*Stage, error) {
	s := &Stage{Options: o.withDefaults()}
	for _, step := range []func(context.Context) error{s.install, s.startPrometheus, s.startService, s.startSinks, s.startProxies, s.writeSecrets} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close ends what Start began; the lab stays.
func (s *Stage) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *Stage) closing(f func() error) { s.closers = append(s.closers, f) }

// install applies deploy/ as a team would, with kubectl. The pods of the Deployment are objects only:
// StartDaemon runs the real program.
func (s *Stage) install(ctx context.Context) error {
	root, err := repository()
	if err != nil {
		return err
	}
	if err := s.Lab.ApplyKustomization(ctx, filepath.Join(root, "deploy")); err != nil {
		return fmt.Errorf("install greenwatch's CRDs, rights and Deployment: %w", err)
	}
	return nil
}

// repository is the folder above that holds the product's go.mod.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(text), "module github.com/knowledgebeast/greenwatch\n") {
			return dir, nil
		}
	}
	return "", errors.New("not within greenwatch's repository")
}

func (s *Stage) startPrometheus(ctx context.Context) (err error) {
	s.Prometheus, err = s.Lab.StartPrometheus(ctx, lab.PrometheusOptions{ScrapeInterval: s.ScrapeInterval})
	if err != nil {
		return fmt.Errorf("start Prometheus: %w", err)
	}
	s.closing(s.Prometheus.Close)
	s.asked = s.Prometheus.URL()
	if s.Through != nil {
		s.asked = s.Through(s.asked)
	}
	return nil
}

func (s *Stage) startService(ctx context.Context) (err error) {
	s.Service, err = s.Lab.StartService(ctx, lab.ServiceOptions{Namespace: s.Namespace, Name: s.Name, Prometheus: s.Prometheus, StartupDelay: s.StartupDelay})
	if err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	s.closing(s.Service.Close)
	for slot, d := range map[string]lab.Deployment{"blue": s.Blue, "green": {Version: "v0"}} {
		if err := s.Service.Deploy(ctx, slot, d); err != nil {
			return err
		}
	}
	if err := s.Service.WaitServing(ctx, "blue", s.Blue.Version); err != nil {
		return err
	}
	s.Load, err = s.Lab.StartLoad(ctx, lab.LoadOptions{Service: s.Service, RPS: s.RPS})
	if err != nil {
		return err
	}
	s.closing(s.Load.Close)
	return nil
}

func (s *Stage) startSinks(context.Context) error {
	s.PagerDuty = standin.NewPagerDuty(RoutingKey)
	s.Slack = standin.NewSlack(SlackToken, standin.Channel{ID: ChannelID, Name: "deployments"})
	return nil
}

// startProxies puts the stand-ins, and the proxies if wanted, on addresses of the lab's own.
func (s *Stage) startProxies(context.Context) error {
	pages, err := s.serve(s.PagerDuty.Start)
	if err != nil {
		return err
	}
	chat, err := s.serve(s.Slack.Start)
	if err != nil {
		return err
	}
	if s.Pages, err = s.proxy(pages.URL); err != nil {
		return err
	}
	if s.Chat, err = s.proxy(chat.URL); err != nil || !s.Held {
		return err
	}
	s.API, err = s.apiProxy()
	return err
}

func (s *Stage) serve(start func(string) (*standin.Server, error)) (*standin.Server, error) {
	address, err := s.Lab.Address()
	if err != nil {
		return nil, err
	}
	server, err := start(address)
	if err != nil {
		return nil, err
	}
	s.closing(server.Close)
	return server, nil
}

func (s *Stage) proxy(upstream string) (*hold.Proxy, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	address, err := s.Lab.Address()
	if err != nil {
		return nil, err
	}
	p := hold.New(u, nil)
	if err := p.Start(address); err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	s.closing(p.Close)
	return p, nil
}

//go:embed greenwatch.yaml.tmpl
var fileTemplate string

// writeSecrets writes the secrets that the daemon's file names.
func (s *Stage) writeSecrets(context.Context) error {
	dir, err := os.MkdirTemp(s.Lab.Dir(), "greenwatch-")
	if err != nil {
		return err
	}
	s.dir = dir
	for name, secret := range map[string]string{"routing-key": RoutingKey, "slack-token": SlackToken} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// WriteFiles writes the files of all replicas anew, as the options have it now.
func (s *Stage) WriteFiles() error {
	t, err := template.New("file").Parse(fileTemplate)
	if err != nil {
		return err
	}
	for i, listen := range s.listens {
		var text strings.Builder
		err = t.Execute(&text, map[string]any{"Dir": s.dir, "Listen": listen, "Mode": s.DaemonMode, "Namespace": s.Namespace, "Namespaces": s.Namespaces, "Prometheus": s.asked,
			"Pages": s.Pages.URL(), "Chat": s.Chat.URL() + "/api", "Channel": ChannelID, "BlindFor": s.BlindFor, "QueryBudget": s.QueryBudget, "ProbeHosts": s.ProbeHosts,
			"PageAuthentication": s.PageAuthentication, "Breaker": s.Breaker})
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.file(i), []byte(text.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) file(i int) string { return filepath.Join(s.dir, fmt.Sprintf("greenwatch-%d.yaml", i)) }

// Daemon is a running greenwatch.
type Daemon struct {
	*lab.Process
	// URL is where it serves metrics and health.
	URL string
}

// StartDaemon starts one more replica of greenwatch and returns once it is ready.
func (s *Stage) StartDaemon(ctx context.Context) (*Daemon, error) {
	o, err := s.Replica()
	if err != nil {
		return nil, err
	}
	p, err := s.Lab.Run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start greenwatch: %w", err)
	}
	s.closing(p.Stop)
	return &Daemon{Process: p, URL: strings.TrimSuffix(o.Ready, "/readyz")}, nil
}

// Replica prepares one more replica of greenwatch and gives how to run it, for who wants to run it
// himself. The replicas are numbered from 0, and named greenwatch-N.
func (s *Stage) Replica() (lab.RunOptions, error) {
	kubeconfig, err := s.kubeconfig()
	if err != nil {
		return lab.RunOptions{}, err
	}
	address, err := s.Lab.Address()
	if err != nil {
		return lab.RunOptions{}, err
	}
	s.listens = append(s.listens, address)
	n := len(s.listens) - 1
	return lab.RunOptions{
		Name: "greenwatch-" + s.Namespace, Program: "greenwatch",
		Args:  []string{"run", "--config", s.file(n), "--kubeconfig", kubeconfig},
		Env:   []string{fmt.Sprintf("POD_NAME=greenwatch-%d", n)},
		Ready: "http://" + address + "/readyz",
	}, s.WriteFiles()
}

func (s *Stage) kubeconfig() (string, error) {
	if s.API == nil {
		return s.Lab.Kubeconfig(lab.Greenwatch)
	}
	return s.Lab.KubeconfigVia(lab.Greenwatch, s.API.URL(), s.apiCA)
}

// apiProxy stands before the API server.
func (s *Stage) apiProxy() (*hold.Proxy, error) {
	u, err := url.Parse(s.Lab.APIServer())
	if err != nil {
		return nil, err
	}
	transport, err := transport(s.Lab)
	if err != nil {
		return nil, err
	}
	address, err := s.Lab.Address()
	if err != nil {
		return nil, err
	}
	p := hold.New(u, transport)
	if s.apiCA, err = p.StartTLS(address); err != nil {
		return nil, fmt.Errorf("start the proxy before the API server: %w", err)
	}
	s.closing(p.Close)
	return p, nil
}

// Watch applies the policy: from now on greenwatch, if it runs, looks after the service.
func (s *Stage) Watch(ctx context.Context) error {
	text := strings.NewReplacer("$NAMESPACE", s.Namespace, "$NAME", s.Name).Replace(s.Policy)
	if err := s.Lab.ApplyAs(ctx, lab.Admin, "kubectl", text); err != nil {
		return fmt.Errorf("apply the policy: %w", err)
	}
	return nil
}
