package mariadb

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// Main runs a package's tests with one server for all of them, and gives the code to exit with. The package keeps the
// server that into points to. Extra arguments go to mariadbd.
func Main(m *testing.M, into **Server, extra ...string) int {
	dir, err := os.MkdirTemp("", "touchstone-mariadb")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if *into, err = Start(context.Background(), dir, extra...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer (*into).Stop()
	return m.Run()
}

// RowLog gives the arguments of a server whose row log says enough to read transactions back from it.
func RowLog() []string {
	return []string{"--log-bin=log", "--server-id=1", "--binlog-format=ROW", "--binlog-row-metadata=FULL"}
}
