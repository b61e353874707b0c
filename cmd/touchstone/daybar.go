package main

import (
	"io"

	"github.com/schollz/progressbar/v3"

	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// dayBar shows on a terminal how far the statement under way is.
type dayBar struct{ bar *progressbar.ProgressBar }

// newDayBar begins to show; without a terminal it shows nothing.
func newDayBar(w io.Writer) *dayBar {
	if w == nil {
		return &dayBar{}
	}
	return &dayBar{progressbar.NewOptions(100, progressbar.OptionSetWriter(w), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))}
}

// show draws one statement's stage. What nobody knows the end of stands at nothing.
func (b *dayBar) show(id batch.ID, p batch.Progress) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(id.String() + "  " + p.Stage)
	_ = b.bar.Set(min(99, max(0, p.Percent))) // a full bar takes itself away; one that cannot be drawn is no reason to stop
}

func (b *dayBar) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
