package bus

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func values(t *testing.T, url string) *Values {
	t.Helper()
	v := NewValues(Login{url, "sidecar", sidecarPassword}, quiet())
	run(t, v.Run)
	return v
}

// served is a bus whose streams and buckets are there.
func served(t *testing.T, dir, listen string) *Server {
	t.Helper()
	s := start(t, dir, listen)
	c := consumer(s.URL())
	run(t, func(ctx context.Context) error { return c.Run(ctx, (&inbox{}).take) })
	return s
}

func TestSidecarsShareValues(t *testing.T) {
	dir := t.TempDir()
	s := served(t, dir, "127.0.0.1:0")
	listen := address(t, s)
	a, b := values(t, s.URL()), values(t, s.URL())
	one, two := a.Recordings(), b.Recordings()
	waitFor(t, "bucket", func() bool { _, _, err := one.Load(t.Context(), "k"); return err == nil })
	data, revision, err := two.Load(t.Context(), "k")
	if err != nil || data != nil || revision != 0 {
		t.Fatalf("nothing reads as %q at %d, %v", data, revision, err)
	}
	save := func(b *Bucket, value string, revision uint64) bool {
		t.Helper()
		conflict, err := b.Save(t.Context(), "k", []byte(value), revision)
		if err != nil {
			t.Fatal(err)
		}
		return conflict
	}
	if save(one, "1", 0) || !save(two, "2", 0) {
		t.Error("both made the first value")
	}
	_, revision, _ = two.Load(t.Context(), "k")
	if save(two, "2", revision) || !save(one, "3", revision) {
		t.Error("both replaced one revision")
	}
	if data, _, _ = one.Load(t.Context(), "k"); string(data) != "2" {
		t.Errorf("got %q", data)
	}
	s.Close()
	begun := time.Now()
	if _, _, err := one.Load(t.Context(), "k"); err == nil || time.Since(begun) > valueWait+time.Second {
		t.Errorf("without a bus: %v after %s", err, time.Since(begun))
	}
	served(t, dir, listen)
	waitFor(t, "bus again", func() bool { data, _, err = one.Load(t.Context(), "k"); return err == nil })
	if data != nil {
		t.Errorf("recordings are in memory only, and yet there is %q", data)
	}
}

func TestFullBucketRefuses(t *testing.T) {
	s := served(t, t.TempDir(), "127.0.0.1:0")
	b := values(t, s.URL()).Recordings()
	waitFor(t, "bucket", func() bool { _, _, err := b.Load(t.Context(), "k"); return err == nil })
	large, stored := bytes.Repeat([]byte("x"), 7<<20), 0
	for key := 'a'; ; key++ {
		if _, err := b.Save(t.Context(), string(key), large, 0); err != nil {
			break
		}
		if stored += len(large); stored > maxRecordings {
			t.Fatal("more than the bound was taken")
		}
	}
	if data, _, err := b.Load(t.Context(), "a"); err != nil || !bytes.Equal(data, large) {
		t.Errorf("the first value went for a later one: %d bytes, %v", len(data), err)
	}
}

// watched is what a watch told.
type watched struct {
	mu     sync.Mutex
	keys   map[string]bool
	loaded bool
}

func (w *watched) watch(ctx context.Context, b *Bucket) error {
	for ctx.Err() == nil {
		_ = b.Watch(ctx, func(key string, there bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.keys[key] = there
		}, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.loaded = true
		})
		pause(ctx, 10*time.Millisecond)
	}
	return nil
}

func (w *watched) has(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[key]
}

func TestMembersOutliveTheBusAndReachEverySidecar(t *testing.T) {
	dir := t.TempDir()
	s := served(t, dir, "127.0.0.1:0")
	listen := address(t, s)
	a, b := values(t, s.URL()).Members(), values(t, s.URL()).Members()
	seen := &watched{keys: map[string]bool{}}
	run(t, func(ctx context.Context) error { return seen.watch(ctx, b) })
	add := func(key string) { waitFor(t, "room for "+key, func() bool { return a.Add(t.Context(), key) == nil }) }
	add("P1")
	waitFor(t, "P1 at the other sidecar", func() bool { return seen.has("P1") })
	if err := a.Remove(t.Context(), "P1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "end of P1", func() bool { return !seen.has("P1") })
	add("P2")
	s.Close()
	if a.Add(t.Context(), "P3") == nil {
		t.Error("a member was taken without a bus")
	}
	served(t, dir, listen)
	late := &watched{keys: map[string]bool{}}
	run(t, func(ctx context.Context) error { return late.watch(ctx, a) })
	waitFor(t, "P2 at a sidecar that came later", func() bool { return late.has("P2") && late.loaded })
	add("P4")
	waitFor(t, "P4 after the bus came back", func() bool { return seen.has("P4") })
	if late.has("P1") || late.has("P3") {
		t.Errorf("got %v", late.keys)
	}
}

func TestSidecarRoleUsesBucketsAndNeitherMakesNorDropsThem(t *testing.T) {
	s := served(t, t.TempDir(), "127.0.0.1:0")
	b := values(t, s.URL()).Recordings()
	waitFor(t, "bucket", func() bool { _, _, err := b.Load(t.Context(), "k"); return err == nil })
	refused := make(chan error, 16)
	nc, err := nats.Connect(s.URL(), nats.UserInfo("sidecar", sidecarPassword), nats.CustomInboxPrefix(sidecarInbox),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE.KV_" + membersBucket, "$JS.API.STREAM.PURGE.KV_" + membersBucket, "$JS.API.STREAM.UPDATE.KV_" + recordingsBucket,
		"$JS.API.STREAM.CREATE.KV_OTHER", "$JS.API.CONSUMER.CREATE." + streamName + ".c", "$JS.API.DIRECT.GET." + streamName, "$JS.API.STREAM.INFO." + streamName,
	} {
		if err := errors.Join(nc.Publish(subject, nil), nc.Flush()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s was not refused", subject)
		}
	}
}
