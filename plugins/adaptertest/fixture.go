package adaptertest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Fixture is one statement and what must come out of it.
type Fixture struct {
	Name    string
	File    string                // path of the statement
	Golden  string                // path of the JSON that must come out
	Request plugins.DecodeRequest // Kind is required; File and SHA256 are filled
	Lines   int64                 // detail lines the file has: records and rejects must add up to it
	Failure plugins.FailureKind   // how decoding must fail; "" = it must not
}

// emitted keeps what a decoding hands out.
type emitted struct {
	Records []recon.Record `json:"records"`
	Rejects []recon.Reject `json:"rejects"`
}

// Record keeps a record.
func (e *emitted) Record(r recon.Record) error { e.Records = append(e.Records, r); return nil }

// Reject keeps a reject.
func (e *emitted) Reject(r recon.Reject) error { e.Rejects = append(e.Rejects, r); return nil }

// outcome is a golden's content. After a failure the records are void and not in it.
type outcome struct {
	Failure string               `json:"failure,omitempty"`
	Result  plugins.DecodeResult `json:"result"`
	emitted
}

func (f Fixture) decode(t *testing.T, host *plugins.Host, update bool) {
	data, err := os.ReadFile(f.File)
	if err != nil {
		t.Fatal(err)
	}
	first, digest := f.run(t, host, bytes.NewReader(data), data)
	if f.Failure == "" {
		f.sound(t, host, first)
		if spec := f.formatOf(host); spec != nil {
			f.scanned(t, spec, data, first.emitted)
		}
	}
	if lines := int64(len(first.Records) + len(first.Rejects)); f.Failure == "" && lines != f.Lines {
		t.Errorf("%d records and rejects, the file has %d lines", lines, f.Lines)
	}
	again, digestAgain := f.run(t, host, iotest.HalfReader(bytes.NewReader(data)), data)
	if digest != digestAgain || asJSON(t, first) != asJSON(t, again) {
		t.Error("the same file gave something else when it came in other pieces")
	}
	f.compare(t, asJSON(t, first), update)
	if f.Request.Hash.Value != "" && f.Failure == "" {
		f.wrongHash(t, host, data)
	}
}

func (f Fixture) request(data []byte) plugins.DecodeRequest {
	sum := sha256.Sum256(data)
	req := f.Request
	req.File, req.SHA256 = filepath.Base(f.File), hex.EncodeToString(sum[:])
	return req
}

func (f Fixture) run(t *testing.T, host *plugins.Host, in io.Reader, data []byte) (outcome, string) {
	t.Helper()
	var got emitted
	res, err := host.Decode(t.Context(), f.request(data), in, &got)
	if kind := plugins.KindOf(err); kind != f.Failure || (err != nil && kind == "") {
		t.Fatalf("got error %v, want a failure of kind %q", err, f.Failure)
	}
	digest := res.Digest
	res.Digest = "" // it holds for one wire, the golden for all
	o := outcome{Result: res, emitted: got}
	if err != nil {
		o.Failure, o.Records = err.Error(), nil
	}
	return o, digest
}

// sound checks what holds for every record of every channel.
func (f Fixture) sound(t *testing.T, host *plugins.Host, o outcome) {
	line := 0
	for _, r := range o.Records {
		if r.Origin.Line <= line {
			t.Errorf("line %d comes after line %d", r.Origin.Line, line)
		}
		line = r.Origin.Line
		if r.Channel != host.Description().Channel || r.Origin.File != filepath.Base(f.File) || r.Origin.SHA256 == "" || r.Origin.Adapter == "" {
			t.Errorf("record without channel or origin: %+v", r)
		}
	}
	for _, r := range o.Rejects {
		if r.Reason == "" {
			t.Errorf("line %d is rejected without a reason", r.Origin.Line)
		}
	}
	for _, c := range o.Result.Totals {
		if c.Declared != c.Counted {
			t.Errorf("accepted although %s is %d and the details give %d", c.Name, c.Declared, c.Counted)
		}
	}
}

func (f Fixture) wrongHash(t *testing.T, host *plugins.Host, data []byte) {
	req := f.request(data)
	req.Hash.Value = strings.Repeat("0", len(req.Hash.Value))
	if _, err := host.Decode(t.Context(), req, bytes.NewReader(data), &emitted{}); plugins.KindOf(err) != plugins.FailureQuarantine {
		t.Errorf("a file with another hash than declared gave %v", err)
	}
}

func (f Fixture) compare(t *testing.T, got string, update bool) {
	if update {
		if err := os.WriteFile(f.Golden, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(f.Golden)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if got+"\n" != string(want) {
		t.Errorf("differs from %s:\n%s", f.Golden, got)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
