package proxy

import (
	"testing"

	"github.com/google/uuid"
)

func TestSampleIDsAreUniqueAndOrdered(t *testing.T) {
	seen, last := map[string]bool{}, ""
	for range 20_000 {
		id, err := NewSampleID()
		if err != nil {
			t.Fatal(err)
		}
		if u, err := uuid.Parse(id); err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is no UUID of version 7: %v", id, err)
		}
		if seen[id] || id <= last {
			t.Fatalf("%s came after %s", id, last)
		}
		seen[id], last = true, id
	}
}
