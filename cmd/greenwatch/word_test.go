package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/knowledgebeast/greenwatch/internal/cli"
	"github.com/knowledgebeast/greenwatch/internal/release"
)

func TestAWordChangesNothingButItsOwnField(t *testing.T) {
	at := time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		word cli.Word
		want string
	}{
		{cli.Word{Decision: release.ChooseRollback, Reason: "wrong prices"}, `{"decision":{"at":"2026-03-03T15:00:00Z","by":"alice","choice":"Rollback","reason":"wrong prices"}}`},
		{cli.Word{Decision: release.ChooseAccept}, `{"decision":{"at":"2026-03-03T15:00:00Z","by":"alice","choice":"Accept","reason":null}}`},
		{cli.Word{Hold: 4 * time.Hour}, `{"hold":{"by":"alice","reason":null,"until":"2026-03-03T19:00:00Z"}}`},
		{cli.Word{Resume: true}, `{"hold":null}`},
	} {
		got, err := json.Marshal(people(c.word, "alice", at))
		if err != nil || string(got) != c.want {
			t.Errorf("%+v: %s, %v; want %s", c.word, got, err, c.want)
		}
	}
}
