package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/probe"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

const shipped = "../../configs/greenwatch.yaml"

func TestShippedFileIsTheDefault(t *testing.T) {
	got, err := config.Load(shipped)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the shipped file is not the default (-default +file):\n%s", diff)
	}
	if got.Defaults.Notify != nil {
		t.Error("by default all notifiers are told, not none")
	}
}

func TestDeployedFileIsRead(t *testing.T) {
	text, err := os.ReadFile("../../deploy/greenwatch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse("deploy/greenwatch.yaml", text); err != nil {
		t.Error(err)
	}
	// and the example of notifiers in its comments, by which the shipped policy becomes ready
	_, example, ok := strings.Cut(string(text), "# notifiers:")
	if !ok {
		t.Fatal("there is no example of notifiers")
	}
	c, err := config.Parse("example", []byte("notifiers:"+strings.ReplaceAll(example, "\n# ", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"oncall", "deployments"}, c.Defaults.Notifiers); diff != "" {
		t.Errorf("notifiers (-want +got):\n%s", diff)
	}
}

func TestShippedFileSaysEverything(t *testing.T) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	var file, all any
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(config.Default())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(j, &all); err != nil {
		t.Fatal(err)
	}
	if missing := missing(all, file, ""); len(missing) > 0 {
		t.Errorf("the shipped file does not say %s", strings.Join(missing, ", "))
	}
}

// missing gives the paths of all keys that a value has and another has not.
func missing(all, file any, path string) (paths []string) {
	switch all := all.(type) {
	case map[string]any:
		there, _ := file.(map[string]any)
		for key, value := range all {
			if _, ok := there[key]; !ok {
				paths = append(paths, path+"."+key)
				continue
			}
			paths = append(paths, missing(value, there[key], path+"."+key)...)
		}
	case []any:
		there, _ := file.([]any)
		for i, value := range all {
			if i >= len(there) {
				return append(paths, fmt.Sprintf("%s[%d]", path, i))
			}
			paths = append(paths, missing(value, there[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return paths
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "log:\ndefaults:\n  schedule:\n"} {
		got, err := config.Parse("empty", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config.Default(), got); diff != "" {
			t.Errorf("%q is not the default (-default +got):\n%s", text, diff)
		}
	}
}

func TestWhatIsWrittenIsReadOverTheDefault(t *testing.T) {
	got, err := config.Parse("written", []byte(`
mode: Observe
namespaces: [production, staging]
listen: 127.0.0.1:0
leaderElection: {enabled: false}
prometheus:
- {name: main, url: http://p:9090/prom, bearerTokenFile: /run/token, tokenOverHTTP: true}
- {name: slow, url: https://q, timeout: 1m, concurrency: 1, namespaces: [staging]}
notifiers:
- {name: oncall, pagerduty: {routingKeyFile: /run/key, url: https://events.eu.pagerduty.com}}
- {name: deployments, slack: {tokenFile: /run/slack, channel: C0123456789}, namespaces: [production, staging]}
probes: {hosts: [api.example.com, {host: 10.0.0.7, namespaces: [production]}]}
defaults:
  mode: Enforce
  schedule: {bin: 30s}
  rollback: {onCanary: true}
  prometheus: slow
  notify: []
  signals:
  - {name: errors, ratio: {metric: m, part: 'c="5"'}, rollback: {above: 5%}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Mode, want.Namespaces, want.Listen = release.Observe, []string{"production", "staging"}, "127.0.0.1:0"
	want.LeaderElection.Enabled = false
	want.Prometheus = []config.Prometheus{
		{Name: "main", URL: "http://p:9090/prom", Timeout: 10 * time.Second, Concurrency: 4, BearerTokenFile: "/run/token", TokenOverHTTP: true},
		{Name: "slow", URL: "https://q", Timeout: time.Minute, Concurrency: 1, Namespaces: []string{"staging"}},
	}
	want.Notifiers = []config.Notifier{
		{Name: "oncall", PagerDuty: &config.PagerDuty{RoutingKeyFile: "/run/key", URL: "https://events.eu.pagerduty.com"}},
		{Name: "deployments", Slack: &config.Slack{TokenFile: "/run/slack", Channel: "C0123456789"}, Namespaces: []string{"production", "staging"}},
	}
	want.Probes.Hosts = []probe.Host{{Host: "api.example.com"}, {Host: "10.0.0.7", Namespaces: []string{"production"}}}
	want.Defaults.Probes = want.Probes
	want.Defaults.ServersOnlyFor = map[string][]string{"slow": {"staging"}}
	want.Defaults.NotifiersOnlyFor = map[string][]string{"deployments": {"production", "staging"}}
	want.Defaults.Servers, want.Defaults.Notifiers = []string{"main", "slow"}, []string{"oncall", "deployments"}
	want.Defaults.Mode, want.Defaults.Schedule.Bin, want.Defaults.Prometheus = release.Enforce, "30s", "slow"
	yes := true
	want.Defaults.Rollback.OnCanary, want.Defaults.Notify = &yes, []string{}
	want.Defaults.Signals = got.Defaults.Signals
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if s := got.Defaults.Signals; len(s) != 1 || s[0].Name != "errors" || s[0].Rollback.Above != "5%" || s[0].Quantile != nil {
		t.Errorf("signals: %+v", s)
	}
}

// TestEachMistakeIsSaid reads one bad file per mistake. Its first line says what is wanted.
func TestEachMistakeIsSaid(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "# want ")
			if !ok {
				t.Fatalf("does not begin with what is wanted: %s", first)
			}
			_, err = config.Load(file)
			if err == nil {
				t.Fatal("was accepted")
			}
			if got := err.Error(); !strings.HasPrefix(got, file+":"+want) || strings.Contains(got, "\n") {
				t.Errorf("want one line\n%s:%s\ngot\n%s", file, want, got)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("a secret is in the message: %v", err)
			}
		})
	}
}

func TestAllMistakesAreSaidAtOnceInOrder(t *testing.T) {
	_, err := config.Parse("greenwatch.yaml", []byte(`mode: none
log: {level: all}
prometheus:
- {name: main, url: "p"}
defaults:
  timing: {settle: never}
`))
	want := []string{
		`greenwatch.yaml:1: mode: "none" is not known`,
		`greenwatch.yaml:2: log.level: "all" is not known`,
		`greenwatch.yaml:4: prometheus[0].url: is no URL`,
		`greenwatch.yaml:6: defaults.timing.settle: "never" is no duration`,
	}
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != len(want) {
		t.Fatalf("want %d lines, got:\n%v", len(want), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d: want %s…, got %s", i, want[i], line)
		}
	}
}

func TestATokenIsSentWhereNobodyReadsIt(t *testing.T) {
	for server, want := range map[string]bool{
		"url: https://prometheus.example.com":                      true,
		"url: http://127.0.0.1:9090":                               true,
		"url: http://localhost:9090":                               true,
		"url: 'http://[::1]:9090'":                                 true,
		"url: http://prometheus:9090, tokenOverHTTP: true":         true,
		"url: http://prometheus:9090":                              false,
		"url: HTTP://prometheus:9090":                              false,
		"url: http://localhost.example.com":                        false,
		"url: http://10.0.0.1:9090, tokenOverHTTP: false":          false,
		"url: 'http://127.0.0.1.example.com', timeout: 5s":         false,
		"url: https://prometheus.example.com, tokenOverHTTP: true": true,
	} {
		_, err := config.Parse("f", []byte("prometheus: [{name: main, bearerTokenFile: /token, "+server+"}]"))
		if (err == nil) != want {
			t.Errorf("%s: error %v, want accepted %t", server, err, want)
		}
	}
}

func TestANotifiersSecretIsSentWhereNobodyReadsIt(t *testing.T) {
	for kind, said := range map[string]string{"pagerduty: {routingKeyFile: /k, url: %s}": "keyOverHTTP", "slack: {tokenFile: /t, channel: C0123456789, url: %s}": "tokenOverHTTP"} {
		for address, want := range map[string]bool{
			"https://events.eu.pagerduty.com":         true,
			"http://127.0.0.1:8080":                   true,
			"http://10.0.0.1":                         false,
			"http://relay.tools":                      false,
			"http://relay.tools, " + said + ": true":  true,
			"http://relay.tools, " + said + ": false": false,
			"http://127.0.0.1.example.com":            false,
		} {
			_, err := config.Parse("f", []byte("notifiers: [{name: n, "+fmt.Sprintf(kind, address)+"}]"))
			if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "unencrypted") {
				t.Errorf("%s %s: error %v, want accepted %t", kind, address, err, want)
			}
		}
	}
}

func TestLoadSaysWhichFileIsNotThere(t *testing.T) {
	if _, err := config.Load("testdata/nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "testdata/nowhere.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestLoadReadsNoEndlessFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), "is 2097152 bytes long") {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	if text, err := os.ReadFile(shipped); err == nil {
		f.Add(string(text))
	}
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("a: &a [*a]\nnamespaces: *a\n")
	f.Add("prometheus: &a [{name: &b x, url: *b}]\nnotifiers: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse("fuzz", []byte(text))
		if err == nil && len(c.Prometheus) == 0 {
			t.Error("accepted without a Prometheus")
		}
		if err != nil && err.Error() == "" {
			t.Error("refused without a word")
		}
	})
}
