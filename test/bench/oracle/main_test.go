package oracle

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

var (
	firstSeed = flag.Uint64("seed", uint64(time.Now().Unix()), "first seed; a run prints its own")
	built     = flag.String("program", "", "the product, built already")
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
	shared.dir = dir
	if shared.program, err = reconoracle.Build("../../..", dir, *built); err != nil {
		return 1, err
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
