package retention

import (
	"log/slog"
	"os"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

func TestMain(m *testing.M) {
	audit.LogTo(slog.New(slog.DiscardHandler))
	if dir := os.Getenv(keeperFolder); dir != "" {
		os.Exit(killedKeeper(dir))
	}
	os.Exit(mariadb.Main(m, &server))
}
