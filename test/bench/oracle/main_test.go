package oracle

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var (
	firstSeed = flag.Uint64("seed", uint64(time.Now().Unix()), "first seed; a run prints its own")
	seeds     = flag.Uint64("seeds", 200, "how many seeds")
)

// rig is what the tests of this package share.
type rig struct {
	program string // the built product
	dir     string
	duck    *duck.DB
	maria   *mariadb.Server
}

var shared rig

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "touchstone-oracle")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	shared.dir, shared.program = dir, filepath.Join(dir, "touchstone")
	build := exec.Command("go", "build", "-o", shared.program, "./cmd/touchstone")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build touchstone: %w: %s", err, out)
	}
	if shared.duck, err = duck.Open(context.Background(), 1, dir); err != nil {
		return 1, err
	}
	defer shared.duck.Close()
	if shared.maria, err = mariadb.Start(context.Background(), filepath.Join(dir, "maria")); err != nil {
		return 1, err
	}
	defer shared.maria.Stop()
	fmt.Printf("seeds from %d, try -seed=%d to repeat\n", *firstSeed, *firstSeed)
	return m.Run(), nil
}
