package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

var (
	errNotLeading = errors.New("this process does not lead")
	errLostLease  = errors.New("the lease was lost to another process; ending, so that only one acts")
)

// lease is the right to write. Client-go's election is no fence of its own: before each write it is
// asked whether the lease is held and was renewed in time.
type lease struct {
	alone   atomic.Bool // there is no election
	elector atomic.Pointer[leaderelection.LeaderElector]
	renewed atomic.Pointer[renewal]
}

// renewal is when the renewal that the lease rests on was asked for, and how long it is good from then.
type renewal struct {
	asked time.Time
	lasts time.Duration
}

// noted notes renewals by when they were asked for. Client-go counts from the answer, which a process that was frozen
// in between reads when another one may lead already.
type noted struct {
	resourcelock.Interface
	lease *lease
	lasts time.Duration
}

// Create implements resourcelock.Interface.
func (n noted) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	asked := time.Now()
	return n.note(asked, n.Interface.Create(ctx, r))
}

// Update implements resourcelock.Interface.
func (n noted) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	asked := time.Now()
	return n.note(asked, n.Interface.Update(ctx, r))
}

func (n noted) note(asked time.Time, err error) error {
	if err == nil {
		n.lease.renewed.Store(&renewal{asked, n.lasts})
	}
	return err
}

// fresh gives an error where the lease was not renewed in time.
func (l *lease) fresh() error {
	switch r := l.renewed.Load(); {
	case r == nil:
		return errNotLeading
	case time.Since(r.asked) > r.lasts:
		return fmt.Errorf("the lease was not renewed in time: %s ago, and it lasts %s", time.Since(r.asked).Round(time.Millisecond), r.lasts)
	}
	return nil
}

// held gives an error where a write must not be made.
func (l *lease) held() error {
	if l.alone.Load() {
		return nil
	}
	e := l.elector.Load()
	if e == nil || !e.IsLeader() {
		return errNotLeading
	}
	return l.fresh()
}

// term is how the lease is kept.
type term struct {
	namespace, name, identity   string
	duration, deadline, retries time.Duration
}

// lead waits for the lease and runs work while it is held. It ends when work does, or with an error
// when the lease is lost. When ctx ends, work is ended first and the lease released right after, so
// that the next leader does not wait for it to run out.
func (l *lease) lead(ctx context.Context, client kubernetes.Interface, t term, work func(context.Context) error) error {
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var leading atomic.Bool
	defer context.AfterFunc(ctx, func() {
		if !leading.Load() {
			stop()
		}
	})()
	var worked error
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: noted{lease: l, lasts: t.duration, Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: t.namespace, Name: t.name},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: t.identity},
		}},
		LeaseDuration: t.duration, RenewDeadline: t.deadline, RetryPeriod: t.retries,
		ReleaseOnCancel: true,
		Name:            t.name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				leading.Store(true)
				defer stop()
				working, end := context.WithCancel(held)
				defer end()
				defer context.AfterFunc(ctx, end)()
				worked = work(working)
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("prepare the leader election: %w", err)
	}
	l.elector.Store(elector)
	elector.Run(electing)
	if electing.Err() == nil {
		return errLostLease
	}
	return worked
}
