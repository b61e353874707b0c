package nearline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/window"
)

// book is what both sides wrote in one window, as it stands.
type book struct {
	records [2]map[recon.Key][]recon.Record
	count   int
	unread  int  // rows of the books that could not be read
	partial bool // not everything was kept
}

func (n *Comparer) book(start time.Time) *book {
	b := n.books[start]
	if b == nil {
		b = &book{records: [2]map[recon.Key][]recon.Record{{}, {}}}
		n.books[start] = b
	}
	return b
}

// write keeps the present state of a record, as long as its window can be asked about. Its caller holds the lock.
func (n *Comparer) write(now time.Time, ev window.Event) {
	start := ev.Time.Truncate(n.windows.Size())
	if now.Sub(start) > n.retain {
		return
	}
	b := n.book(start)
	records := b.records[ev.Side]
	if ev.Old != nil {
		all := records[ev.Old.Key]
		if i := slices.IndexFunc(all, func(r recon.Record) bool { return same(r, *ev.Old) }); i >= 0 {
			records[ev.Old.Key] = slices.Delete(all, i, i+1)
			b.count, n.records = b.count-1, n.records-1
		}
	}
	if ev.Record == nil {
		return
	}
	if n.records >= n.cfg.MaxRecords {
		b.partial = true
		return
	}
	records[ev.Record.Key] = append(records[ev.Record.Key], *ev.Record)
	b.count, n.records = b.count+1, n.records+1
}

func same(a, b recon.Record) bool {
	return a.Key == b.Key && a.Amount == b.Amount && a.Status == b.Status && a.Order == b.Order && a.Account == b.Account
}

var errPartial = errors.New("not all records of the window were kept")

// fetch gives the records of a window as they stand.
func (n *Comparer) fetch(_ context.Context, side window.Side, start time.Time, _ *digest.Buckets) ([]recon.Record, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.books[start]
	if b == nil || b.partial {
		return nil, fmt.Errorf("%w (at most %d in all)", errPartial, n.cfg.MaxRecords)
	}
	var all []recon.Record
	for _, records := range b.records[side] {
		all = append(all, records...)
	}
	return all, nil
}
