package web

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/knowledgebeast/greenwatch/internal/finding"
	"github.com/knowledgebeast/greenwatch/internal/report"
)

const (
	// rowsPerPage is how many releases a page of the list shows.
	rowsPerPage = 100
	// mostSheets is how many pages of either kind are kept ready.
	mostSheets = 64
)

//go:embed page.html
var source string

var templates = template.Must(template.New("page").Parse(source))

// listing is the list of releases: a row is made once for each change of its release, a page once for each
// change of any.
type listing struct {
	version func() uint64
	each    func(func(r report.Release, version string))

	mu     sync.Mutex
	at     uint64
	rows   []row // as they are shown; nil: not made yet
	sheets map[string]sheet
}

// row is a release on the page.
type row struct {
	namespace, policy string
	number            int64
	name, version     string
	html              template.HTML
}

// view is what of the list is shown to somebody.
type view struct {
	// all is whether they see all namespaces; if not, it is these, in order.
	all        bool
	namespaces []string
	// unasked is how many namespaces more there are of which nobody has asked whether they may see them.
	unasked int
	// number is the page's, from 1; one that is not there means the nearest.
	number int
}

func (v view) key() string {
	return fmt.Sprintf("%t %s %d %d", v.all, strings.Join(v.namespaces, ","), v.unasked, v.number)
}

// of gives those of the rows that are seen.
func (v view) of(rows []row) (seen []row) {
	if v.all {
		return rows
	}
	for _, r := range rows {
		if _, ok := slices.BinarySearch(v.namespaces, r.namespace); ok {
			seen = append(seen, r)
		}
	}
	return seen
}

// sheet gives a page of the list.
func (l *listing) sheet(v view) (sheet, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.renew(); err != nil {
		return sheet{}, err
	}
	rows := v.of(l.rows)
	v.number = min(max(v.number, 1), 1+max(0, len(rows)-1)/rowsPerPage)
	if s, ok := l.sheets[v.key()]; ok {
		return s, nil
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "page", newPage(v, rows)); err != nil {
		return sheet{}, err
	}
	if len(l.sheets) >= mostSheets {
		clear(l.sheets)
	}
	s := newSheet(bytes.Clone(b.Bytes()))
	l.sheets[v.key()] = s
	return s, nil
}

// namespaces gives all that have active releases, in order.
func (l *listing) namespaces() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.renew(); err != nil {
		return nil // said when the page is made
	}
	var all []string
	for _, r := range l.rows {
		all = append(all, r.namespace)
	}
	return slices.Compact(all)
}

// renew takes in what has changed. The caller holds the lock.
func (l *listing) renew() error {
	at := l.version() // before the releases are read: what changes meanwhile is seen the next time
	if l.rows != nil && at == l.at {
		return nil
	}
	old := make(map[[2]string]row, len(l.rows))
	for _, r := range l.rows {
		old[[2]string{r.namespace, r.name}] = r
	}
	rows := make([]row, 0, len(old))
	var failed error
	l.each(func(r report.Release, version string) {
		if kept, ok := old[[2]string{r.Namespace, r.Name}]; ok && kept.version == version {
			rows = append(rows, kept)
			return
		}
		made, err := rowOf(r, version)
		if err != nil {
			failed = err
			return
		}
		rows = append(rows, made)
	})
	if failed != nil {
		return failed
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.policy, b.policy), cmp.Compare(a.number, b.number))
	})
	l.at, l.rows, l.sheets = at, rows, map[string]sheet{}
	return nil
}

// page is what the template of the list is made from.
type page struct {
	Rows               []template.HTML
	First, Last, Total int
	Previous, Next     string // links; empty: there is none
	Unasked            int
}

// newPage gives the page of that number; rows are all that may be seen.
func newPage(v view, rows []row) page {
	from := (v.number - 1) * rowsPerPage
	to := min(from+rowsPerPage, len(rows))
	p := page{First: from + 1, Last: to, Total: len(rows), Unasked: v.unasked}
	for _, r := range rows[from:to] {
		p.Rows = append(p.Rows, r.html)
	}
	link := func(number int) string {
		q := url.Values{"page": {strconv.Itoa(number)}}
		if !v.all && len(v.namespaces) == 1 {
			q.Set("namespace", v.namespaces[0])
		}
		return "/?" + q.Encode()
	}
	if from > 0 {
		p.Previous = link(v.number - 1)
	}
	if to < len(rows) {
		p.Next = link(v.number + 1)
	}
	return p
}

// line is one release in words.
type line struct {
	Href, Name, Candidate, Phase, Share, Verdict, Reason, Since, Checks, Next, Readiness string
	Findings                                                                             []string
}

func rowOf(r report.Release, version string) (row, error) {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, "row", lineOf(r)); err != nil {
		return row{}, err
	}
	return row{namespace: r.Namespace, policy: r.Spec.Policy, number: int64(r.Spec.Number), name: r.Name, version: version,
		html: template.HTML(b.String())}, nil // escaped by its template
}

func lineOf(r report.Release) line {
	s := r.State
	l := line{
		Href:      "/releases/" + url.PathEscape(r.Namespace) + "/" + url.PathEscape(r.Name),
		Name:      r.Namespace + "/" + r.Name,
		Candidate: finding.Name(r.Spec.Candidate),
		Phase:     string(s.Phase),
		Share:     fmt.Sprintf("%d %%", s.Share),
		Checks:    fmt.Sprintf("%d of %d", s.Checks, s.Grid.Count()),
		Next:      s.NextCheck.String(),
		Readiness: string(s.Readiness),
	}
	if !s.FirstTraffic.IsZero() {
		l.Verdict, l.Reason, l.Since = s.Called(), s.Verdict.Reason, s.Verdict.Since.String()
	}
	for _, i := range s.Incidents {
		if e, ok := finding.Find(i.Code); ok && i.Closed.IsZero() {
			l.Findings = append(l.Findings, e.Title)
		}
	}
	return l
}
