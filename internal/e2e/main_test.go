package e2e

import (
	"os"
	"testing"

	"github.com/knowledgebeast/greenwatch/internal/lab"
)

var cluster lab.Shared

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }
