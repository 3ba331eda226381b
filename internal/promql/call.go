package promql

import "strings"

// aggregations are how many arguments each takes.
var aggregations = map[kind]int{"sum": 1, "avg": 1, "count": 1, "min": 1, "max": 1, "group": 1, "stddev": 1, "stdvar": 1,
	"topk": 2, "bottomk": 2, "quantile": 2, "count_values": 2, "limitk": 2, "limit_ratio": 2}

// aggregation reads the rest of an aggregation: labels may come before its arguments or after.
func (p *parser) aggregation(op token) node {
	if op.kind == "limitk" || op.kind == "limit_ratio" {
		p.fail(op.at, "%s is experimental, and refused by a Prometheus without its feature flag", op.text)
	}
	grouped := p.take("by") || p.take("without")
	if grouped {
		p.grouping()
	}
	args := p.arguments()
	if !grouped && (p.take("by") || p.take("without")) {
		p.grouping()
	}
	n := aggregations[op.kind]
	if len(args) != n {
		p.fail(op.at, "%s of %d arguments; want %d", op.text, len(args), n)
	}
	if n == 2 {
		parameter := Scalar
		if op.kind == "count_values" {
			parameter = String
		}
		p.wantType(args[0], parameter, op)
	}
	p.wantType(args[n-1], Vector, op)
	return node{at: op.at, typ: Vector}
}

func (p *parser) wantType(n node, t Type, of token) {
	if n.typ != t {
		p.fail(n.at, "%s as an argument of %s; want %s", n.typ.a(), of.text, t.a())
	}
}

func (p *parser) arguments() (args []node) {
	p.want("(", "before arguments")
	if p.take(")") {
		return nil
	}
	for {
		args = append(args, p.expr(1))
		if p.take(")") {
			return args
		}
		p.want(",", "between arguments")
	}
}

// function is what a function takes and gives. The last argument may be left out or come up to more times again:
// more is 0 where there are exactly as many as listed, and -1 where there is no end.
type function struct {
	takes []Type
	more  int
	gives Type
}

// experimental are the functions of Prometheus that a feature flag allows.
var experimental = names(`double_exponential_smoothing end histogram_quantiles info mad_over_time max_of min_of range
	sort_by_label sort_by_label_desc start start_timestamp step
	ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time`)

func names(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// functions are those of Prometheus 3 without feature flags.
var functions = table()

func table() map[string]function {
	all := map[string]function{
		"clamp":              {takes: []Type{Vector, Scalar, Scalar}, gives: Vector},
		"clamp_max":          {takes: []Type{Vector, Scalar}, gives: Vector},
		"clamp_min":          {takes: []Type{Vector, Scalar}, gives: Vector},
		"histogram_fraction": {takes: []Type{Scalar, Scalar, Vector}, gives: Vector},
		"histogram_quantile": {takes: []Type{Scalar, Vector}, gives: Vector},
		"label_join":         {takes: []Type{Vector, String, String, String}, more: -1, gives: Vector},
		"label_replace":      {takes: []Type{Vector, String, String, String, String}, gives: Vector},
		"pi":                 {gives: Scalar},
		"predict_linear":     {takes: []Type{Matrix, Scalar}, gives: Vector},
		"quantile_over_time": {takes: []Type{Scalar, Matrix}, gives: Vector},
		"round":              {takes: []Type{Vector, Scalar}, more: 1, gives: Vector},
		"scalar":             {takes: []Type{Vector}, gives: Scalar},
		"time":               {gives: Scalar},
		"vector":             {takes: []Type{Scalar}, gives: Vector},
	}
	add := func(list string, f function) {
		for name := range names(list) {
			all[name] = f
		}
	}
	add(`abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count
		histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp`,
		function{takes: []Type{Vector}, gives: Vector})
	add(`absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate
		last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time
		sum_over_time`, function{takes: []Type{Matrix}, gives: Vector})
	add(`day_of_month day_of_week day_of_year days_in_month hour minute month year`,
		function{takes: []Type{Vector}, more: 1, gives: Vector})
	return all
}

// call reads the arguments of a function.
func (p *parser) call(name token) node {
	f, ok := functions[name.text]
	switch {
	case experimental[name.text]:
		p.fail(name.at, "%s() is experimental, and refused by a Prometheus without its feature flag", name.text)
	case !ok:
		p.fail(name.at, "unknown function %s()", name.text)
	}
	args := p.arguments()
	least, most := len(f.takes), len(f.takes)
	if f.more != 0 {
		least--
		most = least + f.more
	}
	if len(args) < least || f.more >= 0 && len(args) > most {
		p.fail(name.at, "%s() of %d arguments", name.text, len(args))
	}
	for i, a := range args {
		p.wantType(a, f.takes[min(i, len(f.takes)-1)], name)
	}
	return node{at: name.at, typ: f.gives}
}
