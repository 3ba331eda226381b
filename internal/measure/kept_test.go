package measure_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/lab"
	"github.com/knowledgebeast/greenwatch/internal/signal"
)

const eightDays = signal.Duration(8 * 24 * 3600e9)

type short struct {
	words string
	known bool
}

func wantShort(t *testing.T, s server, want short) {
	t.Helper()
	words, known, err := s.client(t).Short(t.Context(), eightDays, signal.At(time.Now()))
	if got := (short{words, known}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// What real servers say: a retention that is too short, and its controls, a long one and none by time.
func TestHowFarBackServersGo(t *testing.T) {
	programs, err := lab.Build(t.Context(), lab.BuildOptions{Only: []string{"prometheus", "victoria-metrics"}})
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]short{
		"--storage.tsdb.retention.time=5d":    {"keeps 5d (storage.tsdb.retention.time)", true},
		"--storage.tsdb.retention.time=30d":   {"", true},
		"--storage.tsdb.retention.size=512MB": {},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "prometheus.yml"), "")
		address := listen(t, programs.Path("prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
			"--storage.tsdb.path="+filepath.Join(dir, "data"), flag, "--web.listen-address=127.0.0.1:0")
		wantShort(t, server{url: "http://" + address}, want)
	}
	for flag, want := range map[string]short{"-retentionPeriod=3d": {"keeps 3d (retentionPeriod)", true}, "-retentionPeriod=1": {"", true}} {
		address := listenFor(t, victoriaListens, programs.Path("victoria-metrics"), "-storageDataPath="+filepath.Join(t.TempDir(), "data"),
			flag, "-httpListenAddr=127.0.0.1:0", "-memory.allowedBytes=64MB", "-loggerLevel=INFO")
		wantShort(t, server{url: "http://" + address}, want)
	}
}

// What others answer is no retention: nothing is said; and one that has older samples all the same is not short.
func TestHowFarBackIsUnknown(t *testing.T) {
	const none, some = `{"status":"success","data":{"resultType":"vector","result":[]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767225600,"3"]}]}}`
	fiveDays := short{"keeps 5d (storage.tsdb.retention.time)", true}
	for name, tc := range map[string]struct {
		status int
		info   string
		count  string
		want   short
		fails  bool
	}{
		"five days":                {200, `{"status":"success","data":{"storageRetention":"5d"}}`, none, fiveDays, false},
		"five days, or by size":    {200, `{"status":"success","data":{"storageRetention":"5d or 10GiB"}}`, none, fiveDays, false},
		"five days, and a remote":  {200, `{"status":"success","data":{"storageRetention":"5d"}}`, some, short{"", true}, false},
		"by size":                  {200, `{"status":"success","data":{"storageRetention":"10GiB"}}`, none, short{}, false},
		"Thanos":                   {200, `{"status":"success","data":{"storageRetention":""}}`, none, short{}, false},
		"no such page":             {404, "404 page not found", none, short{}, false},
		"not for greenwatch":       {403, "forbidden", none, short{}, false},
		"a page for people":        {200, "<html>", none, short{}, false},
		"does not answer for now":  {503, "", none, short{}, true},
		"turned away for the load": {429, "", none, short{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/api/v1/query" {
					io.WriteString(w, tc.count)
					return
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.info)
			}))
			defer s.Close()
			if tc.fails {
				if words, known, err := (server{s.URL}).client(t).Short(t.Context(), eightDays, t0); err == nil || known || words != "" {
					t.Errorf("%q, %v, %v; want an error", words, known, err)
				}
				return
			}
			wantShort(t, server{s.URL}, tc.want)
		})
	}
}
