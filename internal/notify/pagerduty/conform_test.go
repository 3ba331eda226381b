package pagerduty_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/notify"
	"github.com/knowledgebeast/greenwatch/internal/notify/notifytest"
	"github.com/knowledgebeast/greenwatch/internal/notify/pagerduty"
)

const key = "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY00"

func TestConforms(t *testing.T) {
	notifytest.Conform(t, notifytest.Subject{
		Secret: key,
		New: func(baseURL string) (notifytest.Notifier, error) {
			client, err := pagerduty.New(pagerduty.Config{RoutingKey: notify.NewSecret(key), BaseURL: baseURL})
			if err != nil {
				return notifytest.Notifier{}, err
			}
			send := func(ctx context.Context) (notify.Receipt, error) { return client.Page(ctx, page()) }
			return notifytest.Notifier{Value: client, Send: send}, nil
		},
		Accept: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, `{"status": "success", "message": "Event processed", "dedup_key": "k"}`)
		},
	})
}
