package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/knowledgebeast/greenwatch/internal/act"
	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	"github.com/knowledgebeast/greenwatch/internal/rollout"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/store"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// cluster is the daemon's view of Kubernetes: caches, what it wrote itself last, and live reads.
type cluster struct {
	log       *zap.Logger
	store     *store.Store
	cache     *store.Cache
	informers *rollout.Informers
	actor     *act.Actor
	caches    rollout.Source
	live      rollout.Source
	born      rollout.Born
	befallen  rollout.Befallen
	leads     *leadingTo
	unready   rollout.Unready
	full      atomic.Bool
	defaults  func() policy.Defaults
	invalid   func(p *v1alpha1.WatchPolicy, message string)
	coarse    func(p *v1alpha1.WatchPolicy, message string)
	lifted    func(p *v1alpha1.WatchPolicy, message string)
	overspent func(p *v1alpha1.WatchPolicy, message string)
	// neverMeasured is told of a policy whose release is judged without a signal.
	neverMeasured func(p *v1alpha1.WatchPolicy, message string)
	// historyShort is told of a policy whose Prometheus keeps too little.
	historyShort func(p *v1alpha1.WatchPolicy, message string)
	edited       func(p *v1alpha1.WatchPolicy, message string)
	reclaimed    func(r *v1alpha1.Release)
	policies     latest[*v1alpha1.WatchPolicy]
	releases     latest[*v1alpha1.Release]
	overlaps     overlaps
	// namespaces are those that are looked after; an empty name is all of them.
	namespaces []string
	parsed     policy.Parsed
	wake       func(watchdog.Key)
}

// latest remembers what this process wrote last, for as long as the cache is behind it.
type latest[T versioned] struct {
	mu      sync.Mutex
	written map[string]T
}

type versioned interface {
	GetNamespace() string
	GetName() string
	GetResourceVersion() string
	comparable
}

func (l *latest[T]) put(x T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = map[string]T{}
	}
	l.written[x.GetNamespace()+"/"+x.GetName()] = x
}

// newer gives the newer of what the cache has and what was written; it forgets the latter once the
// cache has caught up.
func (l *latest[T]) newer(cached T) T {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := cached.GetNamespace() + "/" + cached.GetName()
	own, ok := l.written[key]
	if !ok {
		return cached
	}
	if resourceVersion(own) > resourceVersion(cached) {
		return own
	}
	delete(l.written, key)
	return cached
}

func (l *latest[T]) forget(namespace, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.written, namespace+"/"+name)
}

// resourceVersion reads one, which Kubernetes has as a growing number.
func resourceVersion(x interface{ GetResourceVersion() string }) uint64 {
	n, err := strconv.ParseUint(x.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// overlaps remembers which policies are refused for an older one, until a policy changes.
type overlaps struct {
	mu      sync.Mutex
	fresh   bool
	refused map[types.NamespacedName]error
	// met are the policies as they were met last.
	met map[types.NamespacedName]edition
}

// edition is what tells a policy from what it was before: what greenwatch writes into its status does not.
type edition struct {
	uid        types.UID
	generation int64
}

// meet takes in a policy as it is now, nil where it is gone. Only what is written in policies says who is refused:
// their status and their releases change all the time.
func (o *overlaps) meet(k types.NamespacedName, p *v1alpha1.WatchPolicy) {
	var is edition
	if p != nil {
		is = edition{p.UID, p.Generation}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch was, known := o.met[k]; {
	case was == is && known == (p != nil):
		return
	case p == nil:
		delete(o.met, k)
	case o.met == nil:
		o.met = map[types.NamespacedName]edition{k: is}
	default:
		o.met[k] = is
	}
	o.fresh = false
}

// refresh finds out anew who is refused, if a policy has changed since, and gives those for whom the
// answer is another one now.
func (o *overlaps) refresh(list func() ([]*v1alpha1.WatchPolicy, error)) (changed []types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fresh {
		return nil
	}
	all, _ := list() // what can't be decoded claims nothing, and is said where it is looked at
	old := o.refused
	o.refused, o.fresh = policy.Overlaps(all), true
	for k := range old {
		if o.refused[k] == nil {
			changed = append(changed, k)
		}
	}
	for k, err := range o.refused {
		if old[k] == nil || old[k].Error() != err.Error() {
			changed = append(changed, k)
		}
	}
	return changed
}

func (o *overlaps) of(k types.NamespacedName) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.refused[k]
}

func name(k watchdog.Key) types.NamespacedName {
	return types.NamespacedName{Namespace: k.Namespace, Name: k.Name}
}

// policy reads a policy from the cache and parses it. Other policies that its change sets free, or gets
// refused, are looked at as well.
func (c *cluster) policy(_ context.Context, k watchdog.Key) (watchdog.Policy, error) {
	for _, n := range c.overlaps.refresh(c.cache.Policies) {
		if n != name(k) {
			c.wake(watchdog.Key{Namespace: n.Namespace, Name: n.Name})
		}
	}
	cached, err := c.cache.Policy(name(k))
	if err != nil {
		return watchdog.Policy{}, err
	}
	if cached == nil {
		c.policies.forget(k.Namespace, k.Name)
		c.unready.Forget(name(k))
		c.parsed.Forget(name(k))
		return watchdog.Policy{Key: k, Gone: true}, nil
	}
	p := c.policies.newer(cached)
	p = p.DeepCopy()
	p.Spec, p.Generation = cached.Spec, cached.Generation
	out := watchdog.Policy{Key: k, Generation: p.Generation, Ledger: p.Status.Ledger, Handle: p, Overspent: overspent(p), Unmeasured: unmeasured(p), HistoryShort: historyShort(p)}
	plan, errs := c.parsed.Parse(p, c.defaults())
	if err := c.overlaps.of(name(k)); err != nil {
		plan, errs = nil, append(errs, err)
	}
	out.Plan = plan
	for _, err := range errs {
		out.Problems = append(out.Problems, watchdog.Problem{Reason: string(policy.ReasonOf(err)), Message: err.Error()})
	}
	return out, nil
}

// fresh reads a policy's ledger anew: the leader before may have written what the cache does not show yet.
func (c *cluster) fresh(ctx context.Context, p watchdog.Policy) (watchdog.Policy, error) {
	live, err := c.store.LoadPolicy(ctx, p.Key.Namespace, p.Key.Name)
	if err != nil {
		return p, err
	}
	c.policies.put(live)
	cached := p.Handle.(*v1alpha1.WatchPolicy)
	live = live.DeepCopy()
	live.Spec, live.Generation = cached.Spec, cached.Generation
	p.Ledger, p.Handle, p.Overspent, p.Unmeasured = live.Status.Ledger, live, overspent(live), unmeasured(live)
	p.HistoryShort = historyShort(live)
	return p, nil
}

// overspent tells whether a policy's status says that it has used up its budget of Prometheus' time.
func overspent(p *v1alpha1.WatchPolicy) bool {
	b := condition(p.Status.Conditions, policy.ConditionBudget)
	return b != nil && b.Status == "False"
}

// unmeasured is what a policy's status says of signals that were never measured.
func unmeasured(p *v1alpha1.WatchPolicy) string {
	if m := condition(p.Status.Conditions, policy.ConditionMeasured); m != nil && m.Status == "False" {
		return m.Message
	}
	return ""
}

// historyShort is what a policy's status says of a Prometheus that keeps too little.
func historyShort(p *v1alpha1.WatchPolicy) string {
	if m := condition(p.Status.Conditions, policy.ConditionHistory); m != nil && m.Status == "True" {
		return m.Message
	}
	return ""
}

// active gives a policy's active releases.
func (c *cluster) active(ctx context.Context, k watchdog.Key, live bool) ([]watchdog.Record, error) {
	if live {
		found, err := c.store.Active(ctx, k.Namespace, k.Name)
		if err != nil {
			return nil, err
		}
		return c.retire(ctx, found)
	}
	found, err := c.cache.Active(name(k))
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = c.releases.newer(found[i])
	}
	return records(found), nil
}

// retire takes the label from releases that are over and settled: the process that ended them died
// before it could.
func (c *cluster) retire(ctx context.Context, found []*v1alpha1.Release) ([]watchdog.Record, error) {
	var out []watchdog.Record
	for _, r := range found {
		if r.Status.Phase == "" || r.Status.Active() {
			out = append(out, recordOf(r))
			continue
		}
		if _, err := c.store.Save(ctx, r, r.Status); err != nil {
			return nil, known(err)
		}
		c.releases.forget(r.Namespace, r.Name)
	}
	return out, nil
}

func (c *cluster) all() []watchdog.Record {
	found, _ := c.cache.All() // what can't be decoded is said where its policy is looked at
	return records(found)
}

// ledgers gives what each policy's status remembers, as the cache has it.
func (c *cluster) ledgers() map[watchdog.Key]release.Ledger {
	found, _ := c.cache.Policies() // what can't be decoded is said where it is looked at
	out := make(map[watchdog.Key]release.Ledger, len(found))
	for _, p := range found {
		out[watchdog.Key{Namespace: p.Namespace, Name: p.Name}] = p.Status.Ledger
	}
	return out
}

// fleet gives all active releases and ledgers as the API server has them now.
func (c *cluster) fleet(ctx context.Context) ([]watchdog.Record, map[watchdog.Key]release.Ledger, error) {
	var active []watchdog.Record
	ledgers := map[watchdog.Key]release.Ledger{}
	for _, namespace := range c.namespaces {
		found, policies, err := c.store.Fleet(ctx, namespace)
		if err != nil {
			return nil, nil, err
		}
		active = append(active, records(found)...)
		for _, p := range policies {
			ledgers[watchdog.Key{Namespace: p.Namespace, Name: p.Name}] = p.Status.Ledger
		}
	}
	return active, ledgers, nil
}

func records(releases []*v1alpha1.Release) []watchdog.Record {
	out := make([]watchdog.Record, 0, len(releases))
	for _, r := range releases {
		out = append(out, recordOf(r))
	}
	return out
}

func recordOf(r *v1alpha1.Release) watchdog.Record {
	return watchdog.Record{Namespace: r.Namespace, Spec: r.Spec, State: r.Status, Handle: r}
}

// observe looks at the slots and the routes; live where something is about to be done.
func (c *cluster) observe(ctx context.Context, plan *release.Plan, memory []release.RouteMemory, live bool) (watchdog.Sight, error) {
	src := c.caches
	if live {
		src = c.live
	}
	s, err := rollout.Observe(ctx, plan, memory, src)
	if err != nil {
		return watchdog.Sight{}, err
	}
	if len(memory) == 0 {
		if s.World, err = rollout.Age(ctx, plan, s.World, c.born); err != nil {
			return watchdog.Sight{}, err
		}
	}
	out := watchdog.Sight{World: s.World, Routes: s.Routes}
	for _, p := range s.Problems {
		out.Problems = append(out.Problems, watchdog.Problem{Reason: string(p.Reason), Message: p.Message})
	}
	return out, nil
}

// leadsTo tells what is wrong with where a slot's destination leads. That it can't be told is said once.
func (c *cluster) leadsTo(ctx context.Context, namespace string, slot release.Slot, live bool) string {
	wrong, err := c.leads.of(ctx, namespace, slot, live)
	if err != nil && ctx.Err() == nil {
		c.leads.untold.Do(func() {
			c.log.Warn("where destinations lead can't be told; rollbacks go by what routes led to alone", zap.Error(err))
		})
	}
	return wrong
}

func (c *cluster) tick(k watchdog.Key, w *release.World, now gwsignal.Instant, tick bool) {
	if tick {
		c.unready.Tick(name(k), w, now)
		return
	}
	c.unready.Look(name(k), w, now)
}

func (c *cluster) create(ctx context.Context, r watchdog.Record) (watchdog.Record, error) {
	made, err := c.store.Create(ctx, r.Namespace, r.Spec)
	if errors.Is(err, store.ErrTaken) {
		return r, errors.Join(watchdog.ErrTaken, err)
	}
	if err != nil {
		return r, known(err)
	}
	return recordOf(made), nil
}

// reclaim reads a release that the list lacks, and gives it its labels back.
func (c *cluster) reclaim(ctx context.Context, k watchdog.Key, number int64) (watchdog.Record, bool, error) {
	r, lost, err := c.store.Reclaim(ctx, k.Namespace, k.Name, number)
	if err != nil || r == nil {
		return watchdog.Record{}, false, known(err)
	}
	c.releases.put(r)
	if lost {
		c.reclaimed(r)
	}
	return recordOf(r), true, nil
}

func (c *cluster) lastNumber(ctx context.Context, k watchdog.Key) (int64, error) {
	return c.store.LastNumber(ctx, k.Namespace, k.Name)
}

func (c *cluster) save(ctx context.Context, old, next watchdog.Record) (watchdog.Record, error) {
	saved, err := c.store.Save(ctx, old.Handle.(*v1alpha1.Release), next.State)
	if err != nil {
		return old, known(err)
	}
	if saved.Status.Active() {
		c.releases.put(saved)
	} else {
		c.releases.forget(saved.Namespace, saved.Name)
	}
	return recordOf(saved), nil
}

// saveLedger writes a policy's status, with its condition Ready.
func (c *cluster) saveLedger(ctx context.Context, p watchdog.Policy, ledger release.Ledger, problems []watchdog.Problem) error {
	old := p.Handle.(*v1alpha1.WatchPolicy)
	next := *old.Status.DeepCopy()
	next.ObservedGeneration, next.Ledger = p.Generation, ledger
	var errs []error
	pending := editPending(old.Status.Conditions, p.Generation)
	for _, x := range problems {
		if x.Reason == watchdog.ReasonEditPending {
			pending.Status, pending.Reason, pending.Message = "True", "ReleaseActive", x.Message
			continue
		}
		errs = append(errs, policy.Because(policy.Reason(x.Reason), "%s", x.Message))
	}
	was := condition(next.Conditions, policy.ConditionReady)
	notes := policy.Lifted(old, c.defaults())
	ready := policy.Noting(policy.Ready(now(), p.Generation, was, errs...), notes)
	next.Conditions = []gwsignal.Condition{ready}
	wasPending := condition(old.Status.Conditions, watchdog.ReasonEditPending)
	if pending.Message != "" {
		next.Conditions = append(next.Conditions, pending)
	}
	// What was seen of the bounds stands while they are the same.
	if v := condition(old.Status.Conditions, policy.ConditionVisible); v != nil && p.Plan != nil && v.ObservedGeneration == p.Generation {
		next.Conditions = append(next.Conditions, *v)
	}
	for _, kind := range []string{policy.ConditionBudget, policy.ConditionMeasured, policy.ConditionHistory} {
		if c := condition(old.Status.Conditions, kind); c != nil {
			next.Conditions = append(next.Conditions, *c)
		}
	}
	saved, err := c.store.SavePolicyStatus(ctx, old, next)
	if err != nil {
		return known(err)
	}
	c.policies.put(saved)
	switch news := was == nil || was.Message != ready.Message; {
	case news && ready.Status == "False":
		c.invalid(saved, ready.Reason+": "+ready.Message)
	case news && ready.Message != "":
		c.lifted(saved, ready.Message)
	}
	if pending.Message != "" && (wasPending == nil || wasPending.Message != pending.Message) {
		c.edited(saved, pending.Message)
	}
	return nil
}

// saveBudget writes into a policy's status whether it has used up its budget of Prometheus' time.
func (c *cluster) saveBudget(ctx context.Context, p watchdog.Policy, spent bool) error {
	old := p.Handle.(*v1alpha1.WatchPolicy)
	budget := policy.Budget(now(), p.Generation, condition(old.Status.Conditions, policy.ConditionBudget), spent)
	saved, err := c.saveCondition(ctx, old, budget)
	if err == nil && spent {
		c.overspent(saved, budget.Message)
	}
	return err
}

// saveMeasured writes into a policy's status which signals were never measured.
func (c *cluster) saveMeasured(ctx context.Context, p watchdog.Policy, never string) error {
	old := p.Handle.(*v1alpha1.WatchPolicy)
	measured := policy.Measured(now(), p.Generation, condition(old.Status.Conditions, policy.ConditionMeasured), never)
	saved, err := c.saveCondition(ctx, old, measured)
	if err == nil && never != "" {
		c.neverMeasured(saved, never)
	}
	return err
}

// saveHistory writes into a policy's status whether its Prometheus keeps too little.
func (c *cluster) saveHistory(ctx context.Context, p watchdog.Policy, short string) error {
	old := p.Handle.(*v1alpha1.WatchPolicy)
	kept := policy.History(now(), p.Generation, condition(old.Status.Conditions, policy.ConditionHistory), short)
	saved, err := c.saveCondition(ctx, old, kept)
	if err == nil && short != "" {
		c.historyShort(saved, short)
	}
	return err
}

// saveCondition writes one condition of a policy's status.
func (c *cluster) saveCondition(ctx context.Context, old *v1alpha1.WatchPolicy, x gwsignal.Condition) (*v1alpha1.WatchPolicy, error) {
	next := *old.Status.DeepCopy()
	next.Conditions = slices.DeleteFunc(next.Conditions, func(c gwsignal.Condition) bool { return c.Type == x.Type })
	next.Conditions = append(next.Conditions, x)
	saved, err := c.store.SavePolicyStatus(ctx, old, next)
	if err != nil {
		return nil, known(err)
	}
	c.policies.put(saved)
	return saved, nil
}

// editPending begins the condition EditPending of a policy's generation; it keeps since when it has been so.
func editPending(all []gwsignal.Condition, generation int64) gwsignal.Condition {
	c := gwsignal.Condition{Type: watchdog.ReasonEditPending, LastTransitionTime: now(), ObservedGeneration: generation}
	if was := condition(all, c.Type); was != nil {
		c.LastTransitionTime = was.LastTransitionTime
	}
	return c
}

// saveBuckets writes into a policy's status which of its bounds can be seen.
func (c *cluster) saveBuckets(ctx context.Context, p watchdog.Policy, seen []gwsignal.Buckets) error {
	old := p.Handle.(*v1alpha1.WatchPolicy)
	was := condition(old.Status.Conditions, policy.ConditionVisible)
	visible := policy.Visible(now(), old, p.Plan, was, seen)
	saved, err := c.saveCondition(ctx, old, visible)
	if err != nil {
		return err
	}
	if visible.Status == "False" && (was == nil || was.Message != visible.Message) {
		c.coarse(saved, visible.Message)
	}
	return nil
}

func condition(all []gwsignal.Condition, kind string) *gwsignal.Condition {
	i := slices.IndexFunc(all, func(c gwsignal.Condition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func (c *cluster) prune(ctx context.Context, k watchdog.Key, limit int) error {
	n, err := c.store.Prune(ctx, k.Namespace, k.Name, int32(limit))
	if n > 0 {
		c.log.Info("pruned the deployment log", zap.Stringer("policy", k), zap.Int("releases", n))
	}
	return err
}

func (c *cluster) perform(ctx context.Context, namespace string, a release.Action) (release.Result, string) {
	result, detail := c.actor.Perform(ctx, namespace, a)
	c.log.Info("performed", zap.String("namespace", namespace), zap.String("deed", string(a.Deed)), zap.String("key", a.Key),
		zap.String("result", string(result)), zap.String("detail", detail))
	return result, detail
}

// known marks an error of the store as what the daemon knows it by.
func known(err error) error {
	switch {
	case store.IsConflict(err):
		return errors.Join(watchdog.ErrConflict, err)
	case store.IsRefused(err):
		return errors.Join(watchdog.ErrRefused, err)
	}
	return err
}

// newCluster makes the clients, the caches and the actor. Nothing is asked of the API server yet.
func newCluster(log *zap.Logger, client kubernetes.Interface, objects dynamic.Interface, held func() error) *cluster {
	return &cluster{
		log:   log,
		store: store.New(store.Config{Objects: objects, Held: held}),
		actor: act.New(act.Config{Apps: client.AppsV1(), Objects: objects, Leads: rollout.LiveLeads(client, objects), Held: held}),
		live:  rollout.Live(client.AppsV1(), objects),
		born:  rollout.LiveBorn(client.AppsV1()),

		befallen: rollout.LiveBefallen(client),
		leads:    newLeading(rollout.LiveLeads(client, objects)),
	}
}

// named gives the policies that name an object of the cluster. It is asked of each change of any Deployment.
func (c *cluster) named(o rollout.Object) []watchdog.Key {
	var keys []watchdog.Key
	c.cache.EachPolicy(func(p *v1alpha1.WatchPolicy) {
		if p.Namespace == o.Namespace && names(p, o) {
			keys = append(keys, watchdog.Key{Namespace: p.Namespace, Name: p.Name})
		}
	})
	return keys
}

func names(p *v1alpha1.WatchPolicy, o rollout.Object) bool {
	if o.Kind == "VirtualService" {
		return p.Spec.Traffic.VirtualService == o.Name
	}
	return slices.ContainsFunc(p.Spec.Slots, func(s v1alpha1.Slot) bool { return s.Deployment == o.Name })
}

func now() gwsignal.Instant { return gwsignal.At(time.Now()) }
