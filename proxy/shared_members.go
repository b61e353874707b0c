package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// MemberStore is a set of keys that several sidecars know. Watch tells the keys there are, says so once, and goes on
// with each that comes or goes until ctx ends or it breaks off.
type MemberStore interface {
	Add(ctx context.Context, key string) error
	Remove(ctx context.Context, key string) error
	Watch(ctx context.Context, each func(key string, there bool), loaded func()) error
}

// SharedMembers is a Membership that the sidecars of a service share. Requests look at the copy in memory; the store is
// told, and tells, behind them. An order that the store does not take in time is told as lost: another sidecar may leave
// a request of it out.
type SharedMembers struct {
	known  *Members
	store  MemberStore
	key    []byte
	lost   func(order string)
	lanes  []chan membership
	loaded atomic.Bool
	missed prometheus.Counter

	mu     sync.Mutex
	closed bool
}

// membership is one change on its way to the store.
type membership struct {
	key, order string
	ending     string // of an order whose creation has ended
	gone       bool
	due        time.Time
}

const (
	memberLanes   = 8
	memberLane    = 512 // changes that wait in one lane
	memberWait    = 2 * time.Second
	memberPause   = 50 * time.Millisecond
	memberKeySize = 16
)

var errNotLoaded = errors.New("the orders that were born gray are not loaded yet")

// NewSharedMembers gives a membership that remembers at most bound orders; the salt of the policy makes its keys.
func NewSharedMembers(bound int, salt []byte, store MemberStore, lost func(order string), registry prometheus.Registerer) *SharedMembers {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte("touchstone members"))
	m := &SharedMembers{known: NewMembers(bound), store: store, key: h.Sum(nil), lost: lost}
	m.missed = promauto.With(registry).NewCounter(prometheus.CounterOpts{Name: "touchstone_members_unshared_total",
		Help: "Orders born gray that the shared store did not take in time; they are inconclusive."})
	for range memberLanes {
		m.lanes = append(m.lanes, make(chan membership, memberLane))
	}
	return m
}

// Ready tells whether the orders that other sidecars, or this one before, found gray are known.
func (m *SharedMembers) Ready() error {
	if !m.loaded.Load() {
		return errNotLoaded
	}
	return nil
}

// Has tells whether the order was born gray and is remembered.
func (m *SharedMembers) Has(member string) bool { return m.known.Has(m.name(member)) }

// Add remembers an order here and, soon, everywhere.
func (m *SharedMembers) Add(member, order string) {
	key := m.name(member)
	if m.known.Has(key) {
		return
	}
	m.known.Add(key, order)
	m.send(membership{key: key, order: order})
}

// Remove forgets an order here and, soon, everywhere.
func (m *SharedMembers) Remove(member string) {
	key := m.name(member)
	m.known.Remove(key)
	m.send(membership{key: key, gone: true})
}

// Created tells the end of an order's creation here and, soon, everywhere. When it does not get there, a callback that
// comes to another sidecar is inconclusive.
func (m *SharedMembers) Created(member string, how Creation) {
	key := m.name(member)
	m.known.Created(key, how)
	m.send(membership{key: key, ending: endings()[how]})
}

// Creation gives the end of an order's creation, wherever that was.
func (m *SharedMembers) Creation(member string) Creation { return m.known.Creation(m.name(member)) }

// endings are what is put behind an order's key when its creation has ended.
func endings() map[Creation]string {
	return map[Creation]string{CreationDone: "-done", CreationFailed: "-failed"}
}

// name is a key that the store takes, and that tells nobody an order's number.
func (m *SharedMembers) name(member string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(member))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:memberKeySize])
}

func (m *SharedMembers) send(c membership) {
	h := fnv.New32a()
	h.Write([]byte(c.key))
	c.due = time.Now().Add(memberWait)
	m.mu.Lock()
	sent := !m.closed
	if sent {
		select {
		case m.lanes[h.Sum32()%memberLanes] <- c:
		default:
			sent = false
		}
	}
	m.mu.Unlock()
	if !sent {
		m.lose(c)
	}
}

func (m *SharedMembers) lose(c membership) {
	if c.gone || c.ending != "" {
		return // others go on comparing an order whose taint this sidecar forgot, and the ledger has it; or they wait in vain
	}
	m.missed.Inc()
	m.lost(c.order)
}

// Run brings changes to the store and takes over those of others until ctx ends and nothing waits.
func (m *SharedMembers) Run(ctx context.Context) error {
	var lanes sync.WaitGroup
	for _, lane := range m.lanes {
		lanes.Go(func() {
			for c := range lane {
				m.bring(c)
			}
		})
	}
	for ctx.Err() == nil {
		// A watch that breaks off is begun anew and tells everything again; Ready and the store's own errors show it.
		_ = m.store.Watch(ctx, m.seen, func() { m.loaded.Store(true) })
		wait(ctx, memberPause)
	}
	m.mu.Lock()
	m.closed = true
	for _, lane := range m.lanes {
		close(lane)
	}
	m.mu.Unlock()
	lanes.Wait()
	return nil
}

func (m *SharedMembers) seen(key string, there bool) {
	for how, ending := range endings() {
		if order, ok := strings.CutSuffix(key, ending); ok {
			if there {
				m.known.Created(order, how)
			}
			return
		}
	}
	if there {
		m.known.Add(key, "")
	} else {
		m.known.Remove(key)
	}
}

// bring tries until the store has the change, or it was due.
func (m *SharedMembers) bring(c membership) {
	ctx, cancel := context.WithDeadline(context.Background(), c.due)
	defer cancel()
	change := m.store.Add
	if c.gone {
		change = m.store.Remove
	}
	for change(ctx, c.key+c.ending) != nil {
		if !wait(ctx, memberPause) {
			m.lose(c)
			return
		}
	}
}

// wait waits, or tells that ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
