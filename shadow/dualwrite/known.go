package dualwrite

import (
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

// Bounds of the texts whose reading is kept. Tagged texts are few when their values are parameters, as they should be.
const (
	maxKnown     = 1024
	maxKnownText = 4 << 10
)

// reading is what classifying one text gave.
type reading struct {
	statement *stmt.Statement // read-only
	masked    string
}

// known remembers texts that were read before, for all connections of a port. When it is full it starts anew.
type known struct {
	mu    sync.RWMutex
	texts map[knownText]reading
}

type knownText struct {
	text string
	mode stmt.Mode
}

func (k *known) get(text string, mode stmt.Mode) (reading, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	r, ok := k.texts[knownText{text, mode}]
	return r, ok
}

func (k *known) put(text string, mode stmt.Mode, r reading) {
	if len(text) > maxKnownText {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.texts == nil || len(k.texts) >= maxKnown {
		k.texts = map[knownText]reading{}
	}
	k.texts[knownText{text, mode}] = r
}
