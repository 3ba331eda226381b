package policy

import (
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// Parsed remembers what policies come to for as long as neither they nor the defaults change: each look wants the
// plan, and to read a policy's PromQL may take a good part of a second. The zero value is ready for use, by any
// goroutine.
type Parsed struct {
	mu sync.Mutex
	of map[types.NamespacedName]parsed
}

type parsed struct {
	generation int64
	spec       v1alpha1.WatchPolicySpec
	defaults   Defaults
	plan       *release.Plan
	errs       []error
}

// Parse is the function Parse; what it gives is the caller's own.
func (x *Parsed) Parse(p *v1alpha1.WatchPolicy, d Defaults) (*release.Plan, []error) {
	x.mu.Lock()
	was, ok := x.of[key(p)]
	x.mu.Unlock()
	if !ok || was.generation != p.Generation || !reflect.DeepEqual(was.spec, p.Spec) || !reflect.DeepEqual(was.defaults, d) {
		was = parsed{generation: p.Generation, spec: *p.Spec.DeepCopy(), defaults: d}
		was.plan, was.errs = Parse(p, d)
		x.keep(key(p), was)
	}
	return was.plan.DeepCopy(), slices.Clone(was.errs)
}

func (x *Parsed) keep(k types.NamespacedName, is parsed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of == nil {
		x.of = map[types.NamespacedName]parsed{}
	}
	x.of[k] = is
}

// Forget forgets a policy that is gone.
func (x *Parsed) Forget(k types.NamespacedName) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.of, k)
}
