package nearline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/window"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Config says what is held against each other.
type Config struct {
	Windows         window.Config // its Hasher, Compared, Fetch, Excuse and Alert are set here
	Primary, Shadow []ledger.Table
	Excuse          func(order string) (cause string, passing bool) // see comparer.Ledger
	MaxRecords      int                                             // kept to tell which records differ; default 200,000
	MaxReports      int                                             // kept; default 360, an hour of windows of 10 s
	Metrics         *Metrics                                        // nil: nothing is measured
	Log             *slog.Logger
}

// Comparer turns evidence into windows. Take serves one goroutine, beside Run.
type Comparer struct {
	cfg     Config
	windows *window.Windows
	tables  [2]map[string]ledger.Table
	retain  time.Duration // for so long a window may be asked about

	mu      sync.Mutex
	orders  map[string]time.Time
	keys    map[recon.Key]time.Time
	told    map[string]time.Time // write sets, by id
	waiting map[string]arrival   // write sets of the primary that may arrive at the shadow
	blind   map[string]time.Time // orders of which a row could not be read
	books   map[time.Time]*book
	records int // in the books
	reports []Report
	reopen  map[time.Time]time.Time // windows to look at again, and when
}

// arrival is a write set on its way to the shadow.
type arrival struct {
	at       time.Time
	writeSet *shadow.WriteSet
}

// New checks the configuration.
func New(c Config) (*Comparer, error) {
	if c.MaxRecords == 0 {
		c.MaxRecords = 200_000
	}
	if c.MaxReports == 0 {
		c.MaxReports = 360
	}
	n := &Comparer{
		cfg: c, tables: [2]map[string]ledger.Table{byName(c.Primary), byName(c.Shadow)}, orders: map[string]time.Time{}, keys: map[recon.Key]time.Time{},
		told: map[string]time.Time{}, waiting: map[string]arrival{}, blind: map[string]time.Time{}, books: map[time.Time]*book{}, reopen: map[time.Time]time.Time{},
	}
	w := c.Windows
	w.Hasher = entry.NewHasher(entry.NewSecret()) // nothing of it leaves this process
	w.Compared = compared(slices.Concat(c.Primary, c.Shadow))
	w.Fetch, w.Excuse, w.Alert = n.fetch, n.excuse, n.alert
	var err error
	if n.windows, err = window.New(w); err != nil {
		return nil, err
	}
	n.retain = n.windows.Retention() + n.windows.Size() // longer than any window can ask
	return n, nil
}

// compared are the fields that all tables have.
func compared(tables []ledger.Table) entry.Compared {
	if slices.ContainsFunc(tables, func(t ledger.Table) bool { return t.Account == "" }) {
		return entry.CompareOrder
	}
	return entry.CompareOrder | entry.CompareAccount
}

// byName gives the tables by their bare name, with only what near-line compares: a generated id, the channel's and each
// side's own clock differ, or are not known yet.
func byName(tables []ledger.Table) map[string]ledger.Table {
	all := map[string]ledger.Table{}
	for _, t := range tables {
		t.Aliases, t.ChannelTxn, t.Time = nil, "", ""
		all[bare(t.Name)] = t
	}
	return all
}

// Run closes windows until ctx ends.
func (n *Comparer) Run(ctx context.Context) error {
	size := n.windows.Size()
	tick := time.NewTicker(min(max(size/20, 10*time.Millisecond), time.Second)) // for windows that the clock closes
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.windows.Due():
		case <-tick.C:
		}
		n.Advance(ctx, time.Now)
	}
}

// Advance closes what can close, and forgets what is too old. What goes wrong is logged and tried again.
func (n *Comparer) Advance(ctx context.Context, clock func() time.Time) {
	now := clock()
	n.prune(now)
	results, err := n.windows.Advance(ctx, clock)
	if err != nil && ctx.Err() == nil {
		n.cfg.Log.Error("near-line windows were not compared", keyError, err)
	}
	for _, r := range results {
		n.report(now, r)
	}
}

// prune forgets what no window can ask for any more, and reopens what is to be looked at again.
func (n *Comparer) prune(now time.Time) {
	n.mu.Lock()
	old, long := now.Add(-n.retain), now.Add(-longMemory)
	forget(n.keys, old)
	forget(n.orders, long)
	forget(n.told, long)
	forget(n.blind, long)
	for id, a := range n.waiting {
		if a.at.Before(old) {
			delete(n.waiting, id)
		}
	}
	for start, b := range n.books {
		if start.Before(old) {
			n.records -= b.count
			delete(n.books, start)
		}
	}
	var due []time.Time
	for start, at := range n.reopen {
		if !now.Before(at) {
			due = append(due, start)
			delete(n.reopen, start)
		}
	}
	n.mu.Unlock()
	for _, start := range due {
		n.windows.Reopen(start)
	}
}

func forget[K comparable](times map[K]time.Time, before time.Time) {
	for key, at := range times {
		if at.Before(before) {
			delete(times, key)
		}
	}
}

// longMemory is how long an order's writes find the time of its latest request, and a write set that is told again is known.
const longMemory = 24 * time.Hour

// causeUnread excuses orders of which the evidence does not have every row.
const causeUnread = "unread"

// excuse asks the ledger. A record that only the shadow wrote, of an order that is not part of the run, has no excuse.
func (n *Comparer) excuse(d window.Difference) string {
	n.mu.Lock()
	_, blind := n.blind[d.Order()]
	n.mu.Unlock()
	if blind {
		return causeUnread
	}
	cause, _ := n.cfg.Excuse(d.Order())
	if cause == shadow.RuleNotBornGray && d.Shadow != nil {
		return ""
	}
	return cause
}

func (n *Comparer) alert(r window.Result) {
	order := ""
	if len(r.Differences) > 0 {
		order = r.Differences[0].Order()
	}
	n.cfg.Log.Error("money differs between primary and shadow", keyWindow, r.Start, keyCount, len(r.Differences), keyOrder, order, keyDetail, r.Problem)
}

// Keys of log lines.
const (
	keyError  = "error"
	keyWindow = "window"
	keyCount  = "count"
	keyOrder  = "order"
	keyDetail = "detail"
)

// Day is a copy of one side's digest of a day: see window.Windows.Day.
func (n *Comparer) Day(side window.Side, at time.Time) (*digest.Table, bool, error) {
	t, kept, err := n.windows.Day(side, at)
	if err != nil {
		return nil, false, fmt.Errorf("near-line day: %w", err)
	}
	return t, kept, nil
}
