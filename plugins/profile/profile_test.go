package profile

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/adaptertest"
	"github.com/seed-3356bd69/touchstone/recon"
)

var update = flag.Bool("update", false, "write the goldens")

func noEnv(string) (string, bool) { return "", false }

// file gives a fixture in the charset of its profile. They are kept in UTF-8 so that people can read them.
func file(t testing.TB, name string, charset recon.Charset) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	if charset != recon.CharsetGB18030 {
		return text
	}
	raw, err := simplifiedchinese.GBK.NewEncoder().Bytes(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func builtInAdapter(t testing.TB, name string) (*Adapter, *Profile) {
	t.Helper()
	p, err := BuiltIn(name)
	if err != nil {
		t.Fatal(err)
	}
	return New("bank", "1.0.0", noEnv, p, nil), p
}

// rejected is how many lines of each fixture are no records, each for a reason that its golden states.
func rejected() map[string]int64 {
	return map[string]int64{
		"icbc-b2c": 1, "ccb-b2c": 1, "abc-new": 1, "abc-old": 1, "abc-credit": 1, "cmb-txt": 1, "bocom": 1, "psbc": 1, "netsunion": 2,
	}
}

// TestEveryBuiltInProfile holds each against a file in its bank's layout, over the whole suite of adapters.
func TestEveryBuiltInProfile(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			a, p := builtInAdapter(t, name)
			data := file(t, name, p.Kinds[0].Format.Charset)
			path := filepath.Join(t.TempDir(), name+".txt")
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			got := &collected{}
			res, err := a.Decode(t.Context(), plugins.DecodeRequest{Kind: "trade"}, bytes.NewReader(data), got)
			if err != nil {
				t.Fatal(err)
			}
			if res.Rejects != rejected()[name] {
				t.Errorf("rejects %v", got.rejects)
			}
			adaptertest.Run(t, adaptertest.Config{Adapter: a, Update: *update, Fixtures: []adaptertest.Fixture{{
				Name: name, File: path, Golden: "testdata/" + name + ".json", Lines: int64(lines(t, name)),
				Request: plugins.DecodeRequest{Kind: "trade"},
			}}})
		})
	}
}

// lines counts the detail lines of a fixture: all but what its profile says stands before them.
func lines(t *testing.T, name string) int {
	t.Helper()
	_, p := builtInAdapter(t, name)
	f := p.Kinds[0].Format
	n := strings.Count(string(file(t, name, "")), "\n") - f.Lines.Skip
	if !f.Header.None {
		n--
	}
	if f.Lines.Comment != "" {
		n -= strings.Count(string(file(t, name, "")), "\n"+f.Lines.Comment)
	}
	return n
}

type collected struct {
	records []recon.Record
	rejects []recon.Reject
}

func (c *collected) Record(r recon.Record) error { c.records = append(c.records, r); return nil }
func (c *collected) Reject(r recon.Reject) error { c.rejects = append(c.rejects, r); return nil }

// TestCutFilesWithSumsAreFound cuts every file that states sums after each of its lines.
func TestCutFilesWithSumsAreFound(t *testing.T) {
	var tried []string
	for _, name := range Names() {
		a, p := builtInAdapter(t, name)
		if len(p.Kinds[0].Format.Totals) == 0 {
			continue
		}
		tried = append(tried, name)
		whole := file(t, name, p.Kinds[0].Format.Charset)
		parts := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
		for n := 1; n < len(parts); n++ {
			_, err := a.Decode(t.Context(), plugins.DecodeRequest{Kind: "trade"}, bytes.NewReader(bytes.Join(parts[:n], nil)), &collected{})
			if plugins.KindOf(err) != plugins.FailureQuarantine {
				t.Errorf("%s: cut after line %d of %d: %v", name, n, len(parts), err)
			}
		}
	}
	if want := []string{"boc", "cmbc", "psbc", "withholding"}; !slices.Equal(tried, want) {
		t.Errorf("tried %v", tried)
	}
}

// TestTheSameRefundTwiceCountsTwice: a bank's file has the same line twice, and its own sums say that both are meant.
func TestTheSameRefundTwiceCountsTwice(t *testing.T) {
	a, p := builtInAdapter(t, "boc")
	got := &collected{}
	if _, err := a.Decode(t.Context(), plugins.DecodeRequest{Kind: "trade"}, bytes.NewReader(file(t, "boc", p.Kinds[0].Format.Charset)), got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.records); n != 4 || got.records[2].Key != got.records[3].Key || got.records[2].Origin.Line == got.records[3].Origin.Line {
		t.Errorf("got %+v", got.records)
	}
}

func TestUnconfirmedProfileSaysSo(t *testing.T) {
	a, p := builtInAdapter(t, "netsunion")
	res, err := a.Decode(t.Context(), plugins.DecodeRequest{Kind: "trade"}, bytes.NewReader(file(t, "netsunion", p.Kinds[0].Format.Charset)), &collected{})
	if err != nil || len(res.Diagnostics) != 1 || !strings.Contains(res.Diagnostics[0].Message, "not confirmed") {
		t.Errorf("got %+v, %v", res.Diagnostics, err)
	}
	d, err := a.Describe(t.Context())
	if err != nil || !strings.HasPrefix(d.Kinds[0].Note, "UNCONFIRMED") {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestProfileComplaints(t *testing.T) {
	good := `{"channel":"x","kinds":[{"name":"trade","format":{"name":"x","lines":{"separator":","},"header":{},"columns":[{"name":"id"},{"name":"amount"}],"rows":[{"key":["id"],"kind":"payment","currency":"CNY","amount":{"columns":["amount"],"unit":"major"},"status":{}}]}}]}`
	if _, err := Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"no JSON":             {"channel: x", "not the JSON expected"},
		"no channel":          {strings.Replace(good, `"channel":"x"`, `"channel":""`, 1), "channel or kinds are missing"},
		"a key nobody knows":  {strings.Replace(good, `"separator"`, `"seperator"`, 1), "seperator"},
		"column not declared": {strings.Replace(good, `["id"]`, `["order"]`, 1), "column is not declared"},
		"placeholder":         {strings.Replace(good, `"name":"trade"`, `"name":"trade","path":"/{year}.txt"`, 1), "unknown placeholder"},
		"container":           {strings.Replace(good, `"name":"trade"`, `"name":"trade","container":"rar"`, 1), "container"},
	} {
		if _, err := Parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for value, want := range map[string]string{"": "is not set", "nobank": "no profile", "{}": "channel or kinds", "boc": ""} {
		p, err := FromEnvironment(func(string) (string, bool) { return value, true })
		if (want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), want)) || (err == nil && p.Channel != "boc") {
			t.Errorf("%q: got %v", value, err)
		}
	}
}

func TestWithoutAProfileAPersonMustAct(t *testing.T) {
	_, err := New("bank", "1.0.0", noEnv, nil, fmt.Errorf("no profile")).Describe(t.Context())
	if plugins.KindOf(err) != plugins.FailureConfig || !strings.Contains(err.Error(), Variable) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: no panic in any profile, and every line in exactly one place.
func FuzzDecode(f *testing.F) {
	for i, name := range Names() {
		_, p := builtInAdapter(f, name)
		f.Add(i, file(f, name, p.Kinds[0].Format.Charset))
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		names := Names()
		a, _ := builtInAdapter(t, names[((i%len(names))+len(names))%len(names)])
		got := &collected{}
		res, err := a.Decode(t.Context(), plugins.DecodeRequest{Kind: "trade"}, bytes.NewReader(data), got)
		if res.Records != int64(len(got.records)) || res.Rejects != int64(len(got.rejects)) {
			t.Fatalf("%d records and %d rejects came, the result says %d and %d (%v)", len(got.records), len(got.rejects), res.Records, res.Rejects, err)
		}
	})
}
