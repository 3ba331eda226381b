package measure_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/measure"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// pour is a text that goes on and on: a head, then parts, made as they are read.
type pour struct {
	read atomic.Int64 // bytes
	head string
	part func(i int) string // "": it ends
	rest string
	next int
}

func (p *pour) Read(b []byte) (int, error) {
	if p.rest == "" {
		p.rest = p.head
		if p.head = ""; p.rest == "" {
			p.rest = p.part(p.next)
			p.next++
		}
		if p.rest == "" {
			return 0, io.EOF
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	p.read.Add(int64(n))
	return n, nil
}

const inMatrix = `{"status":"success","data":{"resultType":"matrix","result":[`

// shortSeries are as many as are read, each of one sample.
func shortSeries() *pour {
	return &pour{head: inMatrix, part: func(i int) string {
		return fmt.Sprintf(`{"metric":{"a":"%d"},"values":[[%d,"1"]]},`, i, t0+60)
	}}
}

// What can't be used is not read, whatever the kind of question: of all these answers none is read to a MiB.
func TestAnswersAreReadNoFurtherThanTheyCanBeUsed(t *testing.T) {
	columns := func() *pour {
		return &pour{head: inMatrix, part: func(i int) string {
			return fmt.Sprintf(`{"metric":{"greenwatch":"total","a":"%d"},"values":[[%d,"1"]]},`, i, t0+60)
		}}
	}
	samples := func() *pour {
		return &pour{head: inMatrix + `{"metric":{},"values":[`, part: func(i int) string { return fmt.Sprintf(`[%d,"1"],`, t0+60*signal.Instant(i%59+1)) }}
	}
	labels := func() *pour {
		return &pour{head: inMatrix + `{"metric":{`, part: func(i int) string { return fmt.Sprintf(`"l%d":"x",`, i) }}
	}
	aside := func() *pour {
		return &pour{head: `{"status":"success","warnings":[`, part: func(int) string { return `"something is wrong",` }}
	}
	word := func() *pour {
		return &pour{head: `{"status":"`, part: func(int) string { return strings.Repeat("x", 1000) }}
	}
	for _, tc := range []struct {
		name  string
		body  func() *pour
		ask   signal.Ask
		cause signal.Cause
	}{
		{"short series where one number is wanted", shortSeries, questions[0], signal.ManySeries},
		{"samples of one number without end", samples, questions[0], signal.Away},
		{"short series where columns are wanted", columns, questions[1], signal.TooLarge},
		{"of a histogram", columns, questions[3], signal.TooLarge},
		{"labels without end", labels, questions[1], signal.TooLarge},
		{"warnings without end", aside, questions[0], signal.TooLarge},
		{"a word without end", word, questions[0], signal.TooLarge},
		{"a word without end where much may come", word, questions[5], signal.TooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := tc.body()
			got := readOne(t, client(t, func(*http.Request) io.Reader { return body }), tc.ask, hour)
			checkUnknown(t, got, tc.cause, "")
			if n := body.read.Load(); n == 0 || n > 1<<20 {
				t.Errorf("%d bytes were read; want some, and no more than 1 MiB", n)
			}
		})
	}
}

// A server is told how many series are of use.
func TestTheServerIsToldTheLimit(t *testing.T) {
	var limit atomic.Value
	c := client(t, func(r *http.Request) io.Reader {
		limit.Store(r.FormValue("limit"))
		return shortSeries()
	})
	got := readOne(t, c, questions[0], hour)
	checkUnknown(t, got, signal.ManySeries, `more than 2 series, such as {a="0"} and {a="1"}; want one number`)
	if limit.Load() != "3" {
		t.Errorf("limit %v; want 3: two, and one that tells that there are more", limit.Load())
	}
}

// A little that becomes much is much.
func TestCompressedAnswersAreBounded(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.CopyN(z, &pour{head: `{"status":"success","x":[`, part: func(int) string { return strings.Repeat("0,", 1000) }}, 64<<20)
	}))
	defer s.Close()
	checkUnknown(t, readOne(t, server{url: s.URL}.client(t), questions[0], hour), signal.TooLarge, "more than")
}

// crowded is how many containers a crowd has: what they are kept as is more than an answer may take at once.
const crowded = 60

// crowd is an answer of many containers over two days, which stops before its end until it may go on.
func crowd(r *http.Request, goOn <-chan struct{}) *pour {
	first := formInstant(r, "start")
	var samples strings.Builder
	for i := range signal.Instant(1440) {
		fmt.Fprintf(&samples, `[%d,"123456789"],`, first+120*i)
	}
	list := strings.TrimSuffix(samples.String(), ",")
	return &pour{head: inMatrix, part: func(i int) string {
		if i < crowded {
			return fmt.Sprintf(`{"metric":{"greenwatch":"memory","pod":"%d"},"values":[%s]},`, i, list)
		}
		<-goOn
		return ""
	}}
}

// All answers that are read at once hold no more memory together than they are allowed, over all clients; one that
// is small does not wait for those that are large.
func TestAnswersShareTheMemoryOfTheProcess(t *testing.T) {
	const readers = 12
	synctest.Test(t, func(t *testing.T) {
		ask := signal.Ask{Kind: signal.Growth, Metric: "memory_bytes", Since: t0.Add(-72 * 60 * minute)}
		memory, goOn := measure.NewMemory(64<<20), make(chan struct{})
		var mu sync.Mutex
		var bodies []*pour
		big := func(r *http.Request) io.Reader {
			p := crowd(r, goOn)
			mu.Lock()
			defer mu.Unlock()
			bodies = append(bodies, p)
			return p
		}
		shared := func(o *measure.Options) { o.Memory, o.Timeout, o.Concurrency = memory, time.Hour, readers }
		var all sync.WaitGroup
		before := live()
		for range readers {
			c := client(t, big, shared)
			all.Go(func() { c.Read(t.Context(), []signal.Ask{ask}, hour) })
		}
		synctest.Wait() // each is as far as it comes
		held := live() - before
		full := 0
		for _, b := range bodies {
			if b.next > crowded/2 {
				full++
			}
		}
		if full != 2 {
			t.Errorf("%d large answers are read at once; want 2", full)
		}
		if held > 16<<20 {
			t.Errorf("%d MiB are held", held>>20)
		}
		t.Logf("%d answers: %d MiB are held, %d are read on", readers, held>>20, full)
		small := client(t, honest, shared)
		if r := readOne(t, small, questions[1], hour); r.Cause != signal.Known {
			t.Errorf("beside them a small answer is %+v", r)
		}
		close(goOn)
		all.Wait() // each has its turn
	})
}

// live is how many bytes of memory are in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What a request carries is for the server of the daemon's file alone.
func TestNoRedirectIsFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		_, _ = io.Copy(w, honest(r))
	}))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "http://", "http://eve:hush@", 1)+r.URL.Path+"?token=hush", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	for _, known := range know(t, server{url: s.URL}.client(t)) {
		t.Error("known after a redirect: ", known)
	}
	got := readOne(t, server{url: s.URL}.client(t), questions[0], hour)
	checkUnknown(t, got, signal.Away, "it redirects to "+other.URL+"/api/v1/query_range, and no redirect is followed: write the address")
	if strings.Contains(got.Detail, "hush") || elsewhere.Load() != 0 {
		t.Errorf("detail %q, %d requests went elsewhere; want no secret in it, and none", got.Detail, elsewhere.Load())
	}
	if known := know(t, server{url: other.URL}.client(t)); len(known) == 0 || elsewhere.Load() == 0 {
		t.Error("control: where it leads nothing is known, nor asked")
	}
}
