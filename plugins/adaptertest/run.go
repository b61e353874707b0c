package adaptertest

import (
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins/check"
)

// Config says what to test. Exactly one of Binary and Adapter is set.
type Config = check.Config

// Fixture is one statement and what must come out of it.
type Fixture = check.Fixture

// Run puts the adapter through the whole suite; each step of it is a test of its own.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = t.Output()
	}
	report, err := check.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range report.Steps {
		t.Run(s.Name, func(t *testing.T) {
			for _, p := range s.Problems {
				t.Error(p)
			}
		})
	}
}
