package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestLookupsFindWhatWasLoaded loads a few rows and wants each look-up to give the row that was asked for.
func TestLookupsFindWhatWasLoaded(t *testing.T) {
	var out bytes.Buffer
	o := options{Lookup: lookupOptions{Rows: 4_000, LoadFor: time.Minute, Lookups: 200, Buffer: "64M"}, Day: dayOptions{Dir: t.TempDir()}}
	if err := lookup(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "2,000 operations and 2,000 cases") || strings.Count(text, "200 look-ups: median") != 3 {
		t.Errorf("got %s", text)
	}
}
