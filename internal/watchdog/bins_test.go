package watchdog

import (
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

func TestTheBinsOfAMilestone(t *testing.T) {
	for _, c := range []struct{ long, least, want time.Duration }{
		{time.Hour, time.Minute, 5 * time.Minute},
		{24 * time.Hour, time.Minute, 30 * time.Minute},
		{168 * time.Hour, time.Minute, 30 * time.Minute},
		{168 * time.Hour, 2 * time.Minute, 30 * time.Minute},
		{24 * time.Hour, time.Hour, time.Hour},
		{time.Hour, 10 * time.Minute, 10 * time.Minute},
		{3 * time.Minute, 10 * time.Second, 10 * time.Second},
		{9 * time.Minute, 10 * time.Second, 30 * time.Second}, // 40 s, a twelfth, would leave a rest
		{6*time.Hour + 15*time.Minute, time.Minute, 25 * time.Minute},
		{1439 * time.Minute, time.Minute, 30 * time.Minute}, // a prime number of minutes: there is a rest
		{time.Second, 10 * time.Second, 10 * time.Second},
	} {
		if got := binOf(signal.Duration(c.long), signal.Duration(c.least)); got != signal.Duration(c.want) {
			t.Errorf("%s in bins of at least %s: bins of %s, want %s", c.long, c.least, got, c.want)
		}
	}
}
