package compare

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// progress shows on a terminal how far a comparison is.
type progress struct {
	bar   *progressbar.ProgressBar
	sides []*scan.Side
	stop  chan struct{}
	done  chan struct{}
}

// newProgress starts showing; without a terminal it shows nothing.
func newProgress(w io.Writer, sides []*scan.Side) *progress {
	if w == nil {
		return &progress{}
	}
	all := int64(0)
	for _, s := range sides {
		if s.Size() < 0 {
			all = -1
			break
		}
		all += s.Size()
	}
	p := &progress{
		sides: sides, stop: make(chan struct{}), done: make(chan struct{}),
		bar: progressbar.NewOptions64(all, progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(50*time.Millisecond)),
	}
	go p.watch()
	return p
}

// watch looks at the sides now and then until the run ends.
func (p *progress) watch() {
	defer close(p.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			read := int64(0)
			for _, s := range p.sides {
				read += s.Read()
			}
			_ = p.bar.Set64(read) // a bar that cannot be drawn is no reason to stop
		}
	}
}

// step names what is done now.
func (p *progress) step(now match.Progress) {
	if p.bar == nil {
		return
	}
	switch {
	case now.Side != "" && now.All > 0:
		p.bar.Describe(fmt.Sprintf("scan %s, %d of %d parts are there", now.Side, now.Done, now.All))
	case now.Side != "":
		p.bar.Describe("scan " + now.Side)
	case now.Done == 1:
		p.bar.Describe("join")
	}
}

func (p *progress) end() {
	if p.bar == nil {
		return
	}
	close(p.stop)
	<-p.done
	_ = p.bar.Clear()
}
