package drivers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-3356bd69/touchstone/test/certs"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// What all tests of the package share.
var (
	server *mariadb.Server // offers TLS and LOAD DATA LOCAL
	keys   certs.Set       // of the server and of the ports
	suite  string          // the driver's tests, compiled
)

func TestMain(m *testing.M) { os.Exit(prepared(m)) }

func prepared(m *testing.M) int {
	dir, err := os.MkdirTemp("", "touchstone-drivers")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop()
	return m.Run()
}

func prepare(dir string) (err error) {
	if keys, err = certs.New(dir); err != nil {
		return err
	}
	suite = filepath.Join(dir, "mysql.test")
	if out, err := exec.Command("go", "test", "-c", "-o", suite, "github.com/go-sql-driver/mysql").CombinedOutput(); err != nil {
		return fmt.Errorf("compile the driver's tests: %w: %s", err, out)
	}
	server, err = mariadb.Start(context.Background(), dir, "--ssl-ca="+keys.CA, "--ssl-cert="+keys.Cert, "--ssl-key="+keys.Key,
		"--local-infile=1", "--max-allowed-packet=64M", "--performance-schema=ON", "--back-log=1000") // the suite opens 300 connections at once
	return err
}
