package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The buckets of what sidecars know together.
const (
	recordingsBucket = "TOUCHSTONE_RECORDINGS"
	membersBucket    = "TOUCHSTONE_MEMBERS"
)

const (
	maxRecordings = 192 << 20 // bytes of recordings, in memory: they are needed for minutes, and there are many
	maxMembers    = 1 << 30   // bytes of memberships, on disk: about five million orders
	recordingsAge = 10 * time.Minute
	membersAge    = 90 * 24 * time.Hour
	watchLook     = 200 * time.Millisecond
	valueWait     = 2 * time.Second // for one answer: a bus that just went away gives none, and the connection does not know it yet
)

// Values is a sidecar's end of the key-value stores that the sidecars of one service share.
type Values struct {
	login  Login
	log    *slog.Logger
	conn   atomic.Pointer[nats.Conn]
	stream atomic.Pointer[jetstream.JetStream]
}

// NewValues makes the end; its buckets are out of reach until Run has connected.
func NewValues(login Login, log *slog.Logger) *Values { return &Values{login: login, log: log} }

// Run holds the connection until ctx ends, through restarts of the bus.
func (v *Values) Run(ctx context.Context) error {
	nc, err := v.login.dial(v.log, "touchstone-sidecar-values", nats.CustomInboxPrefix(sidecarInbox))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("set up shared values: %w", err)
	}
	v.stream.Store(&js)
	v.conn.Store(nc)
	<-ctx.Done()
	return nil
}

// Recordings is the bucket of channel calls. It is in memory: a bus that starts again has none, and the calls that need
// them are refused.
func (v *Values) Recordings() *Bucket { return &Bucket{values: v, name: recordingsBucket} }

// Members is the bucket of the orders that were born gray.
func (v *Values) Members() *Bucket { return &Bucket{values: v, name: membersBucket} }

// Bucket is one key-value store. It fails at once while the bus is known to be away, else within valueWait, and is safe for
// concurrent use.
type Bucket struct {
	values *Values
	name   string
	opened atomic.Pointer[jetstream.KeyValue]
}

func (b *Bucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	nc := b.values.conn.Load()
	if nc == nil || !nc.IsConnected() {
		return nil, errNotConnected
	}
	if kv := b.opened.Load(); kv != nil {
		return *kv, nil
	}
	kv, err := (*b.values.stream.Load()).KeyValue(ctx, b.name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", b.name, err)
	}
	b.opened.Store(&kv)
	return kv, nil
}

// Load gives a value and its revision; nothing and 0 where there is none.
func (b *Bucket) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, valueWait)
	defer cancel()
	kv, err := b.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	entry, err := kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("load from %s: %w", b.name, err)
	}
	return entry.Value(), entry.Revision(), nil
}

// Save replaces the value of a revision, or makes the first one with 0. Conflict means that another was faster.
func (b *Bucket) Save(ctx context.Context, key string, value []byte, revision uint64) (conflict bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, valueWait)
	defer cancel()
	kv, err := b.open(ctx)
	if err != nil {
		return false, err
	}
	if revision == 0 {
		_, err = kv.Create(ctx, key, value)
	} else {
		_, err = kv.Update(ctx, key, value, revision)
	}
	if wrongRevision(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("save to %s: %w", b.name, err)
	}
	return false, nil
}

func wrongRevision(err error) bool {
	var refused *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &refused) &&
		(refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// Add makes a key known.
func (b *Bucket) Add(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, valueWait)
	defer cancel()
	kv, err := b.open(ctx)
	if err == nil {
		_, err = kv.Put(ctx, key, nil)
	}
	if err != nil {
		return fmt.Errorf("add to %s: %w", b.name, err)
	}
	return nil
}

// Remove makes a key unknown.
func (b *Bucket) Remove(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, valueWait)
	defer cancel()
	kv, err := b.open(ctx)
	if err == nil {
		err = kv.Delete(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("remove from %s: %w", b.name, err)
	}
	return nil
}

// Watch tells the keys there are, says so once, and tells from then on each that is added or removed, until ctx ends or
// the watch breaks.
func (b *Bucket) Watch(ctx context.Context, each func(key string, there bool), loaded func()) error {
	kv, err := b.open(ctx)
	if err != nil {
		return err
	}
	w, err := kv.WatchAll(ctx, jetstream.MetaOnly())
	if err != nil {
		return fmt.Errorf("watch %s: %w", b.name, err)
	}
	defer w.Stop()
	nc := b.values.conn.Load()
	connection, look := nc.Stats().Reconnects, time.NewTicker(watchLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C: // a watch goes on by itself after a new connection, but only half a minute later
			if nc.Stats().Reconnects != connection {
				return fmt.Errorf("watch %s: the connection is a new one", b.name)
			}
		case entry, ok := <-w.Updates():
			switch {
			case !ok:
				return fmt.Errorf("watch %s: the watch ended", b.name)
			case entry == nil: // the end of what was there
				loaded()
			default:
				each(entry.Key(), entry.Operation() == jetstream.KeyValuePut)
			}
		}
	}
}

// ensureBuckets makes what sidecars share; they may use it and neither make nor drop it.
func ensureBuckets(ctx context.Context, js jetstream.JetStream) error {
	for _, c := range []jetstream.KeyValueConfig{
		{Bucket: recordingsBucket, Storage: jetstream.MemoryStorage, TTL: recordingsAge, MaxBytes: maxRecordings},
		{Bucket: membersBucket, Storage: jetstream.FileStorage, TTL: membersAge, MaxBytes: maxMembers},
	} {
		if _, err := js.CreateOrUpdateKeyValue(ctx, c); err != nil {
			return fmt.Errorf("set up %s: %w", c.Bucket, err)
		}
	}
	return nil
}

// valueSubjects are what a sidecar may publish to for the buckets.
func valueSubjects() []string {
	var out []string
	for _, bucket := range []string{recordingsBucket, membersBucket} {
		out = append(out, "$KV."+bucket+".>", "$JS.API.STREAM.INFO.KV_"+bucket, "$JS.API.DIRECT.GET.KV_"+bucket+".>")
	}
	watched := "KV_" + membersBucket + ".>"
	return append(out, "$JS.API.CONSUMER.CREATE."+watched, "$JS.API.CONSUMER.DELETE."+watched, "$JS.FC."+watched)
}
