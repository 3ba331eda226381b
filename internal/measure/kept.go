package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/knowledgebeast/greenwatch/internal/signal"
)

// longestStatus bounds what a server says of itself, in bytes.
const longestStatus = 1 << 20

// Short gives the server's own words for how far back it keeps samples, where that is less than need and it has none
// from so long before now; else "". Known is false where the server does not tell, which Prometheus does and
// VictoriaMetrics as a single node; others don't. An error is that nobody answers.
func (c *Client) Short(ctx context.Context, need signal.Duration, now signal.Instant) (words string, known bool, err error) {
	keeps, by, err := c.keeps(ctx)
	if err != nil || by == "" {
		return "", false, err
	}
	if keeps >= need {
		return "", true, nil
	}
	// A server may have what it does not keep itself: by remote read, or in blocks that were not dropped yet. A day more is
	// asked for, since those of a retention that is short by an hour go within the day.
	const day = signal.Duration(24 * 3600e9)
	older, err := c.instant(ctx, "count(up)", now.Add(-need-day).Time(), 1)
	if err != nil {
		return "", false, err
	}
	if len(older) > 0 {
		return "", true, nil
	}
	return fmt.Sprintf("keeps %s (%s)", model.Duration(keeps), by), true, nil
}

// keeps gives how long a server keeps samples by its configuration, and by which flag; "" where it does not say, or
// where they go by size alone.
func (c *Client) keeps(ctx context.Context) (signal.Duration, string, error) {
	said, status, err := c.status(ctx, "api/v1/status/runtimeinfo")
	switch {
	case err == nil:
		return prometheusKeeps(said)
	case !isAnswer(status):
		return 0, "", err
	}
	if said, status, err = c.status(ctx, "flags"); err == nil {
		return victoriaKeeps(said)
	}
	if isAnswer(status) {
		return 0, "", nil
	}
	return 0, "", err
}

// isAnswer tells whether a status says that a server has no such page, rather than that it can't answer now.
func isAnswer(status int) bool { return status/100 == 4 && status != 429 }

func (c *Client) status(ctx context.Context, path string) (said []byte, status int, err error) {
	err = c.ask(ctx, func(ctx context.Context) (err error) {
		status, err = c.server.page(ctx, path, func(body io.Reader) (err error) {
			said, err = io.ReadAll(io.LimitReader(body, longestStatus))
			return err
		})
		return err
	})
	return said, status, err
}

// prometheusKeeps reads "15d", "15d or 512MiB", "512MiB".
func prometheusKeeps(said []byte) (signal.Duration, string, error) {
	var info struct {
		Data struct {
			StorageRetention string `json:"storageRetention"`
		} `json:"data"`
	}
	if json.Unmarshal(said, &info) != nil {
		return 0, "", nil // what answers is no Prometheus
	}
	text, _, _ := strings.Cut(info.Data.StorageRetention, " or ")
	d, err := model.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, "", nil //nolint:nilerr // a size, or nothing
	}
	return signal.Duration(d), "storage.tsdb.retention.time", nil
}

var victoriaRetention = regexp.MustCompile(`(?m)^-retentionPeriod="([0-9.]+)([hdwy]?)"$`)

// victoriaKeeps reads -retentionPeriod="3d"; a bare number is of months of 31 days.
func victoriaKeeps(said []byte) (signal.Duration, string, error) {
	found := victoriaRetention.FindSubmatch(said)
	if found == nil {
		return 0, "", nil
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return 0, "", nil //nolint:nilerr // more than one point
	}
	unit := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour, "": 31 * 24 * time.Hour}
	hours := min(n*unit[string(found[2])].Hours(), 200*365*24)
	return signal.Duration(hours * float64(time.Hour)), "retentionPeriod", nil
}
