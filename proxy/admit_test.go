package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestTaggedRequestOnBothSides(t *testing.T) {
	r := newRig(t, nil)
	body := `{"amount":{"total":"19.99"}}`
	status, answer, head := r.do("POST", "/payments?x=1;y=2&z=%zz", body, "X-Order", "P1", "Baggage", "gray=evil, a=1", "X-Custom", "c",
		"X-Forwarded-For", "10.0.0.9", "Connection", "X-Hop", "X-Hop", "1",
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if status != 200 || answer != `{"ok":true,"bytes":28}` || head.Get(shadow.HeaderTag) != "" {
		t.Fatalf("client got %d %s %v", status, answer, head)
	}
	r.expect("match()")
	a, b := r.stable.asked()[0], r.candidate.asked()[0]
	for name, pair := range map[string][2]string{
		"method": {a.method, b.method}, "uri": {a.uri, b.uri}, "host": {a.host, b.host}, "body": {a.body, b.body},
		"custom": {a.header.Get("X-Custom"), b.header.Get("X-Custom")}, "baggage": {a.header.Get("Baggage"), b.header.Get("Baggage")},
		"forwarded": {a.header.Get("X-Forwarded-For"), b.header.Get("X-Forwarded-For")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: stable %q, candidate %q", name, pair[0], pair[1])
		}
	}
	if a.uri != "/payments?x=1;y=2&z=%zz" || a.body != body || a.header.Get("Baggage") != "a=1,gray=v2" ||
		a.header.Get("X-Hop") != "" || a.header.Get("X-Forwarded-For") != "10.0.0.9, 127.0.0.1" || "http://"+a.host != r.server.URL {
		t.Errorf("stable was asked %+v", a)
	}
	tagA, errA := r.signer.Verify(a.header.Get(shadow.HeaderTag), time.Now())
	tagB, errB := r.signer.Verify(b.header.Get(shadow.HeaderTag), time.Now())
	if errA != nil || errB != nil || tagA.Side != shadow.Primary || tagB.Side != shadow.Shadow || tagA.Sample != tagB.Sample || tagA.Release != "v2" || tagB.Epoch != 7 {
		t.Errorf("tags %+v %v, %+v %v", tagA, errA, tagB, errB)
	}
	for _, x := range []asked{a, b} {
		if !strings.Contains(x.header.Get("Traceparent"), "0af7651916cd43dd8448eb211c80319c") {
			t.Errorf("trace was lost: %v", x.header)
		}
	}
	e := r.auditor.closed()[0]
	if e.Amount == nil || e.Amount.String() != "19.99 CNY" || e.Order != "P1" || e.Route != "create" || !e.Creates || e.Primary != nil ||
		len(e.Bindings) != 1 || e.TraceID != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("evidence %+v", e)
	}
}

func TestTagsFromOutsideAreStripped(t *testing.T) {
	for name, c := range map[string]struct {
		trusted bool
		tag     func(r *rig) string
		gray    bool
	}{
		"plain, untrusted":          {false, func(*rig) string { return "v2" }, false},
		"signed, untrusted":         {false, signedAs("v2", shadow.Primary), false},
		"plain, trusted":            {true, func(*rig) string { return "v2" }, true},
		"signed, trusted":           {true, signedAs("v2", shadow.Primary), true},
		"signed shadow, trusted":    {true, signedAs("v2", shadow.Shadow), false},
		"other release, trusted":    {true, func(*rig) string { return "v3" }, false},
		"signed for v3, trusted":    {true, signedAs("v3", shadow.Primary), false},
		"signed with another's key": {true, func(*rig) string { return "v2;id=x;side=primary;t=1;ep=7;sig=AAAA" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c2 *Config, _ *Deps) {
				c2.Slice.PerMillion = 0
				if c.trusted {
					c2.Trusted = loopback()
				}
			})
			r.do("POST", "/payments", `{}`, "X-Order", "P1", shadow.HeaderTag, c.tag(r), "Baggage", "gray=v2")
			got := r.stable.asked()[0].header
			tag, err := r.signer.Verify(got.Get(shadow.HeaderTag), time.Now())
			if (err == nil) != c.gray || (got.Get("Baggage") != "") != c.gray || tag.Sample == "outside" {
				t.Fatalf("stable got %q, %q", got.Get(shadow.HeaderTag), got.Get("Baggage"))
			}
			if !c.gray && got.Get(shadow.HeaderTag) != "" {
				t.Fatal("a foreign tag went through")
			}
		})
	}
}

func signedAs(release string, side shadow.Side) func(*rig) string {
	return func(r *rig) string {
		return r.signer.Sign(shadow.Tag{Release: release, Sample: "outside", Side: side, Time: time.Now(), Epoch: 7})
	}
}

func TestBornGrayOrNever(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/payments/P0/refunds", `{}`) // existed before
	r.create("P1")
	r.do("POST", "/payments/P1/refunds", `{}`)
	r.verdicts(3)
	got := map[string]string{}
	for _, e := range r.auditor.closed() {
		got[e.Order+" "+e.Route] = string(e.Verdict.Outcome) + " " + e.Verdict.Cause
	}
	if got["P0 refund"] != "excluded not-born-gray" || got["P1 create"] != "match " || got["P1 refund"] != "match " {
		t.Fatalf("got %v", got)
	}
	if first := r.stable.asked()[0]; first.header.Get(shadow.HeaderTag) != "" {
		t.Fatal("an order that was not born gray was tagged")
	}
	if n := len(r.candidate.asked()); n != 2 {
		t.Fatalf("candidate was asked %d times", n)
	}
}

func TestForgottenMemberIsNotBornGray(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.Members = 1 })
	r.create("P1")
	r.create("P2")
	r.do("POST", "/payments/P1/refunds", `{}`)
	r.verdicts(3)
	for _, e := range r.auditor.closed() {
		if e.Route == "refund" && e.Verdict.Cause != shadow.RuleNotBornGray {
			t.Fatalf("got %+v", e.Verdict)
		}
	}
}

func TestSliceChangesWhileItRuns(t *testing.T) {
	r := newRig(t, nil)
	r.create("P1")
	set := func(s Slice) {
		if err := r.sidecar.SetSlice(s); err != nil {
			t.Fatal(err)
		}
	}
	set(Slice{Release: "v2", Epoch: 7, PerMillion: 0})
	r.create("P2")                             // no more new orders
	r.do("POST", "/payments/P1/refunds", `{}`) // but members stay
	r.expect("match()", "match()")
	set(Slice{Release: "v2", Epoch: 8, PerMillion: 0, Halted: true})
	r.do("POST", "/payments/P1/refunds", `{}`)
	set(Slice{Release: "v2", Epoch: 8, PerMillion: shadow.PerMillion})
	r.do("POST", "/payments/P1/refunds", `{}`) // the candidate missed some of it
	r.expect("match()", "match()", "excluded(not-born-gray)")
	if err := r.sidecar.SetSlice(Slice{Release: "no good"}); err == nil {
		t.Fatal("a bad release was taken")
	}
}

func TestWhatIsNeverMirrored(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/quiet?order=P1", `{}`)
	r.do("POST", "/payments", `{}`) // no key
	r.do("GET", "/elsewhere", "")
	r.expect("excluded(route)")
	if n := len(r.candidate.asked()); n != 0 {
		t.Fatalf("candidate was asked %d times", n)
	}
}

func TestDatabaseCutoverHasNoMirror(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Candidate = nil })
	r.create("P1")
	r.expect("match()")
	r.stable.Close()
	r.create("P1")
	r.expect("match()", "inconclusive(stable-failed)")
	if n := len(r.candidate.asked()); n != 0 {
		t.Fatalf("candidate was asked %d times", n)
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no upstream":     func(c *Config) { c.Upstream = nil },
		"no instance":     func(c *Config) { c.Instance = "" },
		"short salt":      func(c *Config) { c.Salt = []byte("x") },
		"release":         func(c *Config) { c.Slice.Release = "a b" },
		"threshold":       func(c *Config) { c.Slice.PerMillion = shadow.PerMillion + 1 },
		"route twice":     func(c *Config) { c.Routes = append(c.Routes, c.Routes[0]) },
		"route no key":    func(c *Config) { c.Routes[0].Key = KeyRule{} },
		"route path":      func(c *Config) { c.Routes[0].Path = "payments" },
		"route wildcard":  func(c *Config) { c.Routes[2].Key.Path = "no" },
		"reserved name":   func(c *Config) { c.Routes[0].Name = routeOther },
		"amount unit":     func(c *Config) { c.Routes[0].Amount.Unit = "jiao" },
		"amount currency": func(c *Config) { c.Routes[0].Amount.Currency = "XXX" },
		"body sample":     func(c *Config) { c.BodySample = shadow.PerMillion + 1 },
	} {
		config := newRig(t, nil).config
		config.Routes = routes()
		change(&config)
		if errs := config.Validate(); len(errs) == 0 {
			t.Errorf("%s: no complaint", name)
		}
	}
}
