package adaptertest

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// everything is what a record can be compared by, but for the account: an adapter may know it from elsewhere.
const everything = entry.CompareFee | entry.CompareTime | entry.CompareOrder | entry.CompareChannelTxn | entry.CompareFurther

// gathered is a sink that keeps everything.
type gathered struct {
	mu      sync.Mutex
	entries []entry.Entry
}

// Take keeps a batch.
func (g *gathered) Take(_ int, batch []entry.Entry) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries = append(g.entries, batch...)
	return nil
}

// scanned holds what the adapter decoded against a scan of the same file by the format that it describes: the host may
// read the file itself, and must find the same.
func (f Fixture) scanned(t *testing.T, spec *recon.FormatSpec, data []byte, decoded emitted) {
	forms := map[string]func(scan.Options) (*scan.Side, error){
		"file": func(o scan.Options) (*scan.Side, error) {
			path := filepath.Join(t.TempDir(), "statement")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				return nil, err
			}
			return scan.OpenFile(path, o)
		},
	}
	if packed := bytes.HasPrefix(data, []byte("PK")) || bytes.HasPrefix(data, []byte("\x1f\x8b")); !packed {
		forms["stream"] = func(o scan.Options) (*scan.Side, error) {
			return scan.OpenStream(io.NopCloser(bytes.NewReader(data)), o)
		}
	}
	for name, open := range forms {
		for _, workers := range []int{1, 3} {
			o := scan.Options{
				Format: spec, Hasher: entry.NewHasher(entry.NewSecret()), Compared: everything, Account: f.Request.Account, Date: f.Request.Date, Workers: workers, Full: true,
			}
			f.full(t, name, open, o, decoded)
			o.Full = false
			f.fast(t, name, open, o, decoded)
		}
	}
}

// full reads every field: records, rejects and entries are those that the adapter gave.
func (f Fixture) full(t *testing.T, name string, open func(scan.Options) (*scan.Side, error), o scan.Options, decoded emitted) {
	t.Helper()
	side, entries := f.scan(t, open, o)
	var records []recon.Record
	rejects := 0
	for record, err := range side.Records(t.Context(), nil) {
		switch reject := (recon.Reject{}); {
		case errors.As(err, &reject):
			rejects++
		case err != nil:
			t.Fatal(err)
		default:
			records = append(records, record)
		}
	}
	if len(records) != len(decoded.Records) || len(entries) != len(records) || rejects != len(decoded.Rejects) {
		t.Fatalf("%s, %d workers: %d records, %d entries and %d rejects, the adapter gave %d and %d", name, o.Workers, len(records), len(entries), rejects, len(decoded.Records), len(decoded.Rejects))
	}
	for i := range records {
		same(t, o, entries[i], &records[i])
		same(t, o, entries[i], &decoded.Records[i])
		if records[i].Origin.Line != decoded.Records[i].Origin.Line || records[i].Original != decoded.Records[i].Original || records[i].Settled != decoded.Records[i].Settled {
			t.Errorf("%s: %+v, the adapter gave %+v", name, records[i], decoded.Records[i])
		}
	}
}

// fast reads what is compared and no more: every record that the adapter gave is among the entries, with its line.
func (f Fixture) fast(t *testing.T, name string, open func(scan.Options) (*scan.Side, error), o scan.Options, decoded emitted) {
	t.Helper()
	side, entries := f.scan(t, open, o)
	byLine := map[int]entry.Entry{}
	for _, e := range entries {
		byLine[side.Line(e.At.Place())] = e
	}
	for i := range decoded.Records {
		e, ok := byLine[decoded.Records[i].Origin.Line]
		if !ok {
			t.Errorf("%s: no entry of line %d", name, decoded.Records[i].Origin.Line)
			continue
		}
		same(t, o, e, &decoded.Records[i])
	}
	reader := side.Reader()
	for _, e := range entries {
		err := scan.Guard(func() error {
			record, err := reader.Record(e.At.Place())
			if err == nil {
				same(t, o, e, &record)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (f Fixture) scan(t *testing.T, open func(scan.Options) (*scan.Side, error), o scan.Options) (*scan.Side, []entry.Entry) {
	t.Helper()
	side, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := side.Close(); err != nil {
			t.Error(err)
		}
	})
	sink := &gathered{}
	if _, err := side.Scan(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(sink.entries, func(a, b entry.Entry) int { return cmp.Compare(a.At.Place(), b.At.Place()) })
	return side, sink.entries
}

func same(t *testing.T, o scan.Options, e entry.Entry, record *recon.Record) {
	t.Helper()
	want, err := o.Hasher.Of(record, e.At.Place(), o.Compared)
	if err != nil || want != e {
		t.Errorf("line %d: entry %+v, of the record %+v: %+v, %v", record.Origin.Line, e, *record, want, err)
	}
}

// formatOf gives the format of a fixture's kind, nil where only the adapter can read it.
func (f Fixture) formatOf(host *plugins.Host) *recon.FormatSpec {
	for _, k := range host.Description().Kinds {
		if k.Name == f.Request.Kind {
			return k.Format
		}
	}
	return nil
}
