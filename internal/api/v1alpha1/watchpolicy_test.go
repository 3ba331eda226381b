package v1alpha1_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// edit replaces text of the good policy; each of old must be found in it.
type edit []string

func edited(t *testing.T, e edit) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/watchpolicy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(e); i += 2 {
		if !bytes.Contains(text, []byte(e[i])) {
			t.Fatalf("the good policy does not contain %q", e[i])
		}
		text = bytes.ReplaceAll(text, []byte(e[i]), []byte(e[i+1]))
	}
	return text
}

// create asks the real API server to create the policy, as kubectl does, but for keeping it.
func (s server) create(t *testing.T, text []byte) error {
	t.Helper()
	j, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.Post().Namespace(s.Namespace).Resource("watchpolicies").
		Param("dryRun", metav1.DryRunAll).Param("fieldValidation", metav1.FieldValidationStrict).
		SetHeader("Content-Type", "application/json").Body(j).Do(t.Context()).Error()
}

const (
	errorRate = `ratio: {metric: http_requests_total, match: 'deployment="${slot}"', part: 'status=~"5.."'}`
	queue     = `query: 'max(shop_queue_depth{deployment="${slot}"})'`
	blue      = `    - {name: blue,  deployment: shop-blue,  destination: {host: shop-blue}}`
	green     = `    - {name: green, deployment: shop-green, destination: {host: shop-green}}`
	windows   = `      - {name: active,   until: 1h,   every: 5m}
      - {name: enhanced, until: 24h,  every: 30m}
      - {name: standard, until: 168h, every: 24h}`
)

func TestAPIServerRefuses(t *testing.T) {
	s := newServer(t)
	for name, c := range map[string]struct {
		edit edit
		want []string
	}{
		"one slot":         {edit{green, ""}, []string{"spec.slots", "exactly two slots; write two entries"}},
		"three slots":      {edit{green, green + "\n    - {name: red, deployment: r, destination: {host: r}}"}, []string{"spec.slots", "exactly two slots"}},
		"no slots":         {edit{"  slots:\n" + blue + "\n" + green, "  slots: []"}, []string{"spec.slots", "exactly two slots"}},
		"same slot name":   {edit{"name: green,", "name: blue,"}, []string{"spec.slots", "name them apart, such as blue and green"}},
		"same Deployment":  {edit{"deployment: shop-green", "deployment: shop-blue"}, []string{"both slots name the same Deployment"}},
		"same destination": {edit{"{host: shop-green}", "{host: shop-blue}"}, []string{"both slots have the same destination", "its own subset"}},
		"same subset":      {edit{"{host: shop-green}", "{host: shop, subset: a}", "{host: shop-blue}", "{host: shop, subset: a}"}, []string{"both slots have the same destination"}},
		"bad slot name":    {edit{"name: green,", "name: Green,"}, []string{"spec.slots[1].name", "write lower-case letters"}},
		"no destination":   {edit{", destination: {host: shop-green}", ""}, []string{"spec.slots[1].destination", "Required"}},

		"no traffic":           {edit{"virtualService: shop\n", "\n"}, []string{"spec.traffic.virtualService", "Required"}},
		"metric with a filter": {edit{"requests: {metric: http_requests_total,", "requests: {metric: 'http_requests_total{a=\"b\"}',"}, []string{"spec.traffic.requests.metric", "write the bare name, and labels in match"}},
		"metric in quotes":     {edit{"requests: {metric: http_requests_total,", "requests: {metric: '\"http.requests\"',"}, []string{"spec.traffic.requests.metric", "write the bare name"}},
		"metric of a function": {edit{"requests: {metric: http_requests_total,", "requests: {metric: 'rate(a[5m])',"}, []string{"spec.traffic.requests.metric", "write the bare name"}},
		"two words":            {edit{"requests: {metric: http_requests_total,", "requests: {metric: 'a b',"}, []string{"spec.traffic.requests.metric", "write the bare name"}},
		"unknown placeholder":  {edit{errorRate, strings.Replace(errorRate, "${slot}", "${pod}", 1)}, []string{"spec.signals[0].ratio.match", "unknown placeholder; write ${slot}, ${namespace}, ${deployment}, ${host} or ${version}"}},
		"placeholder in part":  {edit{"5..", "${color}"}, []string{"spec.signals[0].ratio.part", "unknown placeholder"}},
		"placeholder in query": {edit{queue, "query: 'up{a=\"${sloT}\"}'"}, []string{"spec.signals[2].query", "unknown placeholder"}},

		"window ends before it begins": {edit{"until: 24h, ", "until: 30m, "}, []string{"spec.schedule.windows", "ends before it begins; write the windows in order"}},
		"two windows end together":     {edit{"until: 24h, ", "until: 60m, "}, []string{"ends before it begins"}},
		"empty window":                 {edit{"until: 1h, ", "until: 0s, "}, []string{"ends before it begins"}},
		"days":                         {edit{"until: 168h", "until: 7d"}, []string{"spec.schedule.windows[2].until", "days are written in hours: 168h"}},
		"duration without a unit":      {edit{"settle: 30s", "settle: '30'"}, []string{"spec.timing.settle", "such as 90s, 5m or 24h"}},
		"negative duration":            {edit{"guardEvery: 15s", "guardEvery: -15s"}, []string{"spec.schedule.guardEvery", "not a duration"}},
		"empty duration":               {edit{"bin: 1m", "bin: ''"}, []string{"spec.schedule.bin", "not a duration"}},
		"two windows of one name":      {edit{"name: enhanced", "name: active"}, []string{"spec.schedule.windows[1]", "Duplicate value"}},
		"no windows":                   {edit{"windows:\n" + windows, "windows: []"}, []string{"spec.schedule.windows", "at least 1"}},

		"two signals of one name":  {edit{"name: queue-depth", "name: error-rate"}, []string{"spec.signals", "two signals have the same name"}},
		"two kinds":                {edit{"kubernetes: Available", "kubernetes: Available, query: up"}, []string{"spec.signals[3]", "more than one kind; write one of ratio, quantile, rate, query, kubernetes, alert, report, growth or probe"}},
		"no kind":                  {edit{errorRate, ""}, []string{"spec.signals[0]", "has no kind"}},
		"seconds for a ratio":      {edit{`"5%"`, "1s"}, []string{"spec.signals[0]", `percentage; write it from 0% to 100%`}},
		"number for a ratio":       {edit{`"1%"`, `"0.01"`}, []string{"spec.signals[0]", "percentage"}},
		"more than everything":     {edit{`"5%"`, "101%"}, []string{"spec.signals[0]", "percentage"}},
		"percentage for seconds":   {edit{"above: 1s", "above: 1%"}, []string{"spec.signals[1]", "write it with its unit, such as above: 200ms"}},
		"number for seconds":       {edit{"above: 1s", "above: '1'"}, []string{"spec.signals[1]", "write it with its unit"}},
		"seconds without the unit": {edit{"      unit: seconds\n", ""}, []string{"spec.signals[1]", "bare number", "unit: seconds"}},
		"percentage for a rate":    {edit{queue, "rate: {metric: http_requests_total}, consider: {below: 5%}"}, []string{"spec.signals[2]", "bare number"}},
		"unit for a rate":          {edit{queue, "rate: {metric: http_requests_total}, unit: seconds"}, []string{"spec.signals[2]", "unit is for quantile and query"}},
		"rate of nothing":          {edit{queue, "rate: {match: 'a=\"b\"'}"}, []string{"spec.signals[2].rate.metric", "Required"}},
		"percentage for a query":   {edit{queue, queue + ", consider: {above: 5%}"}, []string{"spec.signals[2]", "bare number"}},
		"unit for a ratio":         {edit{"required: true", "unit: seconds"}, []string{"spec.signals[0]", "unit is for quantile and query"}},
		"unknown unit":             {edit{"unit: seconds", "unit: bytes"}, []string{"spec.signals[1].unit", `supported values: "seconds", "milliseconds"`}},
		"bound for kubernetes":     {edit{"{unavailable: true}", "{above: '1'}"}, []string{"spec.signals[3]", "write unavailable: true instead"}},
		"unavailable for a ratio":  {edit{`{above: "0.1%"}`, "{unavailable: true}"}, []string{"spec.signals[0]", "unavailable is for kubernetes: Available"}},
		"no bound":                 {edit{`{above: "0.1%"}`, "{for: 5m}"}, []string{"spec.signals[0].investigate", "exactly one bound; write one of above, below, fallsBelowBaselineBy, risesAboveBaselineBy, unavailable: true, firing: true, reported: true, reachesLimitWithin or failing: true"}},
		"empty bound":              {edit{`{above: "0.1%"}`, "{above: ''}"}, []string{"spec.signals[0]", "percentage"}},
		"two bounds":               {edit{`{above: "0.1%"}`, "{above: 1%, below: 2%}"}, []string{"spec.signals[0].investigate", "exactly one bound"}},
		"unavailable: false":       {edit{"{unavailable: true}", "{unavailable: false}"}, []string{"spec.signals[3].rollback", "exactly one bound"}},
		"for with unavailable":     {edit{"{unavailable: true}", "{unavailable: true, for: 5m}"}, []string{"spec.signals[3].rollback", "write timing.unavailableFor instead"}},
		"quantile in percent":      {edit{`q: "0.99"`, `q: "99"`}, []string{"spec.signals[1].quantile.q", `write it such as "0.99"`}},
		"quantile of 0":            {edit{`q: "0.99"`, `q: "0.0"`}, []string{"spec.signals[1].quantile.q", "between 0 and 1"}},
		"a histogram's buckets":    {edit{"shop_query_duration_seconds", "shop_query_duration_seconds_bucket"}, []string{"spec.signals[1].quantile.metric", "leave _bucket out"}},
		"ratio without a part":     {edit{`, part: 'status=~"5.."'`, ""}, []string{"spec.signals[0].ratio", "write metric and part, or parts and wholes"}},
		"ratio of both forms":      {edit{`part: 'status=~"5.."'`, `part: 'status=~"5.."', parts: [h], wholes: [h]`}, []string{"spec.signals[0].ratio", "write metric and part, or parts and wholes"}},
		"ratio without wholes":     {edit{errorRate, "ratio: {parts: [hits_total]}"}, []string{"spec.signals[0].ratio", "write metric and part, or parts and wholes"}},
		"part that is no part":     {edit{errorRate, "ratio: {parts: [hits_total], wholes: [misses_total]}"}, []string{"spec.signals[0].ratio", "write each of parts in wholes, too"}},
		"counter with a filter":    {edit{errorRate, "ratio: {parts: ['h{}'], wholes: ['h{}']}"}, []string{"spec.signals[0].ratio.parts[0]", "write the bare name"}},

		"unknown mode":     {edit{"mode: Enforce", "mode: enforce"}, []string{"spec.mode", `supported values: "Observe", "Enforce"`}},
		"undeclared field": {edit{"historyLimit: 50", "historyLimit: 50\n  timeline: {window: 1h}"}, []string{`unknown field "spec.timeline"`}},
		"undeclared kind":  {edit{queue, "logs: {pattern: panic}"}, []string{`unknown field "spec.signals[2].logs"`}},

		"an alert without a name":      {edit{queue, "alert: {match: 'a=\"b\"'}"}, []string{"spec.signals[2].alert.name", "Required"}},
		"an alert's empty name":        {edit{queue, "alert: {name: ''}"}, []string{"spec.signals[2].alert.name", "at least 1 chars long"}},
		"an alert by its state":        {edit{queue, "alert: {name: A, by: [severity, alertstate]}"}, []string{"spec.signals[2].alert.by[1]", "is alike for all that fires"}},
		"an alert by no label":         {edit{queue, "alert: {name: A, by: ['a) (b']}"}, []string{"spec.signals[2].alert.by[0]", "not a label's name"}},
		"placeholder in an alert":      {edit{queue, "alert: {name: A, match: 'a=\"${pod}\"'}"}, []string{"spec.signals[2].alert.match", "unknown placeholder"}},
		"bound for an alert":           {edit{queue, "alert: {name: A}, rollback: {above: '0'}"}, []string{"spec.signals[2]", "write firing: true as the bound of its cells"}},
		"unavailable for an alert":     {edit{queue, "alert: {name: A}, consider: {unavailable: true}"}, []string{"spec.signals[2]", "write firing: true as the bound of its cells"}},
		"firing: false":                {edit{queue, "alert: {name: A}, rollback: {firing: false}"}, []string{"spec.signals[2].rollback", "exactly one bound"}},
		"firing for a query":           {edit{queue, queue + ", rollback: {firing: true}"}, []string{"spec.signals[2]", "firing is for an alert signal"}},
		"for with firing":              {edit{queue, "alert: {name: A}, rollback: {firing: true, for: 5m}"}, []string{"spec.signals[2].rollback", "an alert's rule has its own"}},
		"unit for an alert":            {edit{queue, "alert: {name: A}, unit: seconds"}, []string{"spec.signals[2]", "unit is for quantile and query"}},
		"an unknown fact":              {edit{"kubernetes: Available", "kubernetes: Evictions"}, []string{"spec.signals[3].kubernetes", `supported values: "Available", "Restarts", "OOMKills", "CrashLoops"`}},
		"unavailable for restarts":     {edit{"kubernetes: Available", "kubernetes: Restarts"}, []string{"spec.signals[3]", "write above: \"0\" as the bound of their cells"}},
		"half a restart":               {edit{queue, "kubernetes: Restarts, consider: {above: '0.5'}"}, []string{"spec.signals[2]", "whole numbers"}},
		"for with OOM kills":           {edit{queue, "kubernetes: OOMKills, consider: {above: '0', for: 5m}"}, []string{"spec.signals[2]", "without for"}},
		"a kind of report":             {edit{queue, "report: Security Hole"}, []string{"spec.signals[2].report", "write lower-case letters"}},
		"bound for a report":           {edit{queue, "report: security, rollback: {above: '0'}"}, []string{"spec.signals[2]", "write reported: true as the bound of its cells"}},
		"firing for a report":          {edit{queue, "report: security, rollback: {firing: true}"}, []string{"spec.signals[2]", "write reported: true"}},
		"reported: false":              {edit{queue, "report: security, rollback: {reported: false}"}, []string{"spec.signals[2].rollback", "exactly one bound"}},
		"reported for a query":         {edit{queue, queue + ", rollback: {reported: true}"}, []string{"spec.signals[2]", "reported is for a report signal"}},
		"a forecast that rolls back":   {edit{queue, "growth: {metric: mem}, rollback: {reachesLimitWithin: 9h}"}, []string{"spec.signals[2]", "a forecast moves no traffic; write consider or investigate"}},
		"a bound for a forecast":       {edit{queue, "growth: {metric: mem}, consider: {above: '0'}"}, []string{"spec.signals[2]", "write reachesLimitWithin: 168h"}},
		"a forecast of a query":        {edit{queue, queue + ", consider: {reachesLimitWithin: 9h}"}, []string{"spec.signals[2]", "reachesLimitWithin is for a growth signal"}},
		"for with a forecast":          {edit{queue, "growth: {metric: mem}, consider: {reachesLimitWithin: 9h, for: 5m}"}, []string{"spec.signals[2].consider", "for does not apply to reachesLimitWithin"}},
		"for with reported":            {edit{queue, "report: security, rollback: {reported: true, for: 5m}"}, []string{"spec.signals[2].rollback", "one report is enough"}},
		"an alert that is a ratio too": {edit{queue, queue + ", alert: {name: A}"}, []string{"spec.signals[2]", "more than one kind"}},
		"a probe without a URL":        {edit{queue, "probe: {components: [disk]}"}, []string{"spec.signals[2].probe.url", "Required"}},
		"a probe of no URL":            {edit{queue, "probe: {url: 'shop:8080/health'}"}, []string{"spec.signals[2].probe.url", "not a URL that can be asked; write it such as http://shop-${slot}.${namespace}.svc:8080/health"}},
		"a probe with a password":      {edit{queue, "probe: {url: 'http://eve:hush@shop.production.svc/health'}"}, []string{"spec.signals[2].probe.url", "without a user's name"}},
		"a probe's fragment":           {edit{queue, "probe: {url: 'http://shop.production.svc/health#a'}"}, []string{"spec.signals[2].probe.url", "without a fragment"}},
		"placeholder in a probe":       {edit{queue, "probe: {url: 'http://${pod}.production.svc/health'}"}, []string{"spec.signals[2].probe.url", "unknown placeholder"}},
		"a component twice":            {edit{queue, "probe: {url: 'http://shop.production.svc', components: [disk, disk]}"}, []string{"spec.signals[2].probe.components[1]", "Duplicate value"}},
		"a nameless component":         {edit{queue, "probe: {url: 'http://shop.production.svc', components: ['']}"}, []string{"spec.signals[2].probe.components[0]", "at least 1 chars long"}},
		"below for a probe":            {edit{queue, "probe: {url: 'http://shop.production.svc'}, consider: {below: '1'}"}, []string{"spec.signals[2]", "write failing: true, or a whole number such as above: \"1\", as the bound of its cells"}},
		"half a component":             {edit{queue, "probe: {url: 'http://shop.production.svc'}, consider: {above: '0.5'}"}, []string{"spec.signals[2]", "write failing: true, or a whole number"}},
		"failing: false":               {edit{queue, "probe: {url: 'http://shop.production.svc'}, consider: {failing: false}"}, []string{"spec.signals[2].consider", "exactly one bound"}},
		"failing for a query":          {edit{queue, queue + ", consider: {failing: true}"}, []string{"spec.signals[2]", "failing is for a probe signal; write above or below, or probe: {url: ...}"}},
		"a probe that is an alert too": {edit{queue, "probe: {url: 'http://shop.production.svc'}, alert: {name: A}"}, []string{"spec.signals[2]", "more than one kind"}},
		"seconds for a ratio's slo":    {edit{"required: true", "required: true\n      slo: 100ms"}, []string{"spec.signals[0]", "a ratio's slo is a percentage"}},
		"percentage for a slow slo":    {edit{"unit: seconds", "unit: seconds\n      slo: 1%"}, []string{"spec.signals[1]", "write it with its unit, such as slo: 100ms"}},
		"duration for a number's slo":  {edit{queue, queue + ", slo: '< 5s'"}, []string{"spec.signals[2]", "slo of a signal without a unit is a bare number"}},
		"an slo of an unknown side":    {edit{queue, queue + ", slo: '100'"}, []string{"spec.signals[2]", "the cells do not say which side of the slo is better; write it such as slo: '<= 100ms'"}},
		"an slo of both sides":         {edit{queue, queue + ", slo: '100', consider: {above: '1'}, investigate: {below: '0'}"}, []string{"spec.signals[2]", "the cells do not say which side"}},
		"an slo of Kubernetes":         {edit{"kubernetes: Available", "kubernetes: Available, slo: 100%"}, []string{"spec.signals[3]", "slo is for what is measured over a window"}},
		"an slo of an alert":           {edit{queue, "alert: {name: A}, slo: '<= 0'"}, []string{"spec.signals[2]", "slo is for what is measured over a window"}},
		"an empty slo":                 {edit{queue, queue + ", slo: ''"}, []string{"spec.signals[2].slo", "at least 1 chars long"}},
		"no history at all":            {edit{"historyLimit: 50", "historyLimit: 0"}, []string{"spec.historyLimit", "greater than or equal to 1"}},
		"a name too long":              {edit{"metadata: {name: shop}", "metadata: {name: " + strings.Repeat("s", 64) + "}"}, []string{"longer than 63 characters"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.create(t, edited(t, c.edit))
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want a message with %q, got:\n%v", want, err)
				}
			}
		})
	}
}

func TestAPIServerAccepts(t *testing.T) {
	s := newServer(t)
	for name, e := range map[string]edit{
		"all fields":                {},
		"subsets of one host":       {"{host: shop-green}", "{host: shop, subset: green}", "{host: shop-blue}", "{host: shop, subset: blue}"},
		"ratio of several counters": {errorRate, `ratio: {match: 'deployment="${slot}"', parts: [hits_total], wholes: [hits_total, misses_total]}`},
		"names with dots":           {"requests: {metric: http_requests_total, match: 'deployment=", "requests: {metric: http.server.request.count, match: '\"service.name\"=", "shop_query_duration_seconds", "запросы/секунд-ы"},
		"subset beside none":        {"{host: shop-green}", "{host: shop-blue, subset: green}"},
		"all placeholders":          {queue, `query: 'up{a="${slot}",b="${namespace}",c="${deployment}",d="${version}",e="${host}"}'`},
		"a dollar in a pattern":     {`5..`, `5..$`},
		"milliseconds":              {"unit: seconds", "unit: milliseconds"},
		"seconds for a query":       {queue, queue + ", unit: seconds, consider: {above: 1m30s}"},
		"a rate":                    {queue, `rate: {metric: http_requests_total, match: 'deployment="${slot}"'}, consider: {below: '0.5'}`},
		"an alert in all columns":   {queue, "alert: {name: A, match: 'slot=\"${slot}\"', by: [severity, k8s.pod.name]}, required: true, canary: {firing: true}, rollback: {firing: true}, consider: {firing: true}, investigate: {firing: true}"},
		"memory that climbs":        {queue, "growth: {metric: mem, match: 'pod=~\"${deployment}-.*\"', started: born, limit: 'limits{n=\"${namespace}\"}'}, consider: {reachesLimitWithin: 24h}, investigate: {reachesLimitWithin: 168h}"},
		"a report in two columns":   {queue, "report: customer-complaint, rollback: {reported: true}, consider: {reported: true}"},
		"numbers of Kubernetes":     {queue, "kubernetes: OOMKills, rollback: {above: '2'}, consider: {above: '0'}, required: true"},
		"a probe":                   {queue, "probe: {url: 'http://shop-${slot}.${namespace}.svc:8080/health', components: [disk, database]}, consider: {failing: true, for: 3m}, rollback: {above: '1'}"},
		"another probe":             {queue, "probe: {url: 'https://api.example.com'}, required: true, canary: {failing: true}, investigate: {failing: true}"},
		"numbers for a query":       {queue, queue + ", consider: {above: '1e3'}, investigate: {below: '-0.5'}"},
		"number for a quantile":     {"      unit: seconds\n", "", "120ms", "'120'", "above: 1s", "above: '1.5e3'"},
		"an slo by the cells":       {"required: true", "required: true\n      slo: 0.1%", "unit: seconds", "unit: seconds\n      slo: 100ms"},
		"an slo by its sign":        {"required: true", "required: true\n      slo: '< 0.1%'", queue, queue + ", slo: '>=-1.5'"},
		"an slo of least":           {queue, queue + ", slo: '1', consider: {fallsBelowBaselineBy: 30%}"},
		"parts of a second":         {"guardEvery: 15s", "guardEvery: 0.5s", "settle: 30s", "settle: 100ms"},
		"as Go writes durations":    {"until: 1h, ", "until: 1h0m0s, ", "automaticFor: 24h", "automaticFor: 1h2m3.5s"},
		"0 % and 100 %":             {`"5%"`, "100%", `"0.1%"`, "0%"},
		"tell nobody":               {"[oncall, deployments]", "[]"},
		"no mode, schedule, timing": {"mode: Enforce", "", "timing:", "rollback:", "{settle: 30s, unavailableFor: 30s, watchStableFor: 5m, episodeClear: 30m, reassertWithin: 2m}", "{}", "  rollback: {automaticFor: 24h, proofWithin: 5m, onCanary: false, keepCandidateFor: 1h, keepStableFor: 24h}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.create(t, edited(t, e)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAllButTheServiceMayBeLeftOut(t *testing.T) {
	s := newServer(t)
	const least = `
apiVersion: greenwatch.dev/v1alpha1
kind: WatchPolicy
metadata: {name: least}
spec:
  traffic: {virtualService: shop}
  slots:
  - {name: blue, deployment: b, destination: {host: b}}
  - {name: green, deployment: g, destination: {host: g}}
`
	if err := s.create(t, []byte(least)); err != nil {
		t.Error(err)
	}
	err := s.create(t, []byte(least+"  signals: []\n"))
	if err == nil || !strings.Contains(err.Error(), "spec.signals") {
		t.Errorf("want no signals at all to be refused, got %v", err)
	}
}

func TestShippedExampleIsAccepted(t *testing.T) {
	s := newServer(t)
	text, err := os.ReadFile("../../../configs/knowledgebeast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.create(t, []byte(strings.Replace(string(text), "  namespace: production\n", "", 1))); err != nil {
		t.Error(err)
	}
}

func TestWatchPolicyRoundTrip(t *testing.T) {
	c, ctx := newServer(t), t.Context()
	var p, got v1alpha1.WatchPolicy
	if err := yaml.UnmarshalStrict(edited(t, nil), &p); err != nil {
		t.Fatal(err)
	}
	spec := *p.Spec.DeepCopy()
	if err := c.Post().Namespace(c.Namespace).Resource("watchpolicies").Body(&p).Do(ctx).Into(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, got.Spec, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("spec changed on its way (-sent +got):\n%s", diff)
	}
	want := v1alpha1.WatchPolicyStatus{
		ObservedGeneration: 1,
		Conditions:         []signal.Condition{{Type: "Ready", Status: "True", Reason: "Watching", LastTransitionTime: 1_700_000_000, ObservedGeneration: 1}},
		Ledger: release.Ledger{
			LastRelease: 7,
			Accepted:    []release.AcceptedRevision{{Slot: "blue", Revision: "r1", Release: 6, Ended: release.RolledBack}, {Slot: "green", Revision: "r2"}},
			Routes:      []release.RouteMemory{{Key: "http", Destinations: []release.Destination{{Host: "kb", Subset: "blue", Port: 80}, {Host: "kb", Subset: "green"}}}},
		},
	}
	got.Status = want
	if err := c.Put().Namespace(c.Namespace).Resource("watchpolicies").Name("shop").SubResource("status").Body(&got).Do(ctx).Error(); err != nil {
		t.Fatal(err)
	}
	var again v1alpha1.WatchPolicy
	if err := c.Get().Namespace(c.Namespace).Resource("watchpolicies").Name("shop").Do(ctx).Into(&again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again.Status); diff != "" {
		t.Errorf("status changed on its way (-sent +got):\n%s", diff)
	}
}
