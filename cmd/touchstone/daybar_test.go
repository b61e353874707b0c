package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/batch"
)

func TestDayBarSaysWhatIsDoneNowAndHowFarItIs(t *testing.T) {
	var screen bytes.Buffer
	bar := newDayBar(&screen)
	id := batch.ID{Channel: "wechat", Account: "m1", Kind: "trade", Day: "2026-11-23"}
	for _, p := range []batch.Progress{{Stage: "fetch", Percent: -1}, {Stage: "scan bill.csv", Percent: 43}, {Stage: "cases", Percent: 100}} {
		bar.show(id, p)
	}
	bar.end()
	for _, words := range []string{"wechat/m1/trade/2026-11-23  fetch", "scan bill.csv  43%", "cases"} {
		if !strings.Contains(screen.String(), words) {
			t.Errorf("no %q on the screen: %q", words, screen.String())
		}
	}
	newDayBar(nil).show(id, batch.Progress{Stage: "fetch"}) // without a terminal there is nothing to draw on
}
