package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
)

// Variables of a process that is a bus and nothing else.
const (
	busFolder  = "TOUCHSTONE_TEST_BUS"
	busAddress = "TOUCHSTONE_TEST_BUS_ADDRESS"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(busFolder); folder != "" {
		fmt.Fprintln(os.Stderr, serveBus(folder, os.Getenv(busAddress)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serveBus runs a bus for workers until somebody kills the process.
func serveBus(folder, address string) error {
	s, err := bus.Embedded(context.Background(), bus.EmbeddedConfig{
		Listen: address, StoreDir: folder, Logger: slog.Default(), Users: []bus.User{{Name: "worker", Password: "secret", Role: bus.RoleWorker}},
	})
	if err != nil {
		return err
	}
	defer s.Close()
	select {}
}
