package store_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func TestCut(t *testing.T) {
	for name, text := range map[string]string{
		"short": "totals agree", "as long as may be": strings.Repeat("x", store.MaxBasis), "one more": strings.Repeat("x", store.MaxBasis+1),
		"wide letters": strings.Repeat("补单", store.MaxBasis), "no UTF-8": strings.Repeat("\xba\xc3a", store.MaxBasis/2), "grows when mended": strings.Repeat("\xbaa", store.MaxBasis/2),
	} {
		t.Run(name, func(t *testing.T) {
			got := store.Cut(text, store.MaxBasis)
			if len(got) > store.MaxBasis || !utf8.ValidString(got) || store.Cut(got, store.MaxBasis) != got {
				t.Errorf("%d bytes: %.80q", len(got), got)
			}
			sum := fmt.Sprintf("(cut: %d bytes, sha256 %x)", len(text), sha256.Sum256([]byte(text)))
			if fits := len(text) <= store.MaxBasis && utf8.ValidString(text); fits != (got == text) || !fits && !strings.HasSuffix(got, sum) {
				t.Errorf("got %.40q … %q, want %q at the end unless it fits", got, got[max(0, len(got)-120):], sum)
			}
		})
	}
}

func TestALongBasisIsStoredShort(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		long := entry("a", "B1")
		long.Basis = strings.Repeat(`"`, 64<<10)
		if err := db.Tx(t.Context(), func(tx *store.Tx) error { return tx.Audit(t.Context(), long) }); err != nil {
			t.Fatal(err)
		}
		got, err := db.Outbox(t.Context(), 10)
		if err != nil || len(got) != 1 || len(got[0].Basis) > store.MaxBasis || !strings.Contains(got[0].Basis, "65536 bytes, sha256 ") {
			t.Errorf("got %.200v, %v", got, err)
		}
	})
}
