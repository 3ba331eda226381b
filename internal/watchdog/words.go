package watchdog

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/caught"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

// A person's word waits for no measurement. A look takes releases that a word was said of first, and sees the
// world for it but asks no Prometheus; and one that is measuring is cut short when a word is said meanwhile.

// errWord is what cuts a look short: what it has measured is void.
var errWord = errors.New("a person said something meanwhile")

// hasWord tells whether people said something of a release that it does not answer yet.
func (d *Daemon) hasWord(r Record) bool { return d.says(r, r.Spec.People) }

// says tells whether what people said is not answered yet by a release.
func (d *Daemon) says(r Record, p release.People) bool {
	return release.OpenWord(r.State, d.people(r, p), d.nowOf(r))
}

// wordsFirst gives the places of the records, those that a word was said of first.
func (d *Daemon) wordsFirst(records []Record) []int {
	var with, without []int
	for i, r := range records {
		if d.hasWord(r) {
			with = append(with, i)
		} else {
			without = append(without, i)
		}
	}
	return slices.Concat(with, without)
}

// ears hear of each wake-up of a policy while a look at it is under way.
type ears struct {
	mu     sync.Mutex
	knocks map[Key]chan struct{}
}

func (e *ears) knock(k Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case e.knocks[k] <- struct{}{}:
	default: // nobody listens, or has one to look after already
	}
}

// open hears from now on, until the look is over.
func (e *ears) open(k Key) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := make(chan struct{}, 1)
	e.knocks[k] = c
	return c
}

func (e *ears) shut(k Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.knocks, k)
}

// unlessSpoken does what may take long, and cuts it short as soon as the cache shows a word that the records
// do not have.
func (d *Daemon) unlessSpoken(ctx context.Context, k Key, l *looking, records []Record, do func(context.Context)) error {
	timed, cancel := context.WithCancel(ctx)
	defer cancel()
	cut := make(chan error, 1)
	go func() { cut <- caught.Call(func() error { return d.hear(timed, cancel, k, l, records) }) }()
	do(timed)
	cancel()
	return <-cut
}

// hear waits for a word until ctx ends, and ends it then.
func (d *Daemon) hear(ctx context.Context, end func(), k Key, l *looking, records []Record) error {
	defer end()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.knocks:
		}
		// What was heard counts even if ctx has just ended: it is heard only once.
		cached, err := d.Releases(context.WithoutCancel(ctx), k, false)
		if err == nil && d.spoken(cached, records) {
			return errWord
		}
	}
}

// spoken tells whether people said something that the releases, as they are followed now, do not answer.
func (d *Daemon) spoken(cached, records []Record) bool {
	for _, r := range records {
		i := slices.IndexFunc(cached, func(c Record) bool { return c.Name() == r.Name() })
		if i >= 0 && d.says(r, cached[i].Spec.People) {
			return true
		}
	}
	return false
}
