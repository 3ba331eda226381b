// Package config is the daemon's file: defaults as a value, strict decoding over it, and everything
// that is wrong with it said at once, each mistake with its line and path.
//
// It holds no secret, only the names of the files that secrets are in; reading these, and reading
// the file again when it changes, is its user's business.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Config is the daemon's file. The keys are the fields' json names.
type Config struct {
	// Mode is the ceiling of all policies' modes.
	Mode release.Mode `json:"mode"`
	// Namespaces are where policies are looked for; empty: everywhere.
	Namespaces []string `json:"namespaces"`
	// Listen is the address of metrics and health, and of the status page unless it has its own.
	Listen         string         `json:"listen"`
	StatusPage     StatusPage     `json:"statusPage"`
	Log            Log            `json:"log"`
	LeaderElection LeaderElection `json:"leaderElection"`
	Kubernetes     Kubernetes     `json:"kubernetes"`
	Prometheus     []Prometheus   `json:"prometheus"`
	Notifiers      []Notifier     `json:"notifiers"`
	Breaker        Breaker        `json:"breaker"`
	Pages          Pages          `json:"pages"`
	// Probes are whom policies may have asked by GET.
	Probes probe.Trust `json:"probes"`
	// QueryBudget is how much of a Prometheus' time the queries of one policy may take per minute.
	QueryBudget time.Duration `json:"queryBudget"`
	// Floors are the least that policies may ask for.
	Floors policy.Floors `json:"floors"`
	// BlindFor is how long a release is blind before a page says so.
	BlindFor time.Duration `json:"blindFor"`
	// Defaults are what policies leave out.
	Defaults policy.Defaults `json:"defaults"`
}

// StatusPage says where the list of releases and their reports are shown, and to whom.
type StatusPage struct {
	// Listen is an address of its own; empty: that of metrics and health.
	Listen string `json:"listen"`
	// Authentication is none or kubernetes.
	Authentication string `json:"authentication"`
}

// How the status page learns who asks.
const (
	// NoAuthentication shows everything to whoever reaches the address.
	NoAuthentication = "none"
	// KubernetesAuthentication asks for a bearer token of Kubernetes, and shows the releases that its
	// owner may get.
	KubernetesAuthentication = "kubernetes"
)

// Log says how the daemon logs.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `json:"level"`
	// Format is json or console.
	Format string `json:"format"`
}

// LeaderElection says which of several daemons acts.
type LeaderElection struct {
	Enabled bool `json:"enabled"`
	// Namespace and Name are the Lease's.
	Namespace     string        `json:"namespace"`
	Name          string        `json:"name"`
	LeaseDuration time.Duration `json:"leaseDuration"`
	RenewDeadline time.Duration `json:"renewDeadline"`
	RetryPeriod   time.Duration `json:"retryPeriod"`
}

// Kubernetes limits the requests to the API server, per second.
type Kubernetes struct {
	QPS   int `json:"qps"`
	Burst int `json:"burst"`
}

// Prometheus is a server that policies may name. Timeout is of one query, Concurrency the most
// queries at once. The file of the bearer token is read again for each request. TokenOverHTTP says that the token may
// go over the network as it is.
type Prometheus struct {
	Name            string        `json:"name"`
	URL             string        `json:"url"`
	Timeout         time.Duration `json:"timeout"`
	Concurrency     int           `json:"concurrency"`
	BearerTokenFile string        `json:"bearerTokenFile"`
	TokenOverHTTP   bool          `json:"tokenOverHTTP"`
	// Namespaces are those whose policies may name it; none: all.
	Namespaces []string `json:"namespaces"`
}

// Notifier is a sink that policies may name, of exactly one kind.
type Notifier struct {
	Name      string     `json:"name"`
	PagerDuty *PagerDuty `json:"pagerduty"`
	Slack     *Slack     `json:"slack"`
	// Namespaces are those whose policies may name it; none: all.
	Namespaces []string `json:"namespaces"`
}

// PagerDuty is an integration of type Events API v2. URL is of the service region; empty: the US. The file of the
// key is read again for each page. KeyOverHTTP says that the key may go over the network as it is.
type PagerDuty struct {
	RoutingKeyFile string `json:"routingKeyFile"`
	URL            string `json:"url"`
	KeyOverHTTP    bool   `json:"keyOverHTTP"`
}

// Slack is a channel, by its ID. URL is of the Web API; empty: Slack's own. TokenFile and TokenOverHTTP are as
// PagerDuty's.
type Slack struct {
	TokenFile     string `json:"tokenFile"`
	Channel       string `json:"channel"`
	URL           string `json:"url"`
	TokenOverHTTP bool   `json:"tokenOverHTTP"`
}

// Breaker withholds automatic rollbacks when there are too many: all of them after some in so many
// Namespaces within the time, those of one namespace after so many Rollbacks of its own.
type Breaker struct {
	Namespaces int           `json:"namespaces"`
	Rollbacks  int           `json:"rollbacks"`
	Within     time.Duration `json:"within"`
}

// Pages says when an undelivered page is given up, and how many people get of one policy within an hour: so many
// that are critical and so many others, what becomes of rollbacks not counted.
type Pages struct {
	ExpireAfter time.Duration `json:"expireAfter"`
	PerHour     int           `json:"perHour"`
}

// Default gives the configuration of an empty file.
func Default() Config {
	c := Config{
		Mode:   release.Enforce,
		Listen: ":8080",

		StatusPage: StatusPage{Authentication: NoAuthentication},
		Log:        Log{Level: "info", Format: "json"},
		LeaderElection: LeaderElection{
			Enabled: true, Namespace: "greenwatch", Name: "greenwatch",
			LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		},
		Kubernetes: Kubernetes{QPS: 50, Burst: 100},
		Breaker:    Breaker{Namespaces: 3, Rollbacks: 3, Within: 10 * time.Minute},
		Pages:      Pages{ExpireAfter: 24 * time.Hour, PerHour: 6},
		Probes:     probe.Default(),
		// One query at any moment: what a dozen policies need of a server that is well.
		QueryBudget: time.Minute,
		Floors:      policy.Floors{GuardEvery: 5 * time.Second, EpisodeClear: time.Minute, HistoryLimit: 5},
		BlindFor:    10 * time.Minute,
		Defaults:    policy.Default(),
	}
	server := Prometheus{Name: "main", URL: "http://prometheus.monitoring:9090"}
	server.setDefaults()
	c.Prometheus = []Prometheus{server}
	c.know()
	return c
}

func (p *Prometheus) setDefaults() { p.Timeout, p.Concurrency = 10*time.Second, 4 }

// know tells the defaults which names there are, who may use them, whom probes may ask, and what the floors are.
func (c *Config) know() {
	c.Defaults.Probes, c.Defaults.Floors = c.Probes, c.Floors
	c.Defaults.Servers, c.Defaults.Notifiers = nil, nil
	c.Defaults.ServersOnlyFor, c.Defaults.NotifiersOnlyFor = nil, nil
	for _, p := range c.Prometheus {
		c.Defaults.Servers = append(c.Defaults.Servers, p.Name)
		reserve(&c.Defaults.ServersOnlyFor, p.Name, p.Namespaces)
	}
	for _, n := range c.Notifiers {
		c.Defaults.Notifiers = append(c.Defaults.Notifiers, n.Name)
		reserve(&c.Defaults.NotifiersOnlyFor, n.Name, n.Namespaces)
	}
}

func reserve(all *map[string][]string, name string, namespaces []string) {
	if len(namespaces) == 0 {
		return
	}
	if *all == nil {
		*all = map[string][]string{}
	}
	(*all)[name] = namespaces
}

// Mistake is one thing that is wrong with a file.
type Mistake struct {
	File string
	Line int // 0 where the mistake is about what is not there
	Path string
	Text string
}

func (m Mistake) Error() string {
	at := m.File
	if m.Line > 0 {
		at = fmt.Sprintf("%s:%d", m.File, m.Line)
	}
	if m.Path == "" {
		return at + ": " + m.Text
	}
	return at + ": " + m.Path + ": " + m.Text
}

// longestFile is more than any daemon's file needs.
const longestFile = 1 << 20

// Load reads the file at path over the defaults. Its error has a line for each mistake.
func Load(path string) (Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	if info.Size() > longestFile {
		return Config{}, Mistake{File: path, Text: fmt.Sprintf("is %d bytes long; at most %d are read", info.Size(), longestFile)}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse is Load of a text; name stands for the file in errors.
func Parse(name string, text []byte) (Config, error) {
	c := Default()
	d := &decoder{lines: map[string]int{}}
	d.document(text, &c)
	c.know()
	if len(d.mistakes) == 0 {
		v := &validator{}
		v.config(c)
		for _, m := range v.mistakes {
			m.Line = d.line(m.Path)
			d.mistakes = append(d.mistakes, m)
		}
	}
	if len(d.mistakes) > 0 {
		return Config{}, joined(name, d.mistakes)
	}
	return c, nil
}

func joined(name string, mistakes []Mistake) error {
	slices.SortStableFunc(mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
	errs := make([]error, len(mistakes))
	for i, m := range mistakes {
		m.File = name
		errs[i] = m
	}
	return errors.Join(errs...)
}
