package profile

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
)

const day = "2015-05-12"

// bank is a simulated bank's file server, and a profile that fetches from it.
type bank struct {
	folder   string
	server   *channelsim.SFTP
	profile  *Profile
	settings plugins.Settings
	env      map[string]string
}

func newBank(t *testing.T) *bank {
	t.Helper()
	_, p := builtInAdapter(t, "boc")
	b := &bank{folder: t.TempDir(), profile: p, env: map[string]string{"PASSWORD": "s3cret"}}
	p.Kinds[0].Path = "{account}/{yyyyMMdd}.txt"
	var err error
	if b.server, err = channelsim.NewSFTP(b.folder, "merchant", "s3cret"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.server.Close)
	b.settings = plugins.Settings{
		settingServer: b.server.Address, settingUser: "merchant", settingHostKey: b.server.HostKey, settingPassword: "PASSWORD",
	}
	b.put(t, "104330153000054/20150512.txt", file(t, "boc", p.Kinds[0].Format.Charset))
	return b
}

func (b *bank) put(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(b.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (b *bank) fetch(ctx context.Context, date string) (plugins.FetchResult, []byte, error) {
	a := New("bank", "1.0.0", func(name string) (string, bool) { value, ok := b.env[name]; return value, ok }, b.profile, nil)
	var out bytes.Buffer
	res, err := a.Fetch(ctx, plugins.FetchRequest{Account: "104330153000054", Kind: "trade", Date: date, Settings: b.settings}, &out)
	return res, out.Bytes(), err
}

func TestFetch(t *testing.T) {
	other, err := channelsim.NewSFTP(t.TempDir(), "x", "y")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, tt := range []struct {
		name   string
		set    func(*testing.T, *bank)
		date   string
		status plugins.FetchStatus
		kind   plugins.FailureKind
	}{
		{name: "ready", status: plugins.FetchReady},
		{name: "no file is no empty day", date: "2015-05-13", status: plugins.FetchNotReady},
		{name: "an empty file is not written yet", set: func(t *testing.T, b *bank) { b.put(t, "104330153000054/20150512.txt", nil) }, status: plugins.FetchNotReady},
		{name: "marker is missing", set: func(_ *testing.T, b *bank) { b.profile.Kinds[0].Marker = "{account}/{yyyyMMdd}.ok" }, status: plugins.FetchNotReady},
		{name: "marker is there", set: func(t *testing.T, b *bank) {
			b.profile.Kinds[0].Marker = "{account}/{yyyyMMdd}.ok"
			b.put(t, "104330153000054/20150512.ok", nil)
		}, status: plugins.FetchReady},
		{name: "the bank says that there is none", set: func(t *testing.T, b *bank) {
			b.profile.Kinds[0].Empty = "{account}/{yyyyMMdd}.none"
			b.put(t, "104330153000054/20150512.none", nil)
		}, status: plugins.FetchEmpty},
		{name: "another server's key", set: func(_ *testing.T, b *bank) { b.settings[settingHostKey] = other.HostKey }, kind: plugins.FailureForged},
		{name: "no host key", set: func(_ *testing.T, b *bank) { delete(b.settings, settingHostKey) }, kind: plugins.FailureConfig},
		{name: "wrong password", set: func(_ *testing.T, b *bank) { b.env["PASSWORD"] = "wrong" }, kind: plugins.FailureConfig},
		{name: "no password", set: func(_ *testing.T, b *bank) { delete(b.env, "PASSWORD") }, kind: plugins.FailureConfig},
		{name: "nobody listens", set: func(_ *testing.T, b *bank) { b.settings[settingServer] = "127.0.0.1:1" }, kind: plugins.FailureUnavailable},
		{name: "no path", set: func(_ *testing.T, b *bank) { b.profile.Kinds[0].Path = "" }, kind: plugins.FailureUnsupported},
		{name: "no day", date: "12.5.2015", kind: plugins.FailureConfig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBank(t)
			if tt.set != nil {
				tt.set(t, b)
			}
			date := day
			if tt.date != "" {
				date = tt.date
			}
			res, data, err := b.fetch(t.Context(), date)
			if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") || res.Status != tt.status {
				t.Fatalf("got %+v, %v", res, err)
			}
			if (tt.status == plugins.FetchReady) != (len(data) > 0 && err == nil) {
				t.Errorf("%d bytes with status %q", len(data), res.Status)
			}
		})
	}
}

// TestGrowingFileIsNotTaken writes on while the file is read.
func TestGrowingFileIsNotTaken(t *testing.T) {
	b := newBank(t)
	b.put(t, "104330153000054/20150512.txt", bytes.Repeat([]byte("x"), 8<<20))
	a := New("bank", "1.0.0", func(name string) (string, bool) { value, ok := b.env[name]; return value, ok }, b.profile, nil)
	grown := false
	_, err := a.Fetch(t.Context(), plugins.FetchRequest{Account: "104330153000054", Kind: "trade", Date: day, Settings: b.settings}, writer(func(p []byte) (int, error) {
		if !grown {
			grown = true
			f, err := os.OpenFile(filepath.Join(b.folder, "104330153000054/20150512.txt"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			if _, err := f.WriteString("more"); err != nil {
				return 0, err
			}
		}
		return len(p), nil
	}))
	if plugins.KindOf(err) != plugins.FailureUnavailable {
		t.Errorf("got %v", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestFetchObeysCancellation(t *testing.T) {
	b := newBank(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	if _, _, err := b.fetch(ctx, day); err == nil || time.Since(begin) > 3*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

// TestFetchThenDecode reads what was fetched.
func TestFetchThenDecode(t *testing.T) {
	b := newBank(t)
	_, data, err := b.fetch(t.Context(), day)
	if err != nil {
		t.Fatal(err)
	}
	got := &collected{}
	res, err := New("bank", "1.0.0", noEnv, b.profile, nil).Decode(t.Context(), plugins.DecodeRequest{Kind: "trade", Account: "104330153000054", Date: day}, bytes.NewReader(data), got)
	if err != nil || len(got.records) != 4 || len(res.Totals) != 4 {
		t.Errorf("%d records, %+v, %v", len(got.records), res, err)
	}
}

func TestZipContainer(t *testing.T) {
	a, p := builtInAdapter(t, "boc")
	k := &p.Kinds[0]
	k.Container, k.Entry = ContainerZip, "*.txt"
	data := file(t, "boc", k.Format.Charset)
	packed := func(names ...string) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, name := range names {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for name, tt := range map[string]struct {
		data []byte
		kind plugins.FailureKind
	}{
		"one":     {packed("../a.txt", "readme.md"), ""},
		"several": {packed("a.txt", "b.txt"), plugins.FailureQuarantine},
		"none":    {packed("readme.md"), plugins.FailureQuarantine},
		"no zip":  {data, plugins.FailureQuarantine},
	} {
		got := &collected{}
		_, err := a.Decode(t.Context(), plugins.DecodeRequest{Kind: "trade"}, bytes.NewReader(tt.data), got)
		if plugins.KindOf(err) != tt.kind || (tt.kind == "" && len(got.records) != 4) {
			t.Errorf("%s: %d records, %v", name, len(got.records), err)
		}
	}
}
