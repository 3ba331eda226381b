package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knowledgebeast/greenwatch/internal/access"
	"github.com/knowledgebeast/greenwatch/internal/api/v1alpha1"
	"github.com/knowledgebeast/greenwatch/internal/config"
	"github.com/knowledgebeast/greenwatch/internal/report"
	"github.com/knowledgebeast/greenwatch/internal/web"
)

// pages shows the releases as the caches have them.
func (c *cluster) pages(who web.Who) *web.Pages {
	return &web.Pages{
		Version: c.cache.Version,
		Each: func(f func(report.Release, string)) {
			c.cache.Each(func(r *v1alpha1.Release) {
				f(report.Of(r.Namespace, r.Spec, r.Status), string(r.UID)+r.ResourceVersion)
			})
		},
		One: func(namespace, name string) (report.Release, string, bool) {
			r := c.cache.Find(types.NamespacedName{Namespace: namespace, Name: name})
			if r == nil {
				return report.Release{}, "", false
			}
			return report.Of(r.Namespace, r.Spec, r.Status), string(r.UID) + r.ResourceVersion, true
		},
		Who: who,
	}
}

// callers tells who may see what, as the daemon's file wants it; nil: everybody everything.
func callers(p config.StatusPage, with clients) web.Who {
	if p.Authentication != config.KubernetesAuthentication {
		return nil
	}
	reviewer := access.New(with.reviews)
	return func(ctx context.Context, token string) (web.Sees, error) {
		sees, err := reviewer.Who(ctx, token)
		if errors.Is(err, access.ErrNobody) {
			return nil, web.ErrNobody
		}
		return sees, err
	}
}

// port is an address with what is served there.
type port struct {
	listener net.Listener
	server   web.Server
}

// ports are the addresses that the daemon answers on: one for everything, or one for metrics and health and
// one for the pages.
type ports []port

// openPorts listens where the daemon's file says.
func openPorts(cfg config.Config, o web.Options, log *zap.Logger, cut func()) (p ports, err error) {
	if cfg.StatusPage.Listen == "" {
		return p, p.open(cfg.Listen, o, log, cut)
	}
	pages := web.Options{Pages: o.Pages}
	o.Pages = nil
	if err := p.open(cfg.Listen, o, log, cut); err != nil {
		return nil, err
	}
	return p, p.open(cfg.StatusPage.Listen, pages, log, cut)
}

// open begins to listen, so that an address that can't be had ends the start; nothing is answered yet.
func (p *ports) open(address string, o web.Options, log *zap.Logger, cut func()) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	*p = append(*p, port{listener: l, server: web.Server{Handler: web.New(o), Log: zap.NewStdLog(log), Cut: cut}})
	return nil
}

func (p ports) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, x := range p {
		g.Go(func() error { return x.server.Serve(ctx, x.listener) })
	}
	return g.Wait()
}

// addresses are where it listens, in the order of opening.
func (p ports) addresses() (all []string) {
	for _, x := range p {
		all = append(all, x.listener.Addr().String())
	}
	return all
}
