package plugins_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// badAdapter is the path of the built binary that misbehaves on demand.
var badAdapter string

func TestMain(m *testing.M) {
	if os.Getenv("PLUGINS_TEST_PARENT") != "" {
		parent()
		return
	}
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // each fuzzing process comes by here, and none needs the binary
	}
	os.Exit(runWithBinary(m))
}

func runWithBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "badadapter-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	badAdapter = filepath.Join(dir, "badadapter")
	if out, err := exec.Command("go", "build", "-o", badAdapter, "./internal/badadapter").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build badadapter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestDecodeOverTheProcess(t *testing.T) {
	rig := newRig(t)
	h := rig.start(t)
	const lines = 3*plugins.MaxBatch + 17
	data, _ := statement(lines)
	data = append(data, "broken x\n"...)
	digest := sha256.Sum256(data)
	sum := hex.EncodeToString(digest[:])
	got := &book{}
	res, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: "good", File: "day.txt", SHA256: sum}, bytes.NewReader(data), got)
	if err != nil {
		t.Fatal(err)
	}
	if res.Records != lines || res.Rejects != 1 || len(got.records) != lines || len(got.rejects) != 1 {
		t.Fatalf("got %d/%d records and %d/%d rejects", res.Records, len(got.records), res.Rejects, len(got.rejects))
	}
	want := recon.Record{
		Channel: "nowhere", Key: recon.Key{Kind: recon.KindPayment, ID: "P012304"}, Order: "P012304",
		Amount: recon.Money{Minor: 12304, Currency: "CNY"}, Status: recon.StatusSuccess,
		Origin: recon.Origin{File: "day.txt", Line: 12305, SHA256: sum, Adapter: "bad 1.0.0"},
	}
	if last := got.records[lines-1]; fmt.Sprint(last) != fmt.Sprint(want) {
		t.Errorf("last record\n got %+v\nwant %+v", last, want)
	}
	if at := got.rejects[0].Error(); at != `day.txt:12306:8: amount: not a number (got "x")` {
		t.Errorf("reject %s", at)
	}
	if n := rig.counter(t, "touchstone_adapter_records_total", ""); n != lines {
		t.Errorf("records_total %v", n)
	}
}

func TestStartRefuses(t *testing.T) {
	tests := []struct {
		name  string
		start string
		set   func(*plugins.HostConfig)
		want  error
		text  string
	}{
		{name: "wrong checksum", set: func(c *plugins.HostConfig) { c.SHA256 = strings.Repeat("0", 64) }, want: plugins.ErrChecksum},
		{name: "wrong checksum, also unpinned", set: func(c *plugins.HostConfig) { c.SHA256, c.Unpinned = strings.Repeat("0", 64), true }, want: plugins.ErrChecksum},
		{name: "no checksum", set: func(c *plugins.HostConfig) { c.SHA256 = "" }, want: plugins.ErrUnpinned},
		{name: "no such binary", set: func(c *plugins.HostConfig) { c.Path += ".gone" }, want: os.ErrNotExist},
		{name: "variable not set", set: func(c *plugins.HostConfig) { c.Env = append(c.Env, "PLUGINS_TEST_UNSET") }, text: "PLUGINS_TEST_UNSET"},
		{name: "garbage on standard output", start: "garbage", text: "hello, I am not an adapter"},
		{name: "no handshake", start: "silent", set: func(c *plugins.HostConfig) { c.Timing.Start = 300 * time.Millisecond }, want: plugins.ErrDeadline},
		{name: "exits at once", start: "exit", text: "exit status 3"},
		{name: "not executable", set: func(c *plugins.HostConfig) { c.Path, c.SHA256, c.Unpinned = "host_test.go", "", true }, want: os.ErrPermission},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rig := newRig(t)
			t.Setenv("BADADAPTER_START", tt.start)
			rig.cfg.Env = []string{"BADADAPTER_START"}
			if tt.set != nil {
				tt.set(&rig.cfg)
			}
			h, err := plugins.Start(t.Context(), rig.cfg)
			if err == nil {
				h.Close()
				t.Fatal("started")
			}
			pe, ok := errors.AsType[*plugins.ProcessError](err)
			if !ok || pe.Adapter != "bad" || pe.Op != plugins.OpStart {
				t.Fatalf("got %T %v", err, err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want text %q", err, tt.text)
			}
			if n := rig.counter(t, "touchstone_adapter_failures_total", plugins.OpStart); n != 1 {
				t.Errorf("failures_total %v", n)
			}
		})
	}
}

func TestStandardErrorIsLogged(t *testing.T) {
	rig := newRig(t)
	t.Setenv("BADADAPTER_START", "exit")
	rig.cfg.Env = []string{"BADADAPTER_START"}
	if _, err := plugins.Start(t.Context(), rig.cfg); err == nil {
		t.Fatal("started")
	}
	if text := rig.log.String(); !strings.Contains(text, "no licence key") || !strings.Contains(text, "adapter=bad") {
		t.Errorf("log %q", text)
	}
}

// TestNoPartialFile holds every way a decoding can break against the one promise: no nil error, and the process named.
func TestNoPartialFile(t *testing.T) {
	tests := []struct {
		kind string
		want error
		text string
	}{
		{kind: "kill", text: "signal: killed"},
		{kind: "hang", want: plugins.ErrStalled},
		{kind: "panic", text: "exit status 2"},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			rig := newRig(t)
			h := rig.start(t)
			data, sum := statement(4 * plugins.MaxBatch)
			got := &book{}
			begin := time.Now()
			_, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: tt.kind, File: "f", SHA256: sum}, bytes.NewReader(data), got)
			pe, ok := errors.AsType[*plugins.ProcessError](err)
			if !ok || pe.Adapter != "bad" || pe.Op != plugins.OpDecode {
				t.Fatalf("got %T %v", err, err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want text %q", err, tt.text)
			}
			if len(got.records) != plugins.MaxBatch {
				t.Errorf("%d records came before the fault: it should have been in the middle", len(got.records))
			}
			if d := time.Since(begin); d > 3*time.Second {
				t.Errorf("took %v", d)
			}
			if n := rig.counter(t, "touchstone_adapter_records_total", ""); n != 0 {
				t.Errorf("records_total %v of a file that failed", n)
			}
			if n := rig.counter(t, "touchstone_adapter_failures_total", plugins.OpDecode); n != 1 {
				t.Errorf("failures_total %v", n)
			}
		})
	}
}

func TestLiarIsCaught(t *testing.T) {
	for _, contract := range []string{"contract1", "contract2"} {
		t.Run(contract, func(t *testing.T) { liar(t, contract) })
	}
}

func liar(t *testing.T, contract string) {
	rig := newRig(t)
	t.Setenv("BADADAPTER_START", contract)
	rig.cfg.Env = []string{"BADADAPTER_START"}
	h := rig.start(t)
	data, sum := statement(10)
	for _, kind := range []string{"honest", "count", "rejects", "digest", "notrailer", "beforeend", "after", "columns", "huge"} {
		t.Run(kind, func(t *testing.T) {
			// The file is too long for the buffers, so that a trailer before its end is one in truth.
			in := io.Reader(bytes.NewReader(data))
			if kind == "beforeend" {
				in = io.MultiReader(bytes.NewReader(data[:10]), slowReader{}, bytes.NewReader(data[10:]))
			}
			_, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: kind, File: "f", SHA256: sum}, in, &book{})
			if kind == "honest" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if pe, ok := errors.AsType[*plugins.ProcessError](err); !ok || !errors.Is(err, plugins.ErrContract) {
				t.Fatalf("got %T %v (%v)", err, err, pe)
			}
		})
	}
}

// slowReader gives the other side time to answer before the file ends.
type slowReader struct{}

func (slowReader) Read([]byte) (int, error) { time.Sleep(100 * time.Millisecond); return 0, io.EOF }

func TestAdapterFailuresAreData(t *testing.T) {
	h := newRig(t).start(t)
	data, sum := statement(2 * plugins.MaxBatch)
	tests := []struct {
		kind string
		want plugins.FailureKind
	}{
		{"quarantine", plugins.FailureQuarantine},
		{"early", plugins.FailureInternal},    // returned nil before the end of the file
		{"negative", plugins.FailureInternal}, // the kit refuses a negative amount
		{"nosuch", plugins.FailureUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			_, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: tt.kind, File: "f", SHA256: sum}, bytes.NewReader(data), &book{})
			if got := plugins.KindOf(err); got != tt.want {
				t.Fatalf("got %q: %v", got, err)
			}
		})
	}
}

func TestHostTroubleIsNotTheAdapters(t *testing.T) {
	rig := newRig(t)
	h := rig.start(t)
	data, sum := statement(2 * plugins.MaxBatch)
	boom := errors.New("disk full")
	req := plugins.DecodeRequest{Kind: "good", File: "f", SHA256: sum}
	tests := []struct {
		name string
		run  func(ctx context.Context) error
		want error
	}{
		{"emitter fails", func(ctx context.Context) error {
			_, err := h.Decode(ctx, req, bytes.NewReader(data), &book{fail: boom})
			return err
		}, boom},
		{"file cannot be read", func(ctx context.Context) error {
			_, err := h.Decode(ctx, req, io.MultiReader(bytes.NewReader(data[:1000]), brokenReader{boom}), &book{})
			return err
		}, boom},
		{"file is truncated at its source", func(ctx context.Context) error {
			_, err := h.Decode(ctx, req, io.MultiReader(bytes.NewReader(data), brokenReader{io.ErrUnexpectedEOF}), &book{})
			return err
		}, io.ErrUnexpectedEOF},
		{"caller gives up", func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			_, err := h.Decode(ctx, plugins.DecodeRequest{Kind: "hang", File: "f", SHA256: sum}, bytes.NewReader(data), &book{})
			return err
		}, context.Canceled},
		{"store fails", func(ctx context.Context) error {
			_, err := h.Fetch(ctx, plugins.FetchRequest{Kind: "env"}, brokenWriter{boom})
			return err
		}, boom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.run(t.Context())
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if _, ok := errors.AsType[*plugins.ProcessError](err); ok {
				t.Errorf("the adapter was blamed: %v", err)
			}
		})
	}
	t.Run("file is another one", func(t *testing.T) {
		got := &book{}
		_, err := h.Decode(t.Context(), req, bytes.NewReader(data[:len(data)-1]), got)
		if err == nil || !strings.Contains(err.Error(), "sha256") {
			t.Fatalf("got %v", err)
		}
	})
	if n := rig.counter(t, "touchstone_adapter_failures_total", ""); n != 0 {
		t.Errorf("failures_total %v", n)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestFetch(t *testing.T) {
	rig := newRig(t)
	t.Setenv("PLUGINS_TEST_KEY", "s3cret")
	t.Setenv("PLUGINS_TEST_OTHER", "not for the adapter")
	rig.cfg.Env = []string{"PLUGINS_TEST_KEY"}
	h := rig.start(t)
	t.Run("environment is only the list", func(t *testing.T) {
		var out bytes.Buffer
		res, err := h.Fetch(t.Context(), plugins.FetchRequest{Kind: "env"}, &out)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(out.Bytes())
		if res.Status != plugins.FetchReady || res.Size != int64(out.Len()) || res.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("got %+v", res)
		}
		if !strings.Contains(out.String(), "PLUGINS_TEST_KEY=s3cret") || strings.Contains(out.String(), "PLUGINS_TEST_OTHER") {
			t.Errorf("environment %s", out.String())
		}
		if strings.Contains(out.String(), "HOME=") {
			t.Error("the host's environment leaked")
		}
	})
	t.Run("not ready is no empty day", func(t *testing.T) {
		res, err := h.Fetch(t.Context(), plugins.FetchRequest{Kind: "good"}, io.Discard)
		if err != nil || res.Status != plugins.FetchNotReady || res.RetryAfter != time.Minute || res.SHA256 != "" {
			t.Errorf("got %+v, %v", res, err)
		}
	})
	t.Run("ready without bytes", func(t *testing.T) {
		if _, err := h.Fetch(t.Context(), plugins.FetchRequest{Kind: "short"}, io.Discard); !errors.Is(err, plugins.ErrContract) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("hang", func(t *testing.T) {
		if _, err := h.Fetch(t.Context(), plugins.FetchRequest{Kind: "hang"}, io.Discard); !errors.Is(err, plugins.ErrStalled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("killed after a part", func(t *testing.T) {
		var out bytes.Buffer
		_, err := h.Fetch(t.Context(), plugins.FetchRequest{Kind: "kill"}, &out)
		if _, ok := errors.AsType[*plugins.ProcessError](err); !ok || !strings.Contains(err.Error(), "signal: killed") {
			t.Errorf("got %v after %d bytes", err, out.Len())
		}
	})
}

func TestWorkingFolderIsItsOwn(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	where := func(rig *rig) (string, string) {
		var out bytes.Buffer
		if _, err := rig.start(t).Fetch(t.Context(), plugins.FetchRequest{Kind: "folder"}, &out); err != nil {
			t.Fatal(err)
		}
		here, forFiles, _ := strings.Cut(out.String(), "\n")
		return here, forFiles
	}
	here, forFiles := where(newRig(t))
	other, _ := where(newRig(t))
	if filepath.Dir(here) != temp || here != forFiles || other == here {
		t.Errorf("worked in %q, with files in %q; another one in %q", here, forFiles, other)
	}
	given := newRig(t)
	given.cfg.Folder = t.TempDir()
	if here, _ := where(given); here != given.cfg.Folder {
		t.Errorf("worked in %q, not in %q", here, given.cfg.Folder)
	}
}

func TestCPUTimeIsBounded(t *testing.T) {
	rig := newRig(t)
	rig.cfg.CPUTime, rig.cfg.Timing.Query = time.Second, 20*time.Second
	h := rig.start(t)
	_, err := h.Query(t.Context(), plugins.QueryRequest{Account: "spin", Kind: recon.KindPayment, ID: "P1"})
	if _, ok := errors.AsType[*plugins.ProcessError](err); !ok || !strings.Contains(err.Error(), "process ended") {
		t.Errorf("got %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	rig := newRig(t)
	rig.cfg.Memory = 256 << 20
	rig.cfg.Timing.Idle = 5 * time.Second
	h := rig.start(t)
	data, sum := statement(2 * plugins.MaxBatch)
	_, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: "alloc", File: "f", SHA256: sum}, bytes.NewReader(data), &book{})
	if _, ok := errors.AsType[*plugins.ProcessError](err); !ok {
		t.Fatalf("got %v", err)
	}
	log := rig.log.String() // a thread whose stack finds no room says it in words of its own
	if !strings.Contains(log, "out of memory") && !strings.Contains(log, "cannot allocate memory") && !strings.Contains(log, "pthread_create failed") {
		t.Errorf("log %.300s", log)
	}
}
