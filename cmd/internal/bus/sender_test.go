package bus

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Before there is a stream only one message is on its way: a second one could be taken by a stream that appears between the
// two, and the first would be lost or come behind it.
func TestFirstMessageGoesAloneUntilItIsTaken(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	nc, err := Login{s.URL(), "comparer", comparerPassword}.dial(quiet(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for deadline := time.Now().Add(5 * time.Second); !nc.IsConnected() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var window []message
	for _, id := range []string{"1", "2", "3"} {
		m, err := encode(shadow.Event{ID: id, Kind: shadow.EventTally, Instance: "a"})
		if err != nil {
			t.Fatal(err)
		}
		window = append(window, m)
	}
	out := &sender{conn: nc, js: js}
	if results := out.send(t.Context(), window); len(results) != 1 || results[0] == nil {
		t.Fatalf("without a stream: %v", results)
	}
	if _, err := ensure(t.Context(), js, "d"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 3} {
		results := out.send(t.Context(), window)
		if len(results) != want {
			t.Fatalf("send %d with a stream gave %d results, want %d", i, len(results), want)
		}
		for _, err := range results {
			if err != nil {
				t.Error(err)
			}
		}
	}
}
