package lab

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
)

// RunOptions describe one more process in a lab.
type RunOptions struct {
	Name    string // of the process and its log; a number is added where it is taken
	Program string // one of the lab's programs, such as greenwatch
	Path    string // of the program to run instead; empty: the lab's own
	Args    []string
	Env     []string
	// Ready is a URL that answers 200 once the process is up; empty: up as soon as it runs.
	Ready string
}

// Run starts one more process, which ends with the lab.
func (l *Lab) Run(ctx context.Context, o RunOptions) (*Process, error) {
	path := o.Path
	if path == "" {
		var err error
		if path, err = l.Program(ctx, o.Program); err != nil {
			return nil, fmt.Errorf("run %s: %w", o.Program, err)
		}
	}
	name := l.unusedName(o.Name)
	c := command{name: name, path: path, args: o.Args, env: o.Env, dir: l.partDir(name), log: filepath.Join(l.dir, name+".log")}
	if o.Ready != "" {
		c.up = answers(http.DefaultClient, o.Ready)
	}
	p := newProcess(l.spawn, c)
	if err := l.keep(name, p); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

// Address gives a free address of the lab's own, for a server of the caller's.
func (l *Lab) Address() (string, error) { return freePort(l.block.host(1), 0) }
