package main

import (
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/policy"
	"github.com/knowledgebeast/greenwatch/internal/release"
	gwsignal "github.com/knowledgebeast/greenwatch/internal/signal"
	"github.com/knowledgebeast/greenwatch/internal/watchdog"
)

// speaker tells what changed to the log and to Kubernetes' events. Events are no record: one that
// can't be delivered is dropped.
type speaker struct {
	log    *zap.Logger
	events record.EventRecorder
}

// newSpeaker starts the delivery of events; stop ends it.
func newSpeaker(log *zap.Logger, client kubernetes.Interface) (s speaker, stop func(), err error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return speaker{}, nil, err
	}
	b := record.NewBroadcaster()
	b.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return speaker{log: log, events: b.NewRecorder(scheme, corev1.EventSource{Component: "greenwatch"})}, b.Shutdown, nil
}

// said says what changed between two states: one line each.
func (s speaker) said(r watchdog.Record, old release.State) {
	object := r.Handle.(*v1alpha1.Release)
	for _, x := range finding.Between(old, r.State, r.Spec) {
		s.log.Info(x.Text, zap.String("release", r.Name()), zap.String("code", string(x.Code)), zap.String("phase", string(r.State.Phase)),
			zap.String("verdict", string(r.State.Verdict.Tier)), zap.String("reason", r.State.Verdict.Reason))
		s.events.Event(object, kind(x.Code), string(x.Code), x.Text)
	}
}

// invalid says that a policy can't be obeyed.
func (s speaker) invalid(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("policy is not ready", zap.String("policy", p.Namespace+"/"+p.Name), zap.String("reason", message))
	s.events.Event(p, corev1.EventTypeWarning, "NotReady", message)
}

// coarse says which bounds of a policy its histograms can't show.
func (s speaker) coarse(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("bounds can't be seen", zap.String("policy", p.Namespace+"/"+p.Name), zap.String("reason", message))
	s.events.Event(p, corev1.EventTypeWarning, string(gwsignal.Coarse), message)
}

// lifted says what of a policy is below the daemon's floors.
func (s speaker) lifted(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("a policy asks for less than the daemon's file allows", zap.String("policy", p.Namespace+"/"+p.Name), zap.String("reason", message))
	s.events.Event(p, corev1.EventTypeWarning, "Lifted", message)
}

// overspent says that a policy has used up its budget of Prometheus' time.
func (s speaker) overspent(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("query budget used up", zap.String("policy", p.Namespace+"/"+p.Name))
	s.events.Event(p, corev1.EventTypeWarning, string(gwsignal.Budget), message)
}

// neverMeasured says that a release is judged without a signal.
func (s speaker) neverMeasured(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("judged without a signal", zap.String("policy", p.Namespace+"/"+p.Name), zap.String("reason", message))
	s.events.Event(p, corev1.EventTypeWarning, string(release.CodeNeverMeasured), message)
}

// historyShort says that a policy's Prometheus keeps too little.
func (s speaker) historyShort(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("Prometheus keeps too little", zap.String("policy", p.Namespace+"/"+p.Name), zap.String("reason", message))
	s.events.Event(p, corev1.EventTypeWarning, policy.ConditionHistory, message)
}

// edited says that an edit of a policy waits for the next release.
func (s speaker) edited(p *v1alpha1.WatchPolicy, message string) {
	s.log.Warn("an edit of the policy waits", zap.String("policy", p.Namespace+"/"+p.Name), zap.String("reason", message))
	s.events.Event(p, corev1.EventTypeWarning, watchdog.ReasonEditPending, message)
}

// reclaimed says that a release that was not listed any more is watched all the same.
func (s speaker) reclaimed(r *v1alpha1.Release) {
	s.log.Warn("a release was not listed any more and has its labels back", zap.String("release", r.Namespace+"/"+r.Name))
	s.events.Event(r, corev1.EventTypeWarning, "Reclaimed", "its labels were gone; greenwatch has set them again and goes on watching it")
}

func kind(c release.Code) string {
	e, ok := finding.Find(c)
	if ok && e.Audience == finding.OnCall && e.Severity != release.Info {
		return corev1.EventTypeWarning
	}
	return corev1.EventTypeNormal
}
